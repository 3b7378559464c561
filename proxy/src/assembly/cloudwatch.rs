//! Where metrics for CloudWatch go.
//!
//! Enters: the configuration. Leaves: the sink that a publisher hands its minutes to, and a line for
//! the operator with what it may cost. Never: a request.

use std::fmt::Write as _;
use std::sync::Arc;

use toolgate_telemetry::catalog::Dimension;
use toolgate_telemetry::{CloudConfig, CloudSink, Emf, EmfTo, Estimate};

use crate::cloud::Cloud;
use crate::config::{CloudDimension, CloudMode, CloudWatch, Config, EmfFile};

/// Distinct values of a distribution that `PutMetricData` has room for.
const VALUES: usize = 150;

/// A sink, and where it is, in words.
#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) sink: Arc<dyn CloudSink>,
    place: String,
}

/// What of the metrics is kept for CloudWatch.
pub(crate) fn kept(cloudwatch: &CloudWatch) -> CloudConfig {
    let put = cloudwatch.mode == CloudMode::Put;
    let dimension = |dimension: &CloudDimension| match dimension {
        CloudDimension::Target => Dimension::Target,
        CloudDimension::ToolName => Dimension::ToolName,
        CloudDimension::ErrorType => Dimension::ErrorType,
    };
    CloudConfig {
        dimensions: cloudwatch.dimensions.iter().map(dimension).collect(),
        tools: cloudwatch.tools,
        values: if put { VALUES } else { Emf::VALUES },
        requests: put,
    }
}

/// The sink of the configuration; `None` when CloudWatch is off.
///
/// # Errors
/// When the file for lines cannot be opened.
pub(crate) fn sink(config: &Config, cloud: &Cloud) -> anyhow::Result<Option<Sink>> {
    let Some(cloudwatch) = &config.cloudwatch else { return Ok(None) };
    let namespace = &cloudwatch.namespace;
    match cloudwatch.mode {
        CloudMode::Off => Ok(None),
        CloudMode::Put => put(config, cloud, namespace).map(Some),
        CloudMode::Emf => {
            let (to, place) = match &cloudwatch.to {
                EmfFile::Stdout => (EmfTo::Stdout, "standard output".to_owned()),
                EmfFile::File(path) => (EmfTo::File(path.clone()), path.display().to_string()),
            };
            let sink = Arc::new(Emf::new(namespace, to)?);
            Ok(Some(Sink { sink, place: format!("emf every minute for {namespace} to {place}") }))
        }
    }
}

fn put(config: &Config, cloud: &Cloud, namespace: &str) -> anyhow::Result<Sink> {
    let (sink, region) = cloud.metrics_to(namespace)?;
    let mut place = format!("put every minute to {namespace} in {region}");
    if let Some(endpoint) = &config.aws.endpoint {
        // Writing to a String cannot fail.
        let _written = write!(place, " at {endpoint}");
    }
    Ok(Sink { sink, place })
}

// === impl Sink ===

impl Sink {
    /// The line for the operator.
    pub(crate) fn line(&self, estimate: Option<Estimate>) -> String {
        let mut line = self.place.clone();
        if let Some(estimate) = estimate {
            // Writing to a String cannot fail.
            let _written = write!(line, ", {estimate}");
        }
        line
    }
}
