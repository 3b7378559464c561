//! Configuration becomes parts.
//!
//! Enters: a resolved `Config` and the address that was bound. Leaves: the parts of the stack and
//! what must be kept alive for them. Never: reads the
//! environment, or a file but that of the grants.

mod calls;
pub(crate) mod cloudwatch;
mod credentials;
mod grants;
pub(crate) mod pins;
mod rates;
mod ruling;
mod search;
mod servers;
mod target;
mod tools;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use toolgate_admit::authn::{ApiKeys, AuthConfig, Authenticator, IssuerConfig, Profile};
use toolgate_admit::{OriginConfig, RpcConfig, Servers};
use toolgate_call::{Principal, RetryPlan};
use toolgate_fetch::{Fetcher, Ground};
use toolgate_mcp::{
    McpConfig, Prefix, Registry, Router, SessionConfig, Sessions, ToolRule, Views, Watches,
};
use toolgate_telemetry::audit::{AuditConfig, Fsync, Rotation};
use toolgate_telemetry::{AccessLogTo, OtlpConfig, Protocol, SpansTo, Telemetry, TraceConfig};

pub(crate) use credentials::Showing;
pub(crate) use ruling::policy;
pub(crate) use servers::views;
pub use target::{Backend, Far};
pub(crate) use tools::toolset;

use crate::buckets::SharedBuckets;
use crate::cloud::Cloud;
use crate::config::{self, Config};
use crate::facts::Facts;
use crate::grants::Keeping;
use crate::policies::Rulebook;
use crate::secrets::Keeper;
use crate::stack::Parts;

/// How long the body of a request may take to arrive.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an event stream may be quiet.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Tools on one page of a list.
const PAGE: usize = 1000;
/// Bytes of access log that may wait to be written.
const LOG_BUFFER: usize = 4 * 1024 * 1024;
/// Label sets of histograms before tools share one.
const HISTOGRAM_SETS: usize = 2000;

/// A gateway that is put together but does not run yet.
#[derive(Debug)]
pub struct Assembly {
    /// What the stack is made of.
    pub parts: Parts,
    /// The far sides, in configuration order.
    pub backends: Vec<Backend>,
    /// What the gateway knows of itself.
    pub facts: Arc<Facts>,
    /// The rate buckets that it shares with others, if it does; they are to be kept.
    pub shared: Option<SharedBuckets>,
    /// Who looks for new policies, if there are any.
    pub rulebook: Option<Arc<Rulebook>>,
    /// Who writes down what users let the gateway do, if it is kept.
    pub(crate) keeping: Option<Arc<Keeping>>,
    /// Who looks for new secrets.
    pub secrets: Vec<Arc<Keeper>>,
}

/// Whom the gateway is put together for.
#[derive(Clone, Debug)]
pub enum Callers {
    /// Whoever reaches that address: the configuration says who may.
    Network(SocketAddr),
    /// The process that the gateway is a part of (ADR 19).
    Process(Arc<Principal>),
}

/// The `Host` of callers within the process.
pub const LOCAL_HOST: &str = "localhost";

