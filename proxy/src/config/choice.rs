//! Settings that are one word out of a short list.
//!
//! In: the word. Out: the variant. It never holds a value that no list names.

use schemars::JsonSchema;
use serde::Deserialize;

/// How tool names of different targets are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Prefix {
    /// Every tool is called `target___tool`.
    #[default]
    Always,
    /// Only tools whose plain name two targets offer are prefixed.
    WhenNeeded,
    /// Plain names; of two tools with one name the first target's is offered.
    Never,
}

/// Whether callers can search tools, and what the list of tools is then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Search {
    /// They cannot.
    #[default]
    Off,
    /// The tool `x_amz_bedrock_agentcore_search` is on the list with the others.
    Beside,
    /// Nothing is on the list but that tool and `toolgate_call_tool`, which calls what was found.
    Only,
}

/// Which rules an issuer's tokens follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Amazon Cognito access tokens: `token_use`, `client_id`, no `aud`.
    Cognito,
    /// OpenID Connect or OAuth access tokens with `aud` (RFC 9068).
    Oidc,
}

/// Signature algorithms of tokens (RFC 7518 section 3.1, RFC 8037); all of them are asymmetric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Algorithm {
    /// RSA PKCS #1 v1.5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSA PKCS #1 v1.5 with SHA-384.
    #[serde(rename = "RS384")]
    Rs384,
    /// RSA PKCS #1 v1.5 with SHA-512.
    #[serde(rename = "RS512")]
    Rs512,
    /// RSA PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// RSA PSS with SHA-384.
    #[serde(rename = "PS384")]
    Ps384,
    /// RSA PSS with SHA-512.
    #[serde(rename = "PS512")]
    Ps512,
    /// ECDSA on P-256.
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA on P-384.
    #[serde(rename = "ES384")]
    Es384,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

// === impl Algorithm ===

impl Algorithm {
    /// Its name within tokens.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// The oldest version of TLS that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
pub(crate) enum TlsVersion {
    /// RFC 5246.
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    Tls13,
}

/// Whether clients show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientCertificates {
    /// They are not asked.
    None,
    /// They may; one that does not hold ends the connection.
    Optional,
    /// They must.
    Required,
}

/// How a client shows itself to a token endpoint (RFC 6749 section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// By the header `Authorization: Basic`.
    #[default]
    Basic,
    /// By `client_id` and `client_secret` in the form.
    Post,
}

/// Which era of MCP a target speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Era {
    /// Ask the target, and remember the answer.
    #[default]
    Auto,
    /// 2026-07-28 and later: no sessions.
    Modern,
    /// 2025-11-25 and earlier: `initialize` and sessions.
    Legacy,
}

/// What has a bucket of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RatePer {
    /// Each caller.
    Principal,
    /// Each tool, all callers together.
    Tool,
    /// Each target, all callers together.
    Target,
    /// Each server, all callers together.
    Server,
    /// The whole gateway.
    Gateway,
}

/// What becomes of calls when buckets that gateways share cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// They go on: no rate holds.
    Allow,
    /// They are refused: 503, with `Retry-After`.
    Refuse,
    /// Each gateway counts alone.
    #[default]
    Local,
}

/// When records of the audit log become durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fsync {
    /// Before their calls go on.
    #[default]
    Always,
    /// Every `fsync_every`.
    Interval,
    /// When the system wants to.
    Never,
}

/// Targets that are part of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Builtin {
    /// Tells the time.
    Clock,
    /// Tells about the gateway itself.
    Gateway,
    /// Asks a Prometheus.
    Prometheus,
    /// Searches the web.
    WebSearch,
    /// Reads the documentation of AWS.
    AwsDocs,
    /// Asks Amazon Managed Service for Prometheus.
    Amp,
    /// Asks CloudWatch for logs, metrics and alarms.
    Cloudwatch,
    /// Tells which AWS account this is, and how AWS is.
    AwsCore,
    /// Asks EKS about the clusters of a region.
    Eks,
    /// Asks a Kubernetes cluster.
    K8s,
}

/// The search engines of `web_search`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SearchEngine {
    /// DuckDuckGo's page without scripts; no key, and a captcha when it is asked often.
    #[default]
    Duckduckgo,
    /// A SearXNG of one's own that allows the format `json`.
    Searxng,
    /// The Brave Search API; needs a key.
    Brave,
}

/// The forms of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OtlpProtocol {
    /// Protobuf in a POST.
    #[default]
    Http,
    /// gRPC over HTTP/2.
    Grpc,
}

/// How spans get to X-Ray.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum XrayMode {
    /// OTLP over HTTP, signed.
    #[default]
    Otlp,
    /// Segment documents.
    Segments,
}

/// How metrics get to CloudWatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloudMode {
    /// One request of `PutMetricData` a minute.
    Put,
    /// Lines of the Embedded Metric Format, once a minute, for whoever carries logs to CloudWatch.
    Emf,
    /// They do not.
    #[default]
    Off,
}

/// What metrics in CloudWatch are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum CloudDimension {
    /// The target.
    Target,
    /// The tool.
    ToolName,
    /// Why calls failed.
    ErrorType,
}

/// What is done about a tool that differs from what was approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PinAction {
    /// It is counted.
    Allow,
    /// It is counted and logged.
    Warn,
    /// The approved definition is listed in its place; calls go through.
    Pinned,
    /// It is not listed, and calls of it are refused.
    Quarantine,
}

/// The least important lines still written to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Faults that need a person.
    Error,
    /// Faults the gateway handled.
    Warn,
    /// Starts, stops, reloads, state changes.
    #[default]
    Info,
    /// What each request goes through.
    Debug,
    /// Everything.
    Trace,
}
