//! A build with AWS.
//!
//! Enters: a resolved configuration. Leaves: X-Ray as a backend for spans, its rules, and the tasks
//! that keep those up to date. Never: a credential; the SDK finds those with the first request.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;
use toolgate_target::Show;
use toolgate_target_aws::{Secrets, Signed, Where};
use toolgate_telemetry::audit::AuditSink;
use toolgate_telemetry::{CloudSink, OtlpConfig, Protocol, Sampler, SpansTo, Telemetry};
use toolgate_telemetry_aws::{Aws, AwsConfig, CloudWatch, Logs, Rules, Xray};

use crate::config::{
    self, CloudMode, Config, RemoteSecret, SecretRef, Target, TargetCredentials, XrayMode,
};

/// How long one attempt at a batch may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What is used of AWS.
#[derive(Debug)]
pub struct Cloud {
    aws: Option<Aws>,
    xray: Option<Traced>,
}

/// Reads secrets.
#[derive(Clone, Debug)]
pub struct Reader(Secrets);

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
    /// Nothing of AWS.
    #[must_use]
    pub const fn none() -> Self {
        Self { aws: None, xray: None }
    }

    /// Finds out where AWS is, if the configuration asks for it.
    ///
    /// # Errors
    /// When no region is known.
    pub async fn find(config: &Config) -> anyhow::Result<Self> {
        let put = config.cloudwatch.as_ref().is_some_and(|cloud| cloud.mode == CloudMode::Put);
        let copied = config.audit.as_ref().is_some_and(|audit| audit.copy.is_some());
        let used = put || copied || config.targets.iter().any(uses_aws);
        if config.traces.xray.is_none() && !used {
            return Ok(Self { aws: None, xray: None });
        }
        let whose =
            if put || copied || config.traces.xray.is_some() { &[] } else { &*config.targets };
        let aws = Box::pin(Aws::load(&known(&config.aws, whose))).await?;
        let xray = config.traces.xray.as_ref().map(|wanted| Traced::new(&aws, wanted));
        Ok(Self { xray: xray.transpose()?, aws: Some(aws) })
    }

    /// The same for what targets need alone.
    ///
    /// # Errors
    /// When no region is known.
    pub async fn for_targets(config: &Config) -> anyhow::Result<Self> {
        let aws = if config.targets.iter().any(uses_aws) {
            Some(Box::pin(Aws::load(&known(&config.aws, &config.targets))).await?)
        } else {
            None
        };
        Ok(Self { aws, xray: None })
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

    /// Reads secrets.
    ///
    /// # Errors
    /// When the configuration does not ask for it.
    pub fn reader(&self) -> anyhow::Result<Reader> {
        let aws = self.aws.as_ref().context("nobody asked for AWS")?;
        Ok(Reader(Secrets::new(aws)))
    }

    /// Signs the requests to a target.
    ///
    /// # Errors
    /// When the configuration does not ask for it.
    pub fn signed(&self, service: &str, region: Option<&str>) -> anyhow::Result<Arc<dyn Show>> {
        let aws = self.aws.as_ref().context("nobody asked for AWS")?;
        Ok(Arc::new(Signed::new(aws, service, region)))
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

// === impl Reader ===

impl Reader {
    /// Reads one.
    ///
    /// # Errors
    /// Why it cannot be had, to follow its name.
    pub async fn read(&self, secret: &RemoteSecret) -> Result<String, String> {
        let place = match secret {
            RemoteSecret::Ssm(name) => Where::Parameter(name),
            RemoteSecret::SecretsManager { id, key } => Where::Secret(id, key.as_deref()),
        };
        Box::pin(self.0.read(place)).await
    }
}

/// Reads a secret for a configuration that is being read: nothing runs yet, and whoever reads it waits.
///
/// # Errors
/// Why it cannot be had, to follow its name.
pub fn read_at_start(aws: &config::Aws, secret: &RemoteSecret) -> Result<String, String> {
    let reading = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("cannot be read: {error}"))?;
        runtime.block_on(async {
            let aws = Box::pin(Aws::load(&known(aws, &[]))).await;
            let aws = aws.map_err(|error| format!("cannot be read: {error}"))?;
            Reader(Secrets::new(&aws)).read(secret).await
        })
    };
    // A thread of its own: this one may belong to a runtime.
    let read = std::thread::scope(|scope| scope.spawn(reading).join());
    read.unwrap_or_else(|_| Err("cannot be read".to_owned()))
}

fn known(aws: &config::Aws, targets: &[Target]) -> AwsConfig {
    // Where each target says which region it is in, nobody asks for another.
    let regions = targets.iter().filter(|target| uses_aws(target)).map(own_region);
    let own = regions.collect::<Option<Vec<&str>>>().and_then(|all| all.first().copied());
    AwsConfig {
        region: aws.region.clone().or_else(|| own.map(str::to_owned)),
        endpoint: aws.endpoint.as_ref().map(ToString::to_string),
    }
}

/// The region that a target names itself.
fn own_region(target: &Target) -> Option<&str> {
    match target.kind.credentials()? {
        TargetCredentials::SigV4 { region, .. } => region.as_deref(),
        TargetCredentials::Header(..)
        | TargetCredentials::Client(_)
        | TargetCredentials::Exchange(_)
        | TargetCredentials::User(_) => None,
    }
}

/// Whether what a target is shown comes from AWS, or goes by it.
fn uses_aws(target: &Target) -> bool {
    let Some(credentials) = target.kind.credentials() else { return false };
    match credentials {
        TargetCredentials::Header(_, kept) => matches!(kept, Some(SecretRef::Remote(_))),
        TargetCredentials::Client(client) | TargetCredentials::Exchange(client) => {
            matches!(client.kept, SecretRef::Remote(_))
        }
        TargetCredentials::User(grant) => matches!(grant.client.kept, SecretRef::Remote(_)),
        TargetCredentials::SigV4 { .. } => true,
    }
}
