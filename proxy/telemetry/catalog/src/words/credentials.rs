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
        /// A user's grant holds no more (`invalid_grant`).
        Revoked = "revoked",
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
    /// What became of what users are asked to let the gateway do at a target.
    GrantEvent {
        /// A caller was told where to agree.
        Asked = "asked",
        /// A user has agreed, and a token is there.
        Granted = "granted",
        /// The user or the authorization server said no.
        Declined = "declined",
        /// The authorization server gave no token for the code.
        Failed = "failed",
        /// A link or a state that is not known, was used, is over, or is another browser's.
        Unknown = "unknown",
        /// A grant holds no more: it ended, or was taken back.
        Revoked = "revoked",
        /// The oldest grant had to go: there was no room.
        Evicted = "evicted",
        /// Nobody could be asked: there was no room.
        Overloaded = "overloaded",
        /// What is held could not be written to its file.
        Unkept = "unkept",
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
