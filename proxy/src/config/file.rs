//! The configuration as written: one type per mapping of the file.
//!
//! In: the tree after the schema walk. Out: the same keys, typed. The JSON
//! Schema is generated from here, so the comments are what editors show. It
//! holds no defaults but those spelt in the comments; `resolve` fills them in.
//! Keys the schema requires are optional in the types: a missing one has been
//! reported, and the rest of its mapping is still checked.

mod audit;
mod claims;
mod credentials;
mod kinds;
mod pins;
mod policy;
mod rate;
mod server;
mod tls;

use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;

pub(crate) use self::audit::Audit;
pub(crate) use self::claims::{ClaimRule, Claims, Fetch};
pub(crate) use self::credentials::{
    Credentials, Grants, OAuthClient, Secrets, TargetCredentials, UserGrant,
};
pub(crate) use self::kinds::{Http, Lambda, OpenApi, Stdio};
pub(crate) use self::policy::{ClaimType, Policy, Unspoken};
pub(crate) use self::rate::{LoopLimit, RateRule, SharedRates};
pub(crate) use self::server::{Definitions, Names, Server, TargetDefinitions};
pub(crate) use self::tls::{Certificate, Tls};
use super::address::{Address, Admin, Host, HttpUrl, Origin};
use super::choice::{
    Algorithm, Builtin, CloudDimension, CloudMode, LogLevel, OtlpProtocol, Prefix, Profile, Search,
    SearchEngine, XrayMode,
};
use super::ordered::Ordered;
use super::reference::SecretRef;
use super::text::Text;
use super::units::Size;
use super::words::{AccessLog, EmfFile, Namespace, Scope};
pub(crate) use pins::{PinActions, Pins, TargetPins};

/// Configuration of the gateway.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "a configuration", extend("required" = ["targets"]))]
pub(crate) struct File {
    /// Address for MCP clients; the endpoint is `/mcp`. Default `127.0.0.1:8800`.
    pub(crate) listen: Option<Text<Address>>,
    /// Address for metrics and health, or `off`. Default `127.0.0.1:9464`.
    pub(crate) admin: Option<Text<Admin>>,
    /// TLS at `listen`. Absent: in the clear.
    pub(crate) tls: Option<Tls>,
    /// Origin that clients see; the MCP resource URI is this plus `/mcp`. Absent: `http://`, with `tls` `https://`, and the listen address, which with `0.0.0.0` needs `hosts`.
    pub(crate) public_url: Option<Text<HttpUrl>>,
    /// `Host` values taken besides the listen address, the local names and the host of `public_url`.
    pub(crate) hosts: Vec<Text<Host>>,
    /// Web origins whose pages may call the gateway.
    pub(crate) origins: Vec<Text<Origin>>,
    /// Who may call.
    pub(crate) auth: Auth,
    /// What callers may do beyond what their scopes say. Absent: scopes alone decide.
    pub(crate) policy: Option<Policy>,
    /// What the gateway asks by itself: keys of issuers, tokens for targets.
    pub(crate) fetch: Fetch,
    /// How tool names of different targets are kept apart. Default `always`.
    pub(crate) prefix: Option<Prefix>,
    /// Whether callers can search tools by what they are for, and what the list of tools is then. Default `off`.
    pub(crate) search: Option<Search>,
    /// What lists of tools may weigh in a model's context. Absent: what they like.
    pub(crate) definitions: Option<Definitions>,
    /// Bounds on what callers can make the gateway hold.
    pub(crate) limits: Limits,
    /// Sessions of MCP 2025-11-25 and earlier.
    pub(crate) sessions: Sessions,
    /// What every target has unless it says otherwise.
    pub(crate) defaults: Settings,
    /// The MCP servers behind the gateway, by name.
    #[schemars(extend("minProperties" = 1, "propertyNames" = {
        "pattern": "^[A-Za-z0-9](-?[A-Za-z0-9])*$", "maxLength": 48
    }))]
    pub(crate) targets: Ordered<Target>,
    /// Rules for single tools, by full name `target___tool`.
    #[schemars(extend("propertyNames" = { "pattern": "^.+___.+$" }))]
    pub(crate) tools: Ordered<Tool>,
    /// What was approved of the targets' tools. Absent: what each target lists first, and differences are only told of.
    pub(crate) pins: Option<Pins>,
    /// Parts of what the targets offer, by name, each at `/mcp/NAME`; `/mcp` is the whole.
    #[schemars(extend("maxProperties" = 64, "propertyNames" = {
        "pattern": "^[A-Za-z0-9](-?[A-Za-z0-9])*$", "maxLength": 48
    }))]
    pub(crate) servers: Ordered<Server>,
    /// Logs.
    pub(crate) log: Log,
    /// Who was let do what, and who was not, on record. Absent: no such record.
    pub(crate) audit: Option<Audit>,
    /// Traces.
    pub(crate) traces: Traces,
    /// Metrics in CloudWatch. Absent: none.
    pub(crate) cloudwatch: Option<CloudWatch>,
    /// Where AWS is, for what is sent there.
    pub(crate) aws: Option<Aws>,
    /// Secrets that are read again while the gateway runs.
    pub(crate) secrets: Secrets,
    /// Grants of users (`user_grant` of targets). Absent: in memory.
    pub(crate) grants: Option<Grants>,
    /// How the gateway stops.
    pub(crate) shutdown: Shutdown,
}

