//! Where the agent's metrics for CloudWatch go.
//!
//! Enters: the configuration. Leaves: the sink that a publisher hands its minutes to, and a line for the
//! operator. Never: a request.

use std::sync::Arc;

use toolgate_telemetry::catalog::Dimension;
use toolgate_telemetry::{CloudConfig, CloudSink};

use crate::settings::Config;

/// Distinct values of a distribution that `PutMetricData` has room for.
const VALUES: usize = 150;

/// A sink, and where it is, in words.
#[derive(Clone, Debug)]
pub struct Sink {
    /// Where minutes go.
    pub sink: Arc<dyn CloudSink>,
    /// Where that is.
    pub place: String,
}

/// What of the metrics is kept for CloudWatch.
pub(super) fn kept() -> CloudConfig {
    // Of the dimensions there are, the kind of tokens is the one that the agent's metrics have.
    CloudConfig { dimensions: vec![Dimension::TokenType], tools: 0, values: VALUES, requests: true }
}

/// The sink of the configuration; `None` when CloudWatch is off.
///
/// # Errors
/// No region is known.
#[cfg(feature = "aws")]
pub(super) async fn sink(config: &Config) -> anyhow::Result<Option<Sink>> {
    use toolgate_telemetry_aws::{Aws, AwsConfig, CloudWatch};
    let Some(namespace) = &config.telemetry.cloudwatch else { return Ok(None) };
    let endpoint = config.aws.endpoint.clone();
    let place = AwsConfig { region: config.aws.region.clone(), endpoint: endpoint.clone() };
    let aws = Box::pin(Aws::load(&place)).await.map_err(|_| {
        anyhow::anyhow!(
            "`telemetry/cloudwatch`: no AWS region is known; set `aws/region` or AWS_REGION"
        )
    })?;
    let at = endpoint.map(|endpoint| format!(" at {endpoint}")).unwrap_or_default();
    let place = format!("put every minute to {namespace} in {}{at}", aws.region());
    Ok(Some(Sink { sink: Arc::new(CloudWatch::new(&aws, namespace)), place }))
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "the same as with AWS")]
pub(super) async fn sink(config: &Config) -> anyhow::Result<Option<Sink>> {
    if config.telemetry.cloudwatch.is_some() {
        anyhow::bail!("`telemetry/cloudwatch`: this program was built without AWS");
    }
    Ok(None)
}
