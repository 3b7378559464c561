//! Why something could not be put into an account.
//!
//! Enters: an error of the SDK, and what was asked. Leaves: one of few reasons, each of which has
//! something that can be done about it. Never: a credential.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudwatch::error::{ProvideErrorMetadata, SdkError};

use super::{Account, Fault};

/// Why it could not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// Nothing says which region it is.
    #[error("no AWS region is known")]
    NoRegion,
    /// What would be sent breaks a rule of CloudWatch.
    #[error("{} of CloudWatch's rules would be broken, nothing was sent", .0.len())]
    Invalid(Vec<Fault>),
    /// There are no credentials, or they cannot be had.
    #[error("no AWS credentials were found: {0}")]
    NoCredentials(String),
    /// The credentials are not taken.
    #[error("the AWS credentials were refused: {0}")]
    BadCredentials(String),
    /// They do not allow what was asked.
    #[error("{action} is not allowed: {message}")]
    Denied {
        /// The IAM action that is missing.
        action: &'static str,
        /// What AWS says.
        message: String,
    },
    /// Nothing answers, or not in time, or not as CloudWatch does.
    #[error("CloudWatch cannot be reached at {endpoint}: {why}")]
    Unreachable {
        /// Where it was asked.
        endpoint: String,
        /// What went wrong.
        why: String,
    },
    /// It answered with another error.
    #[error("{action} failed: {message}")]
    Refused {
        /// What was asked, as an IAM action.
        action: &'static str,
        /// What AWS says.
        message: String,
    },
}

/// Codes by which AWS says that it does not know who asks.
const UNKNOWN_CALLER: [&str; 8] = [
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "ExpiredToken",
    "ExpiredTokenException",
    "MissingAuthenticationToken",
];
/// Codes by which it says that this one may not.
const DENIED: [&str; 4] =
    ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"];

// === impl Failed ===

impl Failed {
    /// What an error of the SDK means for whoever asked for that action.
    pub(super) fn of<E>(error: &SdkError<E>, action: &'static str, account: &Account) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        if let Some(why) = without_credentials(error) {
            return Self::NoCredentials(why);
        }
        let unreachable = |why| Self::Unreachable { endpoint: account.endpoint().to_owned(), why };
        let Some(service) = error.as_service_error() else { return unreachable(causes(error)) };
        let said = service.message().unwrap_or("no reason was given");
        let Some(code) = service.code() else { return unreachable(causes(error)) };
        let message = format!("{code}: {said}");
        if UNKNOWN_CALLER.contains(&code) {
            Self::BadCredentials(message)
        } else if DENIED.contains(&code) {
            Self::Denied { action, message }
        } else {
            Self::Refused { action, message }
        }
    }

    /// A list of the account that does not end.
    pub(super) fn endless(action: &'static str, most: usize) -> Self {
        let message = format!("the list has more than {most} pages; name a narrower --prefix");
        Self::Refused { action, message }
    }
}

fn without_credentials(error: &(dyn Error + 'static)) -> Option<String> {
    chain(error)
        .find_map(|cause| cause.downcast_ref::<CredentialsError>())
        .map(|error| causes(error))
}

fn chain<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> + 'a {
    std::iter::successors(Some(error), |&error| error.source())
}

/// An error and what caused it, on one line; what a cause repeats is left out.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut line = String::new();
    for cause in chain(error) {
        let text = cause.to_string();
        if line.contains(&text) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&text);
    }
    line
}
