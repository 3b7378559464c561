//! Words for what the gateway shows targets, and where it has that from.
//!
//! Enters: nothing. Leaves: enums, each value with its word. Never: free text.

use super::Word;

words! {
    /// What a request for a token to show a target came to.
    TokenFetch {
        /// A token is in use.
        Ok = "ok",
        /// The token endpoint said no (4xx).
        Refused = "refused",
        /// The token endpoint failed (5xx), or redirected.
        Failed = "failed",
        /// No answer in time.
        Timeout = "timeout",
        /// No connection, or one that broke off.
        Unreachable = "unreachable",
        /// The answer is not one of a token endpoint.
        Malformed = "malformed",
        /// It is at an address that may not be asked; nothing was sent.
        Forbidden = "forbidden",
    }
}

words! {
    /// Where a secret is kept.
    SecretSource {
        /// In a file.
        File = "file",
        /// In the Parameter Store of AWS Systems Manager.
        Ssm = "ssm",
        /// In AWS Secrets Manager.
        SecretsManager = "secretsmanager",
    }
}

words! {
    /// What a re-read of a secret came to.
    SecretRead {
        /// It is the one in use.
        Unchanged = "unchanged",
        /// It is a new one, which is in use now.
        Rotated = "rotated",
        /// It could not be had; the old one stays in use.
        Failed = "failed",
    }
}
