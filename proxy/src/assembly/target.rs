//! One configured target becomes a service.
//!
//! Enters: a target's configuration. Leaves: its far side with `reach` in front, and what the
//! registry must know of it. Never: a connection; that is made when the first call needs it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::{HeaderValue, Uri};
use tokio::sync::Notify;
use toolgate_mcp::{TargetSpec, TargetSvc, Watches};
use toolgate_reach::{BreakerConfig, Health, ReachConfig, reach};
use toolgate_target::{
    Api, ApiConfig, ApiTarget, Builtin, Credentials, EraChoice, FunctionConfig, FunctionTarget,
    HttpConfig, HttpTarget, LeftOut, NoticeSink, StdioConfig, StdioTarget, TargetNotice, builtin,
    stdio,
};
use toolgate_telemetry::{Shed, Telemetry};

use super::credentials::Showing;
use super::{retry, tools};
use crate::config::{self, Target, TargetKind};
use crate::facts::Facts;

/// How long a child may take to start: `npx` and `uvx` download what they start.
const START: Duration = Duration::from_secs(60);
/// How long a child may be silent before, and after, it is asked whether it lives.
const HANG: Duration = Duration::from_secs(15);
/// Tools of one target whose limits are remembered.
const TOOL_LIMITS: usize = 4096;

/// A target that is put together.
#[derive(Debug)]
pub struct Backend {
    /// What the registry knows of it.
    pub spec: TargetSpec,
    /// How it has been doing.
    pub health: Arc<Health>,
    /// What must be told when the gateway stops, if anything.
    pub far: Option<Far>,
    /// Woken when the target says that its tools have changed.
    pub changed: Arc<Notify>,
}

/// A far side that outlives its calls.
#[derive(Clone, Debug)]
pub enum Far {
    /// A child process.
    Child(StdioTarget),
    /// A server over HTTP, which may keep a session.
    Http(HttpTarget),
}

// === impl Far ===

impl Far {
    /// Ends what is there for the gateway only.
    pub async fn shutdown(&self) {
        match self {
            Self::Child(child) => child.shutdown().await,
            Self::Http(http) => http.shutdown().await,
        }
    }
}

// === impl Backend ===

impl Backend {
    /// Puts a target together.
    ///
    /// # Errors
    /// A URL that cannot be connected to, or a secret that cannot be a header.
    pub(crate) fn new(
        target: &Target,
        telemetry: &Arc<Telemetry>,
        facts: &Arc<Facts>,
        watches: &Arc<Watches>,
        showing: &mut Showing<'_>,
    ) -> anyhow::Result<Self> {
        let name: Arc<str> = Arc::from(target.name.as_str());
        let changed = Arc::new(Notify::new());
        let (far_side, far) =
            far_side(target, &name, (telemetry, facts), (&changed, watches), showing)?;
        let reached = reach(reach_config(target, &name), telemetry, far_side);
        let spec = TargetSpec {
            name: Arc::clone(&name),
            svc: reached.svc,
            scopes: target.scopes.iter().map(String::as_str).collect(),
            timeout: target.timeout,
            retry: retry(target.retry),
            list_ttl: target.list_ttl,
            max_tokens: target.max_tokens,
            trust_annotations: target.trust_annotations,
            required: target.required,
            http: matches!(target.kind, TargetKind::Mcp { .. }),
            metrics: telemetry.target(&name),
        };
        Ok(Self { spec, health: reached.health, far, changed })
    }
}

fn reach_config(target: &Target, name: &Arc<str>) -> ReachConfig {
    ReachConfig {
        target: Arc::clone(name),
        timeout: target.timeout,
        retry: retry(target.retry),
        budget: target.retry.budget,
        concurrency: target.concurrency,
        breaker: BreakerConfig { failures: target.breaker.failures, open: target.breaker.open },
        max_tool_limits: TOOL_LIMITS,
    }
}

