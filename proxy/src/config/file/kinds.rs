//! How targets are reached, as written.
//!
//! In: the tree after the schema walk. Out: the same keys, typed. It holds no
//! defaults but those spelt in the comments.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::address::HttpUrl;
use crate::config::choice::Era;
use crate::config::ordered::Ordered;
use crate::config::reference::EnvText;
use crate::config::text::Text;

/// An MCP server reached over HTTP.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`mcp`", extend("required" = ["url"]))]
pub(crate) struct Http {
    /// Its endpoint.
    pub(crate) url: Option<Text<HttpUrl>>,
    /// Which era of MCP it speaks. Default `auto`.
    pub(crate) era: Option<Era>,
}

/// An MCP server run as a child process.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`stdio`", extend("required" = ["command"]))]
pub(crate) struct Stdio {
    /// Program and arguments; no shell reads them. A program such as `./server` lies beside this file.
    pub(crate) command: Vec<String>,
    /// Environment variables, as text or secret reference.
    pub(crate) env: Ordered<Text<EnvText>>,
    /// Working directory; a relative one lies beside this file. Absent: the gateway's own.
    #[schemars(length(min = 1))]
    pub(crate) cwd: Option<String>,
}

/// An HTTP API, whose operations become tools.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`openapi`", extend("required" = ["document", "url"]))]
pub(crate) struct OpenApi {
    /// Its OpenAPI document (3.0 or 3.1), in JSON or YAML; a relative path lies beside this file.
    #[schemars(length(min = 1))]
    pub(crate) document: Option<String>,
    /// Where its paths begin. The document's own `servers` are not believed.
    pub(crate) url: Option<Text<HttpUrl>>,
    /// Operations that become tools: `listPets`, `GET /pets/*`, `tag:pets`; `*` stands for any text. Absent: all.
    pub(crate) include: Vec<String>,
    /// Operations that do not, whatever `include` says.
    pub(crate) exclude: Vec<String>,
}

/// A Lambda function, called as AgentCore Gateway calls one.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`lambda`", extend("required" = ["function", "tools"]))]
pub(crate) struct Lambda {
    /// Its name or ARN.
    #[schemars(length(min = 1, max = 170))]
    pub(crate) function: Option<String>,
    /// The definitions of its tools (AgentCore's `inlinePayload`), in JSON or YAML: a path beside this file, or `ssm:NAME` of a parameter.
    #[schemars(length(min = 1))]
    pub(crate) tools: Option<String>,
    /// Its version or alias. Absent: the latest.
    #[schemars(length(min = 1, max = 128))]
    pub(crate) qualifier: Option<String>,
    /// Its region. Absent: that of the ARN, of `aws.region`, or of `AWS_REGION`.
    #[schemars(length(min = 1, max = 64))]
    pub(crate) region: Option<String>,
    /// Where Lambda is. Absent: `aws.endpoint`, or AWS's own for the region.
    pub(crate) endpoint: Option<Text<HttpUrl>>,
}