/// Who may call.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`auth`")]
pub(crate) struct Auth {
    /// Take calls without a token; only with a loopback `listen` and without issuers. Default `false`.
    pub(crate) anonymous: Option<bool>,
    /// Whose tokens are taken.
    pub(crate) issuers: Vec<Issuer>,
    /// API keys, for callers that have no issuer.
    pub(crate) keys: Option<Keys>,
    /// Whom the certificates that clients show stand for; `tls.client_ca` says which are taken. One that fits none stands for nobody.
    #[schemars(extend("maxItems" = 1000))]
    pub(crate) certificates: Vec<Certificate>,
    /// Scopes every call needs, all of them.
    pub(crate) scopes: Vec<Text<Scope>>,
}

/// API keys of callers (`toolgate keys`).
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`auth.keys`", extend("required" = ["file", "pepper"]))]
pub(crate) struct Keys {
    /// Where the hashes of the keys are; `toolgate keys create` makes it. It is read again when it changes.
    #[schemars(length(min = 1))]
    pub(crate) file: Option<String>,
    /// What the hashes are made with, besides the keys: without it the file is of no use.
    pub(crate) pepper: Option<Text<SecretRef>>,
}

/// Someone whose tokens are taken.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "an issuer", extend("required" = ["name", "profile", "issuer"]))]
pub(crate) struct Issuer {
    /// Name in logs and metrics.
    #[schemars(length(min = 1, max = 64))]
    pub(crate) name: Option<String>,
    /// Which rules its tokens follow.
    pub(crate) profile: Option<Profile>,
    /// What `iss` must say, character by character.
    pub(crate) issuer: Option<Text<HttpUrl>>,
    /// Where its keys are, when not where discovery says.
    pub(crate) jwks_url: Option<Text<HttpUrl>>,
    /// Where its discovery document is, when not below the issuer.
    pub(crate) discovery_url: Option<Text<HttpUrl>>,
    /// Client ids taken (`client_id`, with `oidc` also `azp`); profile `cognito` needs them. Absent with `oidc`: any.
    #[schemars(inner(length(min = 1)))]
    pub(crate) clients: Vec<String>,
    /// Audiences taken; profile `oidc` only. Absent: the MCP resource URI.
    #[schemars(inner(length(min = 1)))]
    pub(crate) audiences: Vec<String>,
    /// Clock difference forgiven, at most `60s`. Default `30s`.
    pub(crate) leeway: Option<Text<Duration>>,
    /// How its tokens may be signed; each algorithm works with its own kind of key only. Absent: all of these.
    pub(crate) algorithms: Vec<Algorithm>,
    /// What else its tokens must say.
    pub(crate) claims: Option<Claims>,
}

