//! Where traces, metrics and copies of the audit log go.
//!
//! Enters: a configuration. Leaves: a probe for each. Never: a span, a number or a record sent that
//! anybody would see.

use toolgate_telemetry::try_otlp;

use super::Surgery;
use super::finding::{Probe, Said};
use crate::assembly;
use crate::config::{CloudMode, Otlp};

pub(super) fn probes<'a>(surgery: &Surgery<'a>) -> Vec<Probe<'a>> {
    let config = surgery.config;
    let mut probes = Vec::new();
    if let Some(otlp) = &config.traces.otlp {
        probes.push(Probe::new("exporter", "traces.otlp", collector(otlp)));
    }
    let mut at_aws = Vec::new();
    if config.traces.xray.is_some() {
        at_aws.push(("traces.xray", "X-Ray has no request that tries it without spans being kept"));
    }
    if config.cloudwatch.as_ref().is_some_and(|cloud| cloud.mode == CloudMode::Put) {
        at_aws.push(("cloudwatch", "PutMetricData cannot be tried without a number being kept"));
    }
    if config.audit.as_ref().is_some_and(|audit| audit.copy.is_some()) {
        at_aws.push(("audit.cloudwatch", "PutLogEvents cannot be tried without a line being kept"));
    }
    if let Err(why) = &surgery.cloud {
        let fix = "write `aws: { region: … }`, or set AWS_REGION";
        probes.push(Probe::done("aws", "region", Said::fail(why, fix)));
    } else if !at_aws.is_empty() {
        let until = surgery.until;
        probes.push(Probe::new("aws", "identity", identity(&config.aws, until)));
    }
    for (name, why) in at_aws {
        let why = format!("{why}; the check of `aws` says whether its credentials are good");
        probes.push(Probe::done("exporter", name, Said::untried(why)));
    }
    probes
}

async fn identity(aws: &crate::config::Aws, until: tokio::time::Instant) -> Said {
    super::targets::known_at_aws("aws", aws, "", until).await
}

/// Sends a batch without spans, as a batch with some would go.
async fn collector(otlp: &Otlp) -> Said {
    let sent = "an export without spans";
    let tried = match assembly::otlp(otlp) {
        Ok(config) => try_otlp(&config).await,
        Err(error) => Err(error.to_string()),
    };
    match tried {
        Ok(()) => Said::ok(format!("{} takes spans", otlp.endpoint)).sent(sent),
        Err(why) => {
            let fix = "start the collector, or mend `traces.otlp`: `endpoint`, `protocol` (HTTP is \
                       usually at 4318, gRPC at 4317) and `credentials`";
            Said::fail(why, fix).sent(sent)
        }
    }
}
