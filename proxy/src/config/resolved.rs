//! The configuration as the gateway uses it.
//!
//! In: nothing; `resolve` fills it. Out: typed values with every default put in
//! and every secret fetched. It never holds a value that still needs checking.

mod audit;
mod credentials;
mod policy;
mod server;
mod shared;
mod telemetry;
mod tls;
mod tools;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use toolgate_admit::authn::{CertificateRule, ClaimRules};
use toolgate_guard::LoopRule;
use toolgate_mcp::contract::Actions;
use toolgate_target::{Api, FunctionTools};
use toolgate_telemetry::RateScope;

pub use self::audit::{Audit, AuditCopy, Durable};
pub use self::credentials::{
    Credentials, Grants, OAuthClient, TargetCredentials, TokenEndpoint, UserGrant,
};
pub use self::policy::Policies;
pub use self::server::Server;
pub use self::shared::SharedRates;
pub use self::telemetry::{CloudWatch, Log, Otlp, Traces, Xray};
pub use self::tls::{Tls, TlsFiles};
pub use self::tools::{Kubernetes, Tools};
use super::choice::{Algorithm, Era, Prefix, Profile, Search};
use super::keys::KeyFile;
use super::pins::PinFile;
use super::secret::Secret;

/// A configuration without mistakes.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address for MCP clients.
    pub listen: SocketAddr,
    /// Address for metrics and health; `None` is off.
    pub admin: Option<SocketAddr>,
    /// TLS for MCP clients; `None`: in the clear.
    pub tls: Option<Tls>,
    /// Origin that clients see, without a trailing slash.
    pub public_url: String,
    /// The MCP resource URI (RFC 8707): `public_url` and `/mcp`.
    pub resource: String,
    /// `Host` values written in the file; see [`Config::host_values`].
    pub hosts: Vec<String>,
    /// Web origins whose pages may call, in lower case.
    pub origins: Vec<String>,
    /// Who may call.
    pub auth: Auth,
    /// What decides beside scopes; `None`: nothing.
    pub policy: Option<Policies>,
    /// Hosts of private networks that the gateway may ask by itself.
    pub fetch_allow: Vec<String>,
    /// How tool names are kept apart.
    pub prefix: Prefix,
    /// Whether callers can search tools.
    pub search: Search,
    /// Tokens that the definitions on the list of tools may weigh before that is told; `None`: any.
    pub warn_tokens: Option<usize>,
    /// Bounds on what callers can make the gateway hold.
    pub limits: Limits,
    /// Sessions of MCP 2025-11-25 and earlier.
    pub sessions: Sessions,
    /// Targets in the order of the file.
    pub targets: Vec<Target>,
    /// Tool rules in the order of the file.
    pub tools: Vec<Tool>,
    /// What was approved of the targets' tools; `None` is what each lists first.
    pub pins: Option<Pins>,
    /// Servers in the order of the file.
    pub servers: Vec<Server>,
    /// Logs.
    pub log: Log,
    /// The audit log; `None` is off.
    pub audit: Option<Audit>,
    /// Traces.
    pub traces: Traces,
    /// Metrics in CloudWatch; `None` is off.
    pub cloudwatch: Option<CloudWatch>,
    /// Where AWS is, for what is sent there.
    pub aws: Aws,
    /// How often secrets in AWS are read again.
    pub secrets_every: Duration,
    /// Where grants of users are kept; `None`: in memory.
    pub grants: Option<Grants>,
    /// How the gateway stops.
    pub shutdown: Shutdown,
}

/// Who may call: anonymous, or by token of one of the issuers, or by key; never both, never neither.
#[derive(Debug, Clone)]
pub struct Auth {
    /// Calls need no token.
    pub anonymous: bool,
    /// Whose tokens are taken.
    pub issuers: Vec<Issuer>,
    /// API keys; `None`: none are taken.
    pub keys: Option<Keys>,
    /// Whom the certificates of callers stand for, in the order of the file.
    pub certificates: Vec<CertificateRule>,
    /// Scopes every call needs, all of them.
    pub scopes: Vec<String>,
}

/// API keys of callers.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The file, absolute.
    pub file: PathBuf,
    /// What the hashes are made with, besides the keys.
    pub pepper: Secret,
    /// What the file says.
    pub held: KeyFile,
}

