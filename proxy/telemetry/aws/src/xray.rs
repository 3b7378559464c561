//! AWS X-Ray: spans in, sampling rules out.
//!
//! Enters: AWS, and what this gateway is called. Leaves: where spans go (OTLP that is signed, or
//! segment documents), who decides what is sampled, and a word of warning when spans would vanish.
//! Never: anything that a call waits for.

mod glob;
mod poll;
mod put;
mod rules;
mod segment;
mod sign;
mod spend;
mod trim;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_xray::Client;
use aws_sdk_xray::config::Builder;
use aws_sdk_xray::config::retry::RetryConfig;
use aws_sdk_xray::config::timeout::TimeoutConfig;
use aws_sdk_xray::types::TraceSegmentDestination;
use toolgate_telemetry::Refreshes;

use crate::Aws;

pub use put::Segments;
pub use rules::Rules;
pub use sign::SigV4;

/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(10);

/// X-Ray in one region.
#[derive(Clone, Debug)]
pub struct Xray {
    aws: Aws,
    client: Client,
}

// === impl Xray ===

impl Xray {
    /// X-Ray where AWS is. Nothing is sent yet.
    #[must_use]
    pub fn new(aws: &Aws) -> Self {
        // Whoever asks repeats by itself, and counts.
        let limits = TimeoutConfig::builder().operation_timeout(LIMIT).build();
        let config = Builder::from(aws.sdk())
            .retry_config(RetryConfig::disabled())
            .timeout_config(limits)
            .build();
        Self { aws: aws.clone(), client: Client::from_conf(config) }
    }

    /// The URL that takes OTLP over HTTP, signed for the service `xray`.
    #[must_use]
    pub fn otlp_url(&self) -> String {
        let base = self.aws.sdk().endpoint_url().map_or_else(
            || {
                let region = self.aws.region();
                let domain = if region.starts_with("cn-") { "com.cn" } else { "com" };
                format!("https://xray.{region}.amazonaws.{domain}")
            },
            |endpoint| endpoint.trim_end_matches('/').to_owned(),
        );
        format!("{base}/v1/traces")
    }

    /// What signs OTLP. Credentials are looked for with the first batch.
    #[must_use]
    pub fn signer(&self) -> SigV4 {
        SigV4::new(self.aws.credentials(), self.aws.region())
    }

    /// What takes spans as segment documents of that service.
    #[must_use]
    pub fn segments(&self, service: &str) -> Segments {
        Segments::new(self.client.clone(), service)
    }

    /// Keeps rules up to date for as long as it is polled.
    pub async fn keep(&self, rules: Arc<Rules>, refreshes: Arc<Refreshes>) {
        Box::pin(poll::keep(rules, self.client.clone(), &refreshes)).await;
    }

    /// Warns when spans that are sent as OTLP would be accepted and never seen.
    pub async fn probe(&self) {
        let asked = Box::pin(self.client.get_trace_segment_destination().send());
        let destination = match asked.await {
            Ok(answer) => answer.destination,
            Err(error) => {
                let detail = put::plain(&error);
                tracing::info!(detail, "X-Ray does not say where it puts spans");
                return;
            }
        };
        if destination == Some(TraceSegmentDestination::XRay) {
            tracing::warn!(
                "spans go to X-Ray as OTLP, but this account puts them into X-Ray alone, which drops \
                 what comes as OTLP: run `aws xray update-trace-segment-destination --destination \
                 CloudWatchLogs` to turn Transaction Search on, or write `mode: segments` under \
                 `traces.xray`"
            );
        }
    }
}