/// Bounds on what callers can make the gateway hold.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`limits`")]
pub(crate) struct Limits {
    /// Largest request body. Default `4MiB`.
    pub(crate) body: Option<Text<Size>>,
    /// Request bodies above `64KiB` held at once, all together; at least `body`. Default `64MiB`.
    pub(crate) bodies: Option<Text<Size>>,
    /// Deepest JSON nesting of a request. Default `128`.
    #[schemars(range(min = 1, max = 1024))]
    pub(crate) depth: Option<u32>,
    /// Connections open at once. Default `4096`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) connections: Option<u32>,
    /// Calls in progress at once. Default `1024`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) concurrency: Option<u32>,
    /// Streams of sessions (GET) and subscriptions open at once. Default `1024`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) streams: Option<u32>,
    /// Longest bearer token, at most `48KiB`. Default `8KiB`.
    pub(crate) token_bytes: Option<Text<Size>>,
    /// Verified tokens remembered. Default `10000`.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub(crate) cached_tokens: Option<u32>,
    /// How often callers may call; all rules hold that are about a call. Absent: as often as they like.
    #[schemars(extend("maxItems" = 64))]
    pub(crate) rates: Vec<RateRule>,
    /// Where the buckets of `rates` are that gateways share. Absent: each gateway has its own.
    pub(crate) shared: Option<SharedRates>,
    /// When a caller is taken to go round in circles. Absent: never.
    pub(crate) loops: Option<LoopLimit>,
}

/// Sessions of MCP 2025-11-25 and earlier.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`sessions`")]
pub(crate) struct Sessions {
    /// How long a session lives. Default `8h`.
    pub(crate) lifetime: Option<Text<Duration>>,
    /// Secret that seals session ids and the ids of tasks, 32 characters or more, shared by all replicas. Absent: random per process.
    pub(crate) key: Option<Text<SecretRef>>,
}

/// What every target has unless it says otherwise.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`defaults`")]
pub(crate) struct Settings {
    /// Longest time for a call, all attempts together; at most `15m`. Default `30s`.
    pub(crate) timeout: Option<Text<Duration>>,
    /// Longest time to connect; `mcp`, `openapi` and `lambda` targets. Default `5s`.
    pub(crate) connect_timeout: Option<Text<Duration>>,
    /// Longest silence within a reply; `mcp`, `openapi` and `lambda` targets. Default `60s`.
    pub(crate) idle_timeout: Option<Text<Duration>>,
    /// Calls in progress at one target. Default `100`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) concurrency: Option<u32>,
    /// How long a target's lists are kept; `0s` asks each time. Default `60s`.
    pub(crate) list_ttl: Option<Text<Duration>>,
    /// Largest reply; not of built-in targets. Default `16MiB`.
    pub(crate) max_response: Option<Text<Size>>,
    /// Trying again.
    pub(crate) retry: Option<Retry>,
    /// Leaving a failing target alone for a while.
    pub(crate) breaker: Option<Breaker>,
}

/// Trying again.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`retry`")]
pub(crate) struct Retry {
    /// Attempts in all; `1` never tries again. Default `2`.
    #[schemars(range(min = 1, max = 10))]
    pub(crate) attempts: Option<u32>,
    /// Growth of the wait from one attempt to the next. Default `1.5`.
    #[schemars(range(min = 1.0, max = 10.0))]
    pub(crate) multiplier: Option<f64>,
    /// First wait. Default `100ms`.
    pub(crate) base: Option<Text<Duration>>,
    /// Longest wait. Default `2s`.
    pub(crate) max: Option<Text<Duration>>,
    /// Retries allowed per first attempt, over time; `0` allows none. Per target. Default `0.2`.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(crate) budget: Option<f64>,
}

/// Leaving a failing target alone for a while.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`breaker`")]
pub(crate) struct Breaker {
    /// Failures in a row that open it. Default `5`.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) failures: Option<u32>,
    /// How long it stays open before one call may try; doubled by each that fails, up to eight times. For a target that cannot be connected to it is the longest, from 250 ms on. Default `10s`.
    pub(crate) open: Option<Text<Duration>>,
}