/// Metrics and logs, before anything else: everything reports to them. `cloud` is what they have of
/// AWS.
///
/// # Errors
/// A log file that cannot be opened.
pub fn telemetry(config: &Config, cloud: &Cloud) -> std::io::Result<Arc<Telemetry>> {
    let access_log = match &config.log.access {
        config::AccessLog::Stderr => AccessLogTo::Stderr,
        config::AccessLog::Stdout => AccessLogTo::Stdout,
        config::AccessLog::Off => AccessLogTo::Off,
        config::AccessLog::File(path) => AccessLogTo::File(path.clone()),
    };
    Telemetry::new(toolgate_telemetry::Config {
        access_log,
        log_sample: config.log.sample,
        buffer_bytes: LOG_BUFFER,
        histogram_sets: HISTOGRAM_SETS,
        traces: traces(&config.traces, cloud)?,
        audit: config.audit.as_ref().map(audit),
        cloudwatch: config.cloudwatch.as_ref().map(cloudwatch::kept),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

fn audit(audit: &config::Audit) -> AuditConfig {
    AuditConfig {
        path: audit.file.clone(),
        required: audit.required,
        fsync: match audit.durable {
            config::Durable::First => Fsync::Always,
            config::Durable::Every(time) => Fsync::Interval(time),
            config::Durable::Sometime => Fsync::Never,
        },
        rotation: Rotation {
            bytes: audit.file_bytes,
            age: audit.file_age,
            files: audit.keep,
            kept_bytes: audit.keep_bytes,
        },
        buffer: audit.buffer,
        outcomes: audit.outcomes,
        copied: audit.copy.is_some(),
    }
}

fn traces(traces: &config::Traces, cloud: &Cloud) -> std::io::Result<TraceConfig> {
    let otlp = traces.otlp.as_ref().map(otlp).transpose()?;
    let otlp = otlp.map(|otlp| SpansTo::Otlp(Box::new(otlp)));
    Ok(TraceConfig {
        ratio: traces.sample,
        trust_remote: traces.trust_callers,
        slow: traces.slow,
        rules: cloud.sampler(),
        to: otlp.or_else(|| cloud.spans_to()),
    })
}

/// The way to a collector.
///
/// # Errors
/// A secret that cannot be a header.
pub(crate) fn otlp(otlp: &config::Otlp) -> std::io::Result<OtlpConfig> {
    let headers: anyhow::Result<_> = otlp.credentials.iter().map(target::credential).collect();
    Ok(OtlpConfig {
        endpoint: otlp.endpoint.clone(),
        protocol: match otlp.protocol {
            config::OtlpProtocol::Http => Protocol::Http,
            config::OtlpProtocol::Grpc => Protocol::Grpc,
        },
        headers: headers.map_err(std::io::Error::other)?,
        timeout: otlp.timeout,
        service: otlp.service.clone(),
        gzip: false,
        signer: None,
    })
}

/// Puts a gateway together. Starts children, connects nothing else.
///
/// # Errors
/// What the configuration asks for and the system does not give.
pub fn assemble(
    config: &Config,
    callers: &Callers,
    (telemetry, cloud): (&Arc<Telemetry>, &Cloud),
    inherited: Vec<(String, String)>,
) -> anyhow::Result<Assembly> {
    let facts = Facts::new(inherited);
    let fetcher = fetcher(config);
    let auth = authenticator(config, callers, telemetry, &fetcher)?;
    let standing = ruling::standing(config, telemetry);
    let policy = Arc::new(ruling::ruled(config, callers, standing.as_ref()));
    let watches: Arc<Watches> = Arc::default();
    let granting = grants::granting(config, callers, telemetry)?;
    let mut showing = Showing::new(cloud, &fetcher, telemetry).with(&granting.grants);
    let mut backends = Vec::with_capacity(config.targets.len());
    for target in &config.targets {
        backends.push(Backend::new(target, telemetry, &facts, &watches, &mut showing)?);
    }
    let specs = backends.iter().map(|backend| backend.spec.clone()).collect();
    let views = Views { finder: search::finder(config)?, ..views(config) };
    let servers: Servers = views.servers.iter().map(|spec| Arc::clone(&spec.server)).collect();
    let registry = Registry::new(specs, rules(config), views, watches, Arc::clone(telemetry));
    registry.hold_to(&pins::contracts(config.pins.as_ref(), None));
    facts.know(&registry, &backends);
    show_at_scrape(&facts, telemetry);
    let identity = McpConfig {
        name: "toolgate".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instructions: None,
        page: PAGE,
    };
    let router = Router::new(
        identity,
        Arc::clone(&registry),
        Arc::clone(&policy),
        sessions(config)?,
        Arc::clone(telemetry),
    );
    let (buckets, shared) = rates::buckets(config, telemetry)?;
    let rulebook = ruling::rulebook(config, standing.as_ref(), &registry, telemetry);
    let parts = Parts {
        telemetry: Arc::clone(telemetry),
        origin: Arc::new(origin(config, callers)),
        auth,
        servers,
        pages: granting.pages,
        rpc: rpc(config),
        policy,
        explain: Arc::new(toolgate_guard::Plainly),
        registry,
        concurrency: config.limits.concurrency,
        streams: config.limits.streams,
        rates: rates::rules(config),
        loops: config.limits.loops,
        buckets,
        router,
        lifecycle: Arc::default(),
    };
    let (keeping, secrets) = (granting.keeping, showing.keepers());
    Ok(Assembly { parts, backends, facts, shared, rulebook, keeping, secrets })
}

fn rpc(config: &Config) -> RpcConfig {
    RpcConfig {
        body: config.limits.body,
        bodies: config.limits.bodies,
        depth: config.limits.depth,
        read_timeout: READ_TIMEOUT,
        ceiling: config::LONGEST_CALL,
        keep_alive: KEEP_ALIVE,
    }
}

fn show_at_scrape(facts: &Arc<Facts>, telemetry: &Telemetry) {
    let shown = Arc::downgrade(facts);
    telemetry.at_scrape(move || {
        if let Some(facts) = shown.upgrade() {
            facts.show();
        }
    });
}

/// Asks only whom the configuration lets it.
pub(crate) fn fetcher(config: &Config) -> Arc<Fetcher> {
    Arc::new(Fetcher::new(Ground::new(config.fetch_allow.iter().cloned())))
}

/// The origin that clients see. A port of 0 was given by the system.
fn public_url(config: &Config, bound: SocketAddr) -> String {
    match config.public_url.strip_suffix(":0") {
        Some(scheme) => {
            let scheme = if scheme.starts_with("https") { "https" } else { "http" };
            format!("{scheme}://{bound}")
        }
        None => config.public_url.clone(),
    }
}

pub(crate) fn authenticator(
    config: &Config,
    callers: &Callers,
    telemetry: &Arc<Telemetry>,
    fetcher: &Arc<Fetcher>,
) -> anyhow::Result<Arc<Authenticator>> {
    let bound = match callers {
        Callers::Network(bound) => *bound,
        Callers::Process(principal) => {
            return Ok(Authenticator::of(Arc::clone(principal), Arc::clone(telemetry)));
        }
    };
    if config.auth.anonymous {
        return Ok(Authenticator::anonymous(Arc::clone(telemetry)));
    }
    let public = public_url(config, bound);
    let auth = AuthConfig {
        issuers: config.auth.issuers.iter().map(issuer).collect(),
        keys: config.auth.keys.as_ref().map(api_keys),
        certificates: config.auth.certificates.clone(),
        resource: format!("{public}/mcp"),
        metadata_url: format!("{public}/.well-known/oauth-protected-resource/mcp"),
        gateway_scopes: config.auth.scopes.iter().map(String::as_str).collect(),
        servers: servers::resources(config, &public),
        claims: config.policy.as_ref().map(|policy| policy.claims.clone()).unwrap_or_default(),
        token_bytes: config.limits.token_bytes,
        cached_tokens: config.limits.cached_tokens,
        hands_on: config.targets.iter().any(exchanges),
        fetcher: Arc::clone(fetcher),
    };
    Ok(Authenticator::new(auth, Arc::clone(telemetry))?)
}

/// Whether a target is called by what its callers' tokens were exchanged for.
fn exchanges(target: &config::Target) -> bool {
    matches!(target.kind.credentials(), Some(config::TargetCredentials::Exchange(_)))
}

fn api_keys(keys: &config::Keys) -> ApiKeys {
    ApiKeys::new(keys.pepper.expose().as_bytes(), keys.held.held())
}

fn issuer(issuer: &config::Issuer) -> IssuerConfig {
    let profile = match issuer.profile {
        config::Profile::Cognito => Profile::Cognito { clients: issuer.clients.clone() },
        config::Profile::Oidc => {
            Profile::Oidc { audiences: issuer.audiences.clone(), clients: issuer.clients.clone() }
        }
    };
    IssuerConfig {
        name: issuer.name.clone(),
        profile,
        issuer: issuer.issuer.clone(),
        jwks_url: issuer.jwks_url.as_ref().map(ToString::to_string),
        discovery_url: issuer.discovery_url.as_ref().map(ToString::to_string),
        leeway: issuer.leeway,
        algorithms: issuer.algorithms.iter().map(|alg| alg.as_str().to_owned()).collect(),
        claims: issuer.claims.clone(),
    }
}

fn origin(config: &Config, callers: &Callers) -> OriginConfig {
    match callers {
        Callers::Network(bound) => OriginConfig {
            hosts: config.host_values(*bound),
            origins: config.origins.clone(),
            loopback: bound.ip().is_loopback(),
        },
        Callers::Process(_) => OriginConfig {
            hosts: vec![LOCAL_HOST.to_owned()],
            origins: Vec::new(),
            loopback: false,
        },
    }
}

pub(crate) fn rules(config: &Config) -> HashMap<String, ToolRule> {
    let rule = |tool: &config::Tool| ToolRule {
        scopes: tool.scopes.iter().map(String::as_str).collect(),
        read_only: tool.read_only,
        idempotent: tool.idempotent,
        timeout: Some(tool.timeout),
        retry: Some(retry(tool.retry)),
        concurrency: tool.concurrency.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX)),
    };
    config.tools.iter().map(|tool| (tool.name.clone(), rule(tool))).collect()
}

pub(crate) fn retry(retry: config::Retry) -> RetryPlan {
    RetryPlan {
        attempts: retry.attempts,
        base: retry.base,
        multiplier: retry.multiplier,
        max: retry.max,
    }
}

const fn prefix(prefix: config::Prefix) -> Prefix {
    match prefix {
        config::Prefix::Always => Prefix::Always,
        config::Prefix::WhenNeeded => Prefix::WhenNeeded,
        config::Prefix::Never => Prefix::Never,
    }
}

fn sessions(config: &Config) -> anyhow::Result<Sessions> {
    let key = match &config.sessions.key {
        Some(secret) => secret.expose().as_bytes().to_vec(),
        None => {
            let mut key = vec![0; 32];
            aws_lc_rs::rand::fill(&mut key)
                .map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
            key
        }
    };
    let sessions = SessionConfig { key, lifetime: config.sessions.lifetime };
    Ok(Sessions::new(&sessions)?)
}