fn far_side(
    target: &Target,
    name: &Arc<str>,
    (telemetry, facts): (&Arc<Telemetry>, &Arc<Facts>),
    (changed, watches): (&Arc<Notify>, &Arc<Watches>),
    showing: &mut Showing<'_>,
) -> anyhow::Result<(TargetSvc, Option<Far>)> {
    let notices = heard(name, changed, watches, telemetry);
    match &target.kind {
        TargetKind::Builtin(kind) => {
            let facts: Arc<dyn toolgate_target::GatewayFacts> = Arc::<Facts>::clone(facts);
            let own = |kind| builtin(kind, Arc::clone(name), facts);
            let own = match kind {
                config::Own::Clock => own(Builtin::Clock),
                config::Own::Gateway => own(Builtin::Gateway).with(tools::of_calls(telemetry)),
            };
            Ok((TargetSvc::new(own), None))
        }
        TargetKind::Tools(whom) => {
            let handed = tools::toolset(whom).with_context(|| format!("target `{name}`"))?;
            Ok((TargetSvc::new(toolgate_target::tools(Arc::clone(name), handed)), None))
        }
        TargetKind::Mcp { url, era, credentials } => {
            let config = HttpConfig {
                target: Arc::clone(name),
                url: url.clone(),
                era: era_choice(*era),
                connect_timeout: target.connect_timeout,
                idle_timeout: target.idle_timeout,
                max_response: target.max_response,
                credentials: showing.of(name, credentials.as_ref())?,
                watched: watches.of(name),
            };
            let http = HttpTarget::new(config, Arc::clone(telemetry), notices)
                .with_context(|| format!("target `{name}`"))?;
            Ok((TargetSvc::new(http.clone().service()), Some(Far::Http(http))))
        }
        TargetKind::OpenApi { url, api, credentials } => {
            let credentials = showing.of(name, credentials.as_ref())?;
            Ok((an_api(target, name, (url, api, credentials), telemetry)?, None))
        }
        TargetKind::Lambda(lambda) => {
            let credentials = showing.of(name, Some(&lambda.credentials))?;
            Ok((a_function(target, name, (lambda, credentials), telemetry)?, None))
        }
        TargetKind::Stdio { command, env, cwd } => {
            let config = StdioConfig {
                target: Arc::clone(name),
                command: command.clone(),
                inherited: facts.inherited().to_vec(),
                env: env.iter().map(|(key, value)| (key.clone(), env_value(value))).collect(),
                cwd: cwd.clone(),
                start_timeout: START,
                hang_patience: HANG,
                max_line: target.max_response,
                era: EraChoice::Auto,
                watched: watches.of(name),
            };
            let child = stdio(config, telemetry, notices);
            Ok((TargetSvc::new(child.clone()), Some(Far::Child(child))))
        }
    }
}

fn an_api(
    target: &Target,
    name: &Arc<str>,
    (url, api, credentials): (&Uri, &Api, Credentials),
    telemetry: &Arc<Telemetry>,
) -> anyhow::Result<TargetSvc> {
    for LeftOut { operation, why } in api.left_out() {
        tracing::warn!(target = %name, operation, why, "an operation is no tool");
    }
    let config = ApiConfig {
        target: Arc::clone(name),
        url: url.clone(),
        connect_timeout: target.connect_timeout,
        idle_timeout: target.idle_timeout,
        max_response: target.max_response,
        credentials,
    };
    let api = ApiTarget::new(config, api.clone(), telemetry);
    Ok(TargetSvc::new(api.with_context(|| format!("target `{name}`"))?.service()))
}

fn a_function(
    target: &Target,
    name: &Arc<str>,
    (lambda, credentials): (&config::Lambda, Credentials),
    telemetry: &Arc<Telemetry>,
) -> anyhow::Result<TargetSvc> {
    let config = FunctionConfig {
        target: Arc::clone(name),
        endpoint: lambda.endpoint.clone(),
        function: lambda.function.clone(),
        qualifier: lambda.qualifier.clone(),
        connect_timeout: target.connect_timeout,
        idle_timeout: target.idle_timeout,
        max_response: target.max_response,
        credentials,
    };
    let function = FunctionTarget::new(config, &lambda.tools, telemetry);
    Ok(TargetSvc::new(function.with_context(|| format!("target `{name}`"))?.service()))
}

/// What becomes of a target's own words: changed lists are asked for, changed resources told of.
fn heard(
    name: &Arc<str>,
    changed: &Arc<Notify>,
    watches: &Arc<Watches>,
    telemetry: &Arc<Telemetry>,
) -> NoticeSink {
    let telemetry = Arc::clone(telemetry);
    let (name, changed, watches) = (Arc::clone(name), Arc::clone(changed), Arc::clone(watches));
    Arc::new(move |notice| match notice {
        TargetNotice::ListsChanged => changed.notify_one(),
        TargetNotice::Updated(uri) => watches.updated(&name, &uri),
        TargetNotice::Task(id, message) => {
            if !watches.task(&name, &id, &message) {
                telemetry.gateway.shed(Shed::Subscription);
            }
        }
        TargetNotice::Restarted => {
            changed.notify_one();
            watches.missed(&name);
        }
    })
}

/// A header with the secret in it.
pub(super) fn credential(
    credentials: &config::Credentials,
) -> anyhow::Result<(http::HeaderName, HeaderValue)> {
    let secret = credentials.secret.expose();
    let text = match &credentials.scheme {
        Some(scheme) => format!("{scheme} {secret}"),
        None => secret.to_owned(),
    };
    let mut value = HeaderValue::try_from(text).context("the secret cannot stand in a header")?;
    value.set_sensitive(true);
    Ok((credentials.header.clone(), value))
}

fn env_value(value: &config::EnvValue) -> String {
    match value {
        config::EnvValue::Plain(text) => text.clone(),
        config::EnvValue::Secret(secret) => secret.expose().to_owned(),
    }
}

const fn era_choice(era: config::Era) -> EraChoice {
    match era {
        config::Era::Auto => EraChoice::Auto,
        config::Era::Modern => EraChoice::Modern,
        config::Era::Legacy => EraChoice::Legacy,
    }
}