/// An MCP server behind the gateway: exactly one of `builtin`, `mcp`, `stdio`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "a target", extend("oneOf" = [
    {"required": ["builtin"]}, {"required": ["mcp"]}, {"required": ["stdio"]}
]))]
pub(crate) struct Target {
    /// A target that is part of this program.
    pub(crate) builtin: Option<Builtin>,
    /// An MCP server reached over HTTP.
    pub(crate) mcp: Option<Http>,
    /// An MCP server run as a child process.
    pub(crate) stdio: Option<Stdio>,
    /// An HTTP API that has an OpenAPI document.
    pub(crate) openapi: Option<OpenApi>,
    /// A Lambda function; requests are signed with AWS's own credentials.
    pub(crate) lambda: Option<Lambda>,
    /// Where what a built-in target asks is: Prometheus, or a search engine or documentation that is not where it always is.
    pub(crate) url: Option<Text<HttpUrl>>,
    /// Which search engine; `builtin: web_search`. Default `duckduckgo`.
    pub(crate) engine: Option<SearchEngine>,
    /// Hosts whose pages may be read, besides `docs.aws.amazon.com`; `builtin: aws_docs`.
    pub(crate) hosts: Vec<String>,
    /// The workspace that every call is about, by id or alias; `builtin: amp`. Absent: each call names one.
    #[schemars(length(min = 1, max = 128))]
    pub(crate) workspace: Option<String>,
    /// The cluster, by its name in EKS; `builtin: k8s`.
    #[schemars(length(min = 1, max = 100))]
    pub(crate) cluster: Option<String>,
    /// The kubeconfig that says where the cluster is, a relative one beside this file; `builtin: k8s`.
    #[schemars(length(min = 1))]
    pub(crate) kubeconfig: Option<String>,
    /// Which context of the kubeconfig; `builtin: k8s`. Absent: its current one.
    #[schemars(length(min = 1))]
    pub(crate) context: Option<String>,
    /// Offer the tools that change the cluster, to callers with the scope `k8s/write` unless `tools` names others; `builtin: k8s`. Default `false`.
    pub(crate) allow_mutations: Option<bool>,
    /// The AWS region that is asked; `amp`, `cloudwatch`, `aws_core`, `eks` and `k8s`. Absent: `aws.region`.
    #[schemars(length(min = 1, max = 64))]
    pub(crate) region: Option<String>,
    /// What the gateway shows the target; `mcp` and `openapi` targets, and what a built-in one asks.
    pub(crate) credentials: Option<TargetCredentials>,
    /// Without it there are no lists and no readiness. Default `false`.
    pub(crate) required: Option<bool>,
    /// Believe the target's `readOnlyHint` and `idempotentHint`. Absent: only a built-in one's, and what HTTP says of an API's methods.
    pub(crate) trust_annotations: Option<bool>,
    /// Scopes every call to this target needs, besides `auth.scopes`.
    pub(crate) scopes: Vec<Text<Scope>>,
    /// Longest time for a call, all attempts together; at most `15m`.
    pub(crate) timeout: Option<Text<Duration>>,
    /// Longest time to connect; `mcp` targets.
    pub(crate) connect_timeout: Option<Text<Duration>>,
    /// Longest silence within a reply; `mcp` targets.
    pub(crate) idle_timeout: Option<Text<Duration>>,
    /// Calls in progress at this target.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) concurrency: Option<u32>,
    /// How long the target's lists are kept; `0s` asks each time.
    pub(crate) list_ttl: Option<Text<Duration>>,
    /// Largest reply; `mcp` and `stdio` targets.
    pub(crate) max_response: Option<Text<Size>>,
    /// Trying again.
    pub(crate) retry: Option<Retry>,
    /// Leaving a failing target alone for a while.
    pub(crate) breaker: Option<Breaker>,
    /// What is done about tools of this target that differ from what was approved.
    pub(crate) pins: Option<TargetPins>,
    /// What the definitions of its tools may weigh. Absent: as for the gateway.
    pub(crate) definitions: Option<TargetDefinitions>,
}

/// Rules for one tool.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "a tool rule")]
pub(crate) struct Tool {
    /// Scopes a call needs, besides those of gateway and target.
    pub(crate) scopes: Vec<Text<Scope>>,
    /// It changes nothing. Absent: unknown, or what a trusted target says.
    pub(crate) read_only: Option<bool>,
    /// Calling twice is like calling once. Absent: unknown, or what a trusted target says.
    pub(crate) idempotent: Option<bool>,
    /// Longest time for a call, at most `15m`. Absent: the target's.
    pub(crate) timeout: Option<Text<Duration>>,
    /// Calls of this tool in progress. Absent: only the target's limit.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) concurrency: Option<u32>,
    /// Trying again. Absent: as for the target.
    pub(crate) retry: Option<Retry>,
}

/// Logs.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`log`")]
pub(crate) struct Log {
    /// Where the access log goes: `stderr`, `stdout`, `off`, or `file:PATH`, a relative one beside this file. Default `stderr`.
    pub(crate) access: Option<Text<AccessLog>>,
    /// Least important lines written. Default `info`.
    pub(crate) level: Option<LogLevel>,
    /// Share of the successful calls that get a line in the access log; failed, denied and slow ones (`traces.slow`) always do. The trace id decides: from `traces.sample` up, every trace chosen by that share has its line. Default `1`.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(crate) sample: Option<f64>,
}

