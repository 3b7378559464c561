//! The audit log to CloudWatch Logs by `PutLogEvents`.
//!
//! Enters: batches that telemetry has made to fit. Leaves: one request each; the stream, and the group,
//! if they are not there. Never: a repetition of its own: telemetry decides that, and counts.

use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::retry::RetryConfig;
use aws_sdk_cloudwatchlogs::config::timeout::TimeoutConfig;
use aws_sdk_cloudwatchlogs::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use toolgate_telemetry::audit::{AuditLine, AuditSink, Copying};
use toolgate_telemetry::catalog::CloudFate;
use toolgate_telemetry::{Refusal, Retry};

use crate::Aws;
use crate::cloudwatch::answered;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(8);
/// How much of an error the operator reads.
const DETAIL: usize = 400;
/// What is not there yet.
const MISSING: &str = "ResourceNotFoundException";
/// Another gateway was faster.
const EXISTS: &str = "ResourceAlreadyExistsException";

/// Sends records to one stream of CloudWatch Logs.
#[derive(Debug)]
pub struct Logs {
    client: Client,
    group: String,
    stream: String,
}

// === impl Logs ===

impl Logs {
    /// A sender. Nothing has been sent yet.
    #[must_use]
    pub fn new(aws: &Aws, group: &str, stream: &str) -> Self {
        let time = TimeoutConfig::builder().operation_timeout(PATIENCE).build();
        let config = aws_sdk_cloudwatchlogs::config::Builder::from(aws.sdk())
            .retry_config(RetryConfig::disabled())
            .timeout_config(time)
            .build();
        let client = Client::from_conf(config);
        Self { client, group: group.to_owned(), stream: stream.to_owned() }
    }

    async fn send(&self, batch: &[AuditLine]) -> Result<(), Refusal> {
        let events: Result<Vec<_>, _> = batch.iter().map(event).collect();
        let events = events.map_err(|error| Refusal {
            fate: CloudFate::Invalid,
            again: Retry::Never,
            detail: error.to_string(),
        })?;
        let request = || {
            self.client
                .put_log_events()
                .log_group_name(&self.group)
                .log_stream_name(&self.stream)
                .set_log_events(Some(events.clone()))
        };
        let missing = match Box::pin(request().send()).await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        if code(&missing) != MISSING {
            return Err(refusal(&missing));
        }
        self.make().await?;
        let again = Box::pin(request().send()).await;
        again.map(drop).map_err(|error| Refusal { again: Retry::Soon, ..refusal(&error) })
    }

    /// Makes group and stream.
    async fn make(&self) -> Result<(), Refusal> {
        let group = self.client.create_log_group().log_group_name(&self.group);
        if let Err(error) = Box::pin(group.send()).await {
            // Whoever may not make groups has one made, and only lacks the stream.
            if code(&error) != EXISTS {
                tracing::debug!(detail = %DisplayErrorContext(&error), "no log group was made");
            }
        }
        let stream = self.client.create_log_stream();
        let stream = stream.log_group_name(&self.group).log_stream_name(&self.stream);
        match Box::pin(stream.send()).await {
            Err(error) if code(&error) != EXISTS => Err(refusal(&error)),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

impl AuditSink for Logs {
    fn put<'a>(&'a self, batch: &'a [AuditLine]) -> Copying<'a> {
        Box::pin(self.send(batch))
    }
}

fn event(line: &AuditLine) -> Result<InputLogEvent, aws_sdk_cloudwatchlogs::error::BuildError> {
    InputLogEvent::builder().timestamp(line.millis).message(&line.text).build()
}

fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> &str {
    error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default()
}

fn refusal<E>(error: &SdkError<E, HttpResponse>) -> Refusal
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let (fate, again) = match error {
        SdkError::TimeoutError(_) => (CloudFate::Timeout, Retry::Soon),
        SdkError::ServiceError(refused) => {
            answered(refused.raw().status().as_u16(), refused.err().code())
        }
        // No credentials, no way there: somebody may do something about it.
        SdkError::ConstructionFailure(_)
        | SdkError::DispatchFailure(_)
        | SdkError::ResponseError(_)
        | _ => (CloudFate::Connect, Retry::Later),
    };
    let detail = DisplayErrorContext(error).to_string();
    Refusal { fate, again, detail: detail.chars().take(DETAIL).collect() }
}