/// Someone whose tokens are taken.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// Name in logs and metrics, unique.
    pub name: String,
    /// Which rules its tokens follow.
    pub profile: Profile,
    /// What `iss` must say, character by character.
    pub issuer: String,
    /// Where its keys are; `None` takes what discovery says.
    pub jwks_url: Option<Uri>,
    /// Where its discovery document is; `None` is below the issuer.
    pub discovery_url: Option<Uri>,
    /// Client ids taken; empty takes any (profile `oidc` only).
    pub clients: Vec<String>,
    /// Audiences taken; empty for profile `cognito` only.
    pub audiences: Vec<String>,
    /// Clock difference forgiven.
    pub leeway: Duration,
    /// Signature algorithms taken; empty takes all.
    pub algorithms: Vec<Algorithm>,
    /// What else its tokens must say.
    pub claims: ClaimRules,
}

/// Bounds on what callers can make the gateway hold.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest request body in bytes.
    pub body: usize,
    /// Bytes of request bodies above 64 KiB held at once.
    pub bodies: usize,
    /// Deepest JSON nesting of a request.
    pub depth: usize,
    /// Connections open at once.
    pub connections: usize,
    /// Calls in progress at once.
    pub concurrency: usize,
    /// Streams of sessions and subscriptions open at once.
    pub streams: usize,
    /// Longest bearer token in bytes.
    pub token_bytes: usize,
    /// Verified tokens remembered.
    pub cached_tokens: usize,
    /// How often callers may call, in the order of the file.
    pub rates: Vec<Rate>,
    /// Where the buckets of these are that gateways share; `None`: nowhere.
    pub shared: Option<SharedRates>,
    /// When a caller is taken to go round in circles; `None`: never.
    pub loops: Option<LoopRule>,
}

/// How often callers may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// What has a bucket of its own.
    pub per: RateScope,
    /// So many calls
    pub calls: u32,
    /// in this time.
    pub every: Duration,
    /// So many at once.
    pub burst: u32,
    /// Only calls to this target.
    pub target: Option<String>,
    /// Only calls of this tool, by full name.
    pub tool: Option<String>,
}

/// Sessions of MCP 2025-11-25 and earlier.
#[derive(Debug, Clone)]
pub struct Sessions {
    /// How long a session lives.
    pub lifetime: Duration,
    /// Seals session ids: at least 32 characters, perhaps base64. `None` is random per process.
    pub key: Option<Secret>,
}

/// An MCP server behind the gateway.
#[derive(Debug, Clone)]
pub struct Target {
    /// Name, unique; the part of tool names before `___`.
    pub name: String,
    /// How it is reached.
    pub kind: TargetKind,
    /// Longest time for a call, all attempts together.
    pub timeout: Duration,
    /// Longest time to connect.
    pub connect_timeout: Duration,
    /// Longest silence within a reply.
    pub idle_timeout: Duration,
    /// Calls in progress at once.
    pub concurrency: usize,
    /// How long its lists are kept; zero asks each time.
    pub list_ttl: Duration,
    /// Largest reply in bytes.
    pub max_response: usize,
    /// Tokens that the definitions on its list of tools may weigh before it is refused; `None`: any.
    pub max_tokens: Option<usize>,
    /// Trying again.
    pub retry: Retry,
    /// Leaving it alone for a while.
    pub breaker: Breaker,
    /// Without it there are no lists and no readiness.
    pub required: bool,
    /// Believe its `readOnlyHint` and `idempotentHint`.
    pub trust_annotations: bool,
    /// Scopes every call to it needs, besides [`Auth::scopes`].
    pub scopes: Vec<String>,
}

/// How a target is reached.
#[derive(Debug, Clone)]
pub enum TargetKind {
    /// Part of this program, and of the gateway itself.
    Builtin(Own),
    /// Part of this program: tools that ask somebody else.
    Tools(Tools),
    /// An MCP server over HTTP.
    Mcp {
        /// Its endpoint, absolute.
        url: Uri,
        /// Which era of MCP it speaks.
        era: Era,
        /// What the gateway shows it.
        credentials: Option<TargetCredentials>,
    },
    /// An HTTP API.
    OpenApi {
        /// Where its paths begin, absolute.
        url: Uri,
        /// Its operations.
        api: Api,
        /// What the gateway shows it.
        credentials: Option<TargetCredentials>,
    },
    /// A Lambda function.
    Lambda(Box<Lambda>),
    /// An MCP server run as a child process.
    Stdio {
        /// Program and arguments, at least one word.
        command: Vec<String>,
        /// Environment variables, in the order of the file.
        env: Vec<(String, EnvValue)>,
        /// Working directory; `None` is the gateway's own.
        cwd: Option<PathBuf>,
    },
}

