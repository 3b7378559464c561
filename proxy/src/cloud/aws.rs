//! A build with AWS.
//!
//! Enters: a resolved configuration. Leaves: X-Ray as a backend for spans, its rules, and the tasks
//! that keep those up to date. Never: a credential; the SDK finds those with the first request.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;
use toolgate_telemetry::audit::AuditSink;
use toolgate_telemetry::{CloudSink, OtlpConfig, Protocol, Sampler, SpansTo, Telemetry};
use toolgate_telemetry_aws::{Aws, AwsConfig, CloudWatch, Logs, Rules, Xray};

use crate::config::{self, CloudMode, Config, XrayMode};

/// How long one attempt at a batch may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What is used of AWS.
#[derive(Debug)]
pub struct Cloud {
    aws: Option<Aws>,
    xray: Option<Traced>,
}

/// X-Ray, as configured.
#[derive(Debug)]
struct Traced {
    xray: Xray,
    to: SpansTo,
    rules: Option<Arc<Rules>>,
    /// Whether spans may be accepted there and never seen.
    doubtful: bool,
}

// === impl Cloud ===

impl Cloud {
    /// Finds out where AWS is, if the configuration asks for it.
    ///
    /// # Errors
    /// When no region is known.
    pub async fn find(config: &Config) -> anyhow::Result<Self> {
        let put = config.cloudwatch.as_ref().is_some_and(|cloud| cloud.mode == CloudMode::Put);
        let copied = config.audit.as_ref().is_some_and(|audit| audit.copy.is_some());
        if config.traces.xray.is_none() && !put && !copied {
            return Ok(Self { aws: None, xray: None });
        }
        let known = AwsConfig {
            region: config.aws.region.clone(),
            endpoint: config.aws.endpoint.as_ref().map(ToString::to_string),
        };
        let aws = Box::pin(Aws::load(&known)).await?;
        let xray = config.traces.xray.as_ref().map(|wanted| Traced::new(&aws, wanted));
        Ok(Self { xray: xray.transpose()?, aws: Some(aws) })
    }

    /// Where metrics go, and the region of that.
    ///
    /// # Errors
    /// When the configuration does not ask for it.
    pub fn metrics_to(&self, namespace: &str) -> anyhow::Result<(Arc<dyn CloudSink>, String)> {
        let aws = self.aws.as_ref().context("nobody asked for AWS")?;
        Ok((Arc::new(CloudWatch::new(aws, namespace)), aws.region().to_owned()))
    }

    /// Where copies of audit records go.
    ///
    /// # Errors
    /// When the configuration does not ask for it.
    pub fn audit_to(&self, copy: &config::AuditCopy) -> anyhow::Result<Arc<dyn AuditSink>> {
        let aws = self.aws.as_ref().context("nobody asked for AWS")?;
        Ok(Arc::new(Logs::new(aws, &copy.group, &copy.stream)))
    }

    /// Where spans go, if they go to AWS.
    #[must_use]
    pub fn spans_to(&self) -> Option<SpansTo> {
        self.xray.as_ref().map(|traced| traced.to.clone())
    }

    /// Who decides what is recorded, if X-Ray's rules do.
    #[must_use]
    pub fn sampler(&self) -> Option<Arc<dyn Sampler>> {
        let rules = self.xray.as_ref()?.rules.as_ref()?;
        Some(Arc::<Rules>::clone(rules))
    }

    /// Starts what runs beside the calls.
    pub fn start(self, telemetry: &Telemetry, tasks: &mut JoinSet<()>) {
        let Some(Traced { xray, rules, doubtful, .. }) = self.xray else { return };
        if doubtful {
            let xray = xray.clone();
            tasks.spawn(async move { xray.probe().await });
        }
        if let Some(rules) = rules {
            let refreshes = telemetry.rule_refreshes();
            tasks.spawn(async move { xray.keep(rules, refreshes).await });
        }
    }
}

// === impl Traced ===

impl Traced {
    fn new(aws: &Aws, wanted: &config::Xray) -> anyhow::Result<Self> {
        let xray = Xray::new(aws);
        let to = match wanted.mode {
            XrayMode::Otlp => SpansTo::Otlp(Box::new(OtlpConfig {
                endpoint: xray.otlp_url().parse().context("the address of X-Ray")?,
                protocol: Protocol::Http,
                headers: Vec::new(),
                timeout: TIMEOUT,
                service: wanted.service.clone(),
                gzip: true,
                signer: Some(Arc::new(xray.signer())),
            })),
            XrayMode::Segments => SpansTo::Sink(Arc::new(xray.segments(&wanted.service))),
        };
        let rules = wanted.rules.then(|| Arc::new(Rules::new(&wanted.service)));
        let doubtful = wanted.mode == XrayMode::Otlp;
        Ok(Self { xray, to, rules, doubtful })
    }
}
