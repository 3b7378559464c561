//! Secrets that AWS keeps.
//!
//! Enters: where one is. Leaves: its text. Never: a wait of more than [`PATIENCE`]; anything but the kind
//! of an error; a parameter as it is stored, undecrypted.

use std::time::Duration;

use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use toolgate_telemetry_aws::Aws;

/// How long a secret may take, all attempts together.
const PATIENCE: Duration = Duration::from_secs(5);
const ATTEMPTS: u32 = 2;

/// Where a secret is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where<'a> {
    /// A parameter of Systems Manager, by name.
    Parameter(&'a str),
    /// A secret of Secrets Manager, by name or ARN; and the member, if it is a JSON object.
    Secret(&'a str, Option<&'a str>),
}

/// Reads secrets.
#[derive(Clone, Debug)]
pub struct Secrets {
    ssm: aws_sdk_ssm::Client,
    manager: aws_sdk_secretsmanager::Client,
}

// === impl Secrets ===

impl Secrets {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(aws: &Aws) -> Self {
        let time = TimeoutConfig::builder().operation_timeout(PATIENCE).build();
        let retry = RetryConfig::standard().with_max_attempts(ATTEMPTS);
        let ssm = aws_sdk_ssm::config::Builder::from(aws.sdk())
            .retry_config(retry.clone())
            .timeout_config(time.clone())
            .build();
        let manager = aws_sdk_secretsmanager::config::Builder::from(aws.sdk())
            .retry_config(retry)
            .timeout_config(time)
            .build();
        Self {
            ssm: aws_sdk_ssm::Client::from_conf(ssm),
            manager: aws_sdk_secretsmanager::Client::from_conf(manager),
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// Why it cannot be had, to follow its name.
    pub async fn read(&self, place: Where<'_>) -> Result<String, String> {
        match place {
            Where::Parameter(name) => self.parameter(name).await,
            Where::Secret(id, key) => {
                let text = self.secret(id).await?;
                match key {
                    Some(key) => member(&text, key),
                    None => Ok(text),
                }
            }
        }
    }

    async fn parameter(&self, name: &str) -> Result<String, String> {
        let request = self.ssm.get_parameter().name(name).with_decryption(true);
        let answer = Box::pin(request.send()).await.map_err(|error| problem(&error))?;
        let value = answer.parameter.and_then(|parameter| parameter.value);
        value.ok_or_else(|| "has no value".to_owned())
    }

    async fn secret(&self, id: &str) -> Result<String, String> {
        let request = self.manager.get_secret_value().secret_id(id);
        let answer = Box::pin(request.send()).await.map_err(|error| problem(&error))?;
        answer.secret_string.ok_or_else(|| "is binary".to_owned())
    }
}

/// A member of a JSON object, which must be a text.
fn member(text: &str, key: &str) -> Result<String, String> {
    let object: serde_json::Value =
        serde_json::from_str(text).map_err(|_| "is not a JSON object".to_owned())?;
    let found = object.get(key).ok_or("has no such member")?;
    found.as_str().map(str::to_owned).ok_or_else(|| "has a member that is no text".to_owned())
}

/// What went wrong: the code of the service, or the kind of trouble on the way to it. What a service
/// writes beside its code may name accounts and roles.
fn problem<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    match error {
        SdkError::ServiceError(refused) => {
            let code = refused.err().code().unwrap_or("no code");
            if matches!(code, "ParameterNotFound" | "ResourceNotFoundException") {
                return format!("is not there ({code})");
            }
            format!("is not given out by AWS ({code})")
        }
        SdkError::TimeoutError(_) => format!("did not come within {} s", PATIENCE.as_secs()),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            format!("did not come within {} s", PATIENCE.as_secs())
        }
        // The SDK may grow further kinds; they are failures of the way there.
        SdkError::ConstructionFailure(_)
        | SdkError::DispatchFailure(_)
        | SdkError::ResponseError(_)
        | _ => "cannot be had: AWS is not reached, or there are no AWS credentials".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    //! Members of JSON objects.

    use super::member;

    #[test]
    fn a_member_is_a_text_of_an_object_and_no_error_shows_what_is_there() {
        let text = r#"{"token":"canary4711","number":5}"#;
        assert_eq!(member(text, "token").unwrap(), "canary4711");
        for (text, key) in [(text, "absent"), (text, "number"), ("canary4711", "token")] {
            let problem = member(text, key).unwrap_err();
            assert!(!problem.contains("canary"), "{problem}");
        }
    }
}
