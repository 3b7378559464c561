//! Numbers to CloudWatch by `PutMetricData`.
//!
//! Enters: batches that telemetry has made to fit. Leaves: one request each, compressed from 10 KiB on
//! by the SDK. Never: a repetition of its own: telemetry decides that, and counts.

use std::error::Error;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::retry::RetryConfig;
use aws_sdk_cloudwatch::config::timeout::TimeoutConfig;
use aws_sdk_cloudwatch::error::{DisplayErrorContext, ProvideErrorMetadata as _, SdkError};
use aws_sdk_cloudwatch::operation::put_metric_data::PutMetricDataError;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use toolgate_telemetry::catalog::CloudFate;
use toolgate_telemetry::{CloudSink, Datum, Putting, Refusal, Retry};

use crate::Aws;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(8);
/// How much of an error the operator reads.
const DETAIL: usize = 400;
/// Codes that mean that somebody has to do something about credentials or permissions.
const ACCESS: [&str; 9] = [
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// Sends numbers to one namespace of CloudWatch.
#[derive(Debug)]
pub struct CloudWatch {
    client: Client,
    namespace: String,
}

// === impl CloudWatch ===

impl CloudWatch {
    /// A sender. Nothing has been sent yet.
    #[must_use]
    pub fn new(aws: &Aws, namespace: &str) -> Self {
        let time = TimeoutConfig::builder().operation_timeout(PATIENCE).build();
        let config = aws_sdk_cloudwatch::config::Builder::from(aws.sdk())
            .retry_config(RetryConfig::disabled())
            .timeout_config(time)
            .build();
        Self { client: Client::from_conf(config), namespace: namespace.to_owned() }
    }

    async fn send(&self, batch: &[Datum]) -> Result<(), Refusal> {
        let request = self
            .client
            .put_metric_data()
            .namespace(&self.namespace)
            .set_metric_data(Some(batch.iter().map(metric).collect()));
        match Box::pin(request.send()).await {
            Ok(_) => Ok(()),
            Err(error) => Err(refusal(&error)),
        }
    }
}

impl CloudSink for CloudWatch {
    fn put<'a>(&'a self, batch: &'a [Datum]) -> Putting<'a> {
        Box::pin(self.send(batch))
    }
}

fn metric(datum: &Datum) -> MetricDatum {
    let dimension = |(key, value): &(toolgate_telemetry::catalog::Dimension, Box<str>)| {
        Dimension::builder().name(key.as_str()).value(&**value).build()
    };
    MetricDatum::builder()
        .metric_name(datum.name)
        .set_dimensions(Some(datum.dimensions.iter().map(dimension).collect()))
        .timestamp(DateTime::from(datum.at))
        .set_values(Some(datum.values.clone()))
        .set_counts(Some(datum.counts.clone()))
        .unit(StandardUnit::from(datum.unit))
        .build()
}

fn refusal(error: &SdkError<PutMetricDataError, HttpResponse>) -> Refusal {
    let (fate, again) = match error {
        SdkError::ConstructionFailure(_) => (CloudFate::Connect, Retry::Later),
        SdkError::DispatchFailure(_) if lacks_credentials(error) => {
            (CloudFate::Connect, Retry::Later)
        }
        SdkError::TimeoutError(_) => (CloudFate::Timeout, Retry::Soon),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            (CloudFate::Timeout, Retry::Soon)
        }
        SdkError::ServiceError(refused) => {
            answered(refused.raw().status().as_u16(), refused.err().code())
        }
        SdkError::ResponseError(answer) => answered(answer.raw().status().as_u16(), None),
        // The SDK may grow further kinds; they are failures of the way there.
        SdkError::DispatchFailure(_) | _ => (CloudFate::Connect, Retry::Soon),
    };
    let detail = DisplayErrorContext(error).to_string();
    Refusal { fate, again, detail: detail.chars().take(DETAIL).collect() }
}

/// Whether no credentials could be had, which the SDK calls a failure to send.
fn lacks_credentials(error: &(dyn Error + 'static)) -> bool {
    let causes =
        std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source());
    causes.into_iter().any(|cause| cause.is::<CredentialsError>())
}

/// What an answer with that status means.
pub(crate) fn answered(status: u16, code: Option<&str>) -> (CloudFate, Retry) {
    let code = code.unwrap_or_default();
    if status == 429 || code.starts_with("Throttling") {
        return (CloudFate::Throttled, Retry::Soon);
    }
    if status >= 500 {
        return (CloudFate::Http5xx, Retry::Soon);
    }
    let access = matches!(status, 401 | 403) || ACCESS.contains(&code);
    (CloudFate::Http4xx, if access { Retry::Later } else { Retry::Never })
}

#[cfg(test)]
mod tests;
