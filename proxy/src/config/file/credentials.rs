//! Credentials as written: what the gateway shows others.
//!
//! In: the tree after the schema walk. Out: the same keys, typed. It holds no
//! defaults but those spelt in the comments.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::address::HttpUrl;
use crate::config::choice::ClientAuth;
use crate::config::reference::SecretRef;
use crate::config::text::Text;
use crate::config::words::{HeaderText, Scope};

/// What the gateway shows.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`credentials`", extend("required" = ["secret"]))]
pub(crate) struct Credentials {
    /// Header that carries it. Default `Authorization`.
    pub(crate) header: Option<Text<HeaderText>>,
    /// Where the secret is kept: `env:NAME`; `file:PATH`, a relative one beside this file; `ssm:/PATH`; `secretsmanager:NAME`, or `secretsmanager:NAME#KEY` for a member of a JSON object.
    pub(crate) secret: Option<Text<SecretRef>>,
    /// Word before the secret. Default `Bearer` in `Authorization`, none elsewhere; `""` for none.
    #[schemars(length(max = 64))]
    pub(crate) scheme: Option<String>,
}

/// What the gateway shows a target: exactly one of `secret`, `client_credentials`, `token_exchange`, `user_grant`, `sigv4`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`credentials` of a target", extend("oneOf" = [
    {"required": ["secret"]}, {"required": ["client_credentials"]},
    {"required": ["token_exchange"]}, {"required": ["user_grant"]}, {"required": ["sigv4"]}
]))]
pub(crate) struct TargetCredentials {
    /// Header that carries the secret. Default `Authorization`.
    pub(crate) header: Option<Text<HeaderText>>,
    /// Where the secret is kept: `env:NAME`; `file:PATH`, a relative one beside this file; `ssm:/PATH`; `secretsmanager:NAME`, or `secretsmanager:NAME#KEY` for a member of a JSON object. Of an `mcp` target, a new one is noticed while the gateway runs, wherever it is kept but in the environment.
    pub(crate) secret: Option<Text<SecretRef>>,
    /// Word before the secret. Default `Bearer` in `Authorization`, none elsewhere; `""` for none.
    #[schemars(length(max = 64))]
    pub(crate) scheme: Option<String>,
    /// A token of the gateway's own, from an OAuth token endpoint; `mcp` targets.
    pub(crate) client_credentials: Option<OAuthClient>,
    /// For each call a token that its caller's was exchanged for (RFC 8693); lists and handshakes go by a token of the gateway's own. `mcp` targets.
    pub(crate) token_exchange: Option<OAuthClient>,
    /// For each call a token of its caller's own account, which they connect in a browser (authorization code with PKCE); `mcp` and `openapi` targets.
    pub(crate) user_grant: Option<UserGrant>,
    /// Each request is signed for AWS; `mcp` targets.
    pub(crate) sigv4: Option<SigV4>,
}

/// The gateway as a client of a token endpoint: `token_url` or `issuer` says where that is.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "an OAuth client", extend("required" = ["client_id", "client_secret"]))]
pub(crate) struct OAuthClient {
    /// The token endpoint.
    pub(crate) token_url: Option<Text<HttpUrl>>,
    /// The issuer, whose metadata says where its token endpoint is.
    pub(crate) issuer: Option<Text<HttpUrl>>,
    /// The client.
    #[schemars(length(min = 1, max = 256))]
    pub(crate) client_id: Option<String>,
    /// Where its secret is kept.
    pub(crate) client_secret: Option<Text<SecretRef>>,
    /// How the client shows both: in the header, or in the form. Default `basic`.
    pub(crate) auth: Option<ClientAuth>,
    /// Scopes to ask for.
    pub(crate) scopes: Vec<Text<Scope>>,
    /// `audience` to ask for, where the issuer wants one.
    #[schemars(length(min = 1, max = 1024))]
    pub(crate) audience: Option<String>,
    /// `resource` to ask for (RFC 8707).
    pub(crate) resource: Option<Text<HttpUrl>>,
}

/// Where users connect their accounts. The authorization server sends browsers back to `public_url` and `/grants/callback`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`user_grant`", extend("required" = [
    "authorize_url", "token_url", "client_id", "client_secret"
]))]
pub(crate) struct UserGrant {
    /// The authorization endpoint; what it wants besides may stand in its query.
    pub(crate) authorize_url: Option<Text<HttpUrl>>,
    /// The token endpoint.
    pub(crate) token_url: Option<Text<HttpUrl>>,
    /// The client.
    #[schemars(length(min = 1, max = 256))]
    pub(crate) client_id: Option<String>,
    /// Where its secret is kept.
    pub(crate) client_secret: Option<Text<SecretRef>>,
    /// How the client shows both: in the header, or in the form. Default `basic`.
    pub(crate) auth: Option<ClientAuth>,
    /// Scopes to ask for.
    pub(crate) scopes: Vec<Text<Scope>>,
    /// `audience` to ask for, where the issuer wants one.
    #[schemars(length(min = 1, max = 1024))]
    pub(crate) audience: Option<String>,
    /// `resource` to ask for (RFC 8707).
    pub(crate) resource: Option<Text<HttpUrl>>,
    /// Whether lists and handshakes go by a token of the gateway's own, from the same client; else they go by none. Default `false`.
    pub(crate) own_lists: Option<bool>,
}

/// Where grants of users are kept. Absent: in memory, so that a restart makes all users connect again.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`grants`", extend("required" = ["file", "key"]))]
pub(crate) struct Grants {
    /// The file; it is made when there is none.
    #[schemars(length(min = 1))]
    pub(crate) file: Option<String>,
    /// Secret that seals it, 32 characters or more.
    pub(crate) key: Option<Text<SecretRef>>,
}

/// AWS Signature Version 4.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`sigv4`", extend("required" = ["service"]))]
pub(crate) struct SigV4 {
    /// The service, as signatures name it: `bedrock-agentcore`, `execute-api`, `lambda`.
    #[schemars(length(min = 1, max = 64))]
    pub(crate) service: Option<String>,
    /// The region. Absent: that of `aws`, or what the environment, the profile or the machine says.
    #[schemars(length(min = 1, max = 64))]
    pub(crate) region: Option<String>,
}

/// Secrets that are read again while the gateway runs.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`secrets`")]
pub(crate) struct Secrets {
    /// How often those in AWS that targets are shown are read again; a file is as soon as it changes. At least `10s`. Absent: 5m.
    pub(crate) every: Option<Text<Duration>>,
}