/// Which calls are traced, and where their spans go.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`traces`")]
pub(crate) struct Traces {
    /// Share of the calls recorded whose caller has not decided. Failed, denied and unusually slow calls are recorded in any case. Absent: 0.05.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(crate) sample: Option<f64>,
    /// Record what a caller's `traceparent` says is recorded. Absent: true.
    pub(crate) trust_callers: Option<bool>,
    /// Calls that take longer are recorded in any case. Absent: 5s.
    pub(crate) slow: Option<Text<Duration>>,
    /// The OpenTelemetry collector that takes the spans. Absent: none are recorded.
    pub(crate) otlp: Option<Otlp>,
    /// AWS X-Ray takes the spans, instead of a collector; `aws` says where it is.
    pub(crate) xray: Option<Xray>,
}

/// AWS X-Ray.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`xray`", extend("required" = ["mode"]))]
pub(crate) struct Xray {
    /// How spans get there: `otlp` needs Transaction Search, `segments` works in every account.
    pub(crate) mode: Option<XrayMode>,
    /// Let X-Ray's sampling rules decide which calls are recorded; `sample` holds where none matches. Default `true`.
    pub(crate) rules: Option<bool>,
    /// Name of this gateway in X-Ray. Default `toolgate`.
    #[schemars(length(min = 1, max = 128))]
    pub(crate) service: Option<String>,
}

/// An OpenTelemetry collector.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`otlp`", extend("required" = ["endpoint"]))]
pub(crate) struct Otlp {
    /// Its address, for example `http://127.0.0.1:4318`; `/v1/traces` is added over HTTP if there is no path.
    pub(crate) endpoint: Option<Text<HttpUrl>>,
    /// How it is spoken to. Default `http`.
    pub(crate) protocol: Option<OtlpProtocol>,
    /// What the gateway shows it.
    pub(crate) credentials: Option<Credentials>,
    /// Longest time for one attempt. Default `10s`.
    pub(crate) timeout: Option<Text<Duration>>,
    /// Name of this gateway in traces. Default `toolgate`.
    #[schemars(length(min = 1, max = 128))]
    pub(crate) service: Option<String>,
}

/// Where AWS is. Credentials come from the environment, a profile, the container or the machine.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`aws`")]
pub(crate) struct Aws {
    /// The region, for example `us-east-1`. Absent: what the environment, the profile or the machine says.
    #[schemars(length(min = 1, max = 64))]
    pub(crate) region: Option<String>,
    /// The URL at which every service is asked, for emulators and private endpoints. Absent: AWS itself.
    pub(crate) endpoint: Option<Text<HttpUrl>>,
}

/// Metrics in CloudWatch, one number or distribution a minute for each series.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`cloudwatch`", extend("required" = ["mode"]))]
pub(crate) struct CloudWatch {
    /// How they get there.
    pub(crate) mode: Option<CloudMode>,
    /// The namespace. The dashboards and alarms that come with the gateway read `DevOpsAgent`, and show nothing of another one. Default `DevOpsAgent`.
    pub(crate) namespace: Option<Text<Namespace>>,
    /// The dimensions that metrics may have besides their sums over everything; each value is a series that is paid for by the month. Absent: all.
    #[schemars(extend("uniqueItems" = true))]
    pub(crate) dimensions: Option<Vec<CloudDimension>>,
    /// Tools that have series of their own: those called most since the start. Default `50`.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) tools: Option<u32>,
    /// Where the lines of mode `emf` go: `stdout`, or `file:PATH`, a relative one beside this file. Default `stdout`.
    pub(crate) to: Option<Text<EmfFile>>,
}

/// How the gateway stops.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`shutdown`")]
pub(crate) struct Shutdown {
    /// Time for calls in progress to end. Default `10s`.
    pub(crate) grace: Option<Text<Duration>>,
}

// === impl Target ===

impl Target {
    /// The settings this target writes itself.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            timeout: self.timeout.clone(),
            connect_timeout: self.connect_timeout.clone(),
            idle_timeout: self.idle_timeout.clone(),
            concurrency: self.concurrency,
            list_ttl: self.list_ttl.clone(),
            max_response: self.max_response.clone(),
            retry: self.retry.clone(),
            breaker: self.breaker.clone(),
        }
    }
}