// === impl TargetKind ===

impl TargetKind {
    /// What a target over HTTP is shown.
    #[must_use]
    pub fn credentials(&self) -> Option<&TargetCredentials> {
        match self {
            Self::Mcp { credentials, .. } | Self::OpenApi { credentials, .. } => {
                credentials.as_ref()
            }
            Self::Lambda(lambda) => Some(&lambda.credentials),
            Self::Builtin(_) | Self::Tools(_) | Self::Stdio { .. } => None,
        }
    }
}

/// A Lambda function.
#[derive(Debug, Clone)]
pub struct Lambda {
    /// Where Lambda is, absolute.
    pub endpoint: Uri,
    /// Its name or ARN.
    pub function: String,
    /// Its version or alias; `None` is the latest.
    pub qualifier: Option<String>,
    /// Its tools.
    pub tools: FunctionTools,
    /// What signs the requests.
    pub credentials: TargetCredentials,
}

/// What the gateway itself can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// The time.
    Clock,
    /// How it and its targets are.
    Gateway,
}

/// The value of a child's environment variable.
#[derive(Debug, Clone)]
pub enum EnvValue {
    /// Written in the file.
    Plain(String),
    /// From a secret reference or a `${NAME}` substitution.
    Secret(Secret),
}

/// Trying again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// Attempts in all, from 1 (never again) to 10.
    pub attempts: u32,
    /// Growth of the wait, from 1 to 10.
    pub multiplier: f64,
    /// First wait.
    pub base: Duration,
    /// Longest wait, not below `base`.
    pub max: Duration,
    /// Retries allowed per first attempt, from 0 to 1.
    pub budget: f64,
}

/// Leaving a failing target alone for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long it stays open before one call may try.
    pub open: Duration,
}

/// Rules for one tool.
#[derive(Debug, Clone)]
pub struct Tool {
    /// Full name, `target___tool`.
    pub name: String,
    /// Name of the target, one of [`Config::targets`].
    pub target: String,
    /// The target's own name for the tool.
    pub tool: String,
    /// Scopes a call needs, besides those of gateway and target.
    pub scopes: Vec<String>,
    /// It changes nothing; `None` is unknown.
    pub read_only: Option<bool>,
    /// Calling twice is like calling once; `None` is unknown.
    pub idempotent: Option<bool>,
    /// Longest time for a call; the target's where the file says nothing.
    pub timeout: Duration,
    /// Calls of this tool in progress, within the target's limit; `None` adds no limit.
    pub concurrency: Option<usize>,
    /// Trying again; the target's where the file says nothing.
    pub retry: Retry,
}

/// What was approved of the targets' tools.
#[derive(Debug, Clone)]
pub struct Pins {
    /// The file, absolute.
    pub file: PathBuf,
    /// What it says.
    pub approved: PinFile,
    /// What is done about differences, by target; those that are part of this program are not there.
    pub targets: Vec<(String, Actions)>,
}

/// Where AWS is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aws {
    /// The region; `None` takes what is found.
    pub region: Option<String>,
    /// Where every service is asked; `None` is AWS.
    pub endpoint: Option<Uri>,
}

/// How the gateway stops.
#[derive(Debug, Clone)]
pub struct Shutdown {
    /// Time for calls in progress to end.
    pub grace: Duration,
}

// === impl Config ===

impl Config {
    /// Every `Host` value to take when listening on `bound`, which differs from
    /// [`Config::listen`] when that asks for port 0.
    #[must_use]
    pub fn host_values(&self, bound: SocketAddr) -> Vec<String> {
        let port = bound.port();
        let mut hosts = vec![
            bound.to_string(),
            format!("localhost:{port}"),
            format!("127.0.0.1:{port}"),
            format!("[::1]:{port}"),
        ];
        let public = self.public_url.split_once("://").map(|(_, authority)| authority);
        hosts.extend(public.map(str::to_owned));
        hosts.extend(self.hosts.iter().cloned());
        hosts.sort();
        hosts.dedup();
        hosts
    }
}
