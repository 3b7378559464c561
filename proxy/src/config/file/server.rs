//! Servers as written: parts of what the targets offer, each at a path of its own.
//!
//! In: the tree after the schema walk. Out: the same keys, typed. It holds no
//! defaults; `resolve` fills them in.

use schemars::JsonSchema;
use serde::Deserialize;
use toolgate_mcp::Pattern;

use crate::config::choice::{Prefix, Search};
use crate::config::text::Text;
use crate::config::words::Scope;

/// A server: a part of what the targets offer, at `/mcp/NAME`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "a server", extend("required" = ["targets"]))]
pub(crate) struct Server {
    /// The targets it has something of, in the order of `targets`.
    #[schemars(extend("minItems" = 1, "uniqueItems" = true))]
    pub(crate) targets: Vec<String>,
    /// Which of their tools, by full name `target___tool`. Absent: all.
    pub(crate) tools: Option<Names>,
    /// Which of their prompts, by full name `target___prompt`. Absent: all.
    pub(crate) prompts: Option<Names>,
    /// Which of their resources and templates, by URI. Absent: all.
    pub(crate) resources: Option<Names>,
    /// How names of different targets are kept apart here. Absent: as for the gateway.
    pub(crate) prefix: Option<Prefix>,
    /// Whether the tools here can be searched. Absent: as for the gateway.
    pub(crate) search: Option<Search>,
    /// What the list of tools here may weigh in a model's context. Absent: as for the gateway.
    pub(crate) definitions: Option<ServerDefinitions>,
    /// Scopes every call here needs, besides `auth.scopes`.
    pub(crate) scopes: Vec<Text<Scope>>,
    /// What models are told, before what the targets say of themselves.
    #[schemars(length(min = 1, max = 16_384))]
    pub(crate) instructions: Option<String>,
}

/// What definitions of tools may weigh in a model's context, by estimate: four bytes are a token.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`definitions`", extend("minProperties" = 1))]
pub(crate) struct Definitions {
    /// Tokens of a whole list beyond which the log warns, `_meta` of the list says so, and the list counts in `toolgate_lists_over_budget`. Nothing is left out of it.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub(crate) warn_tokens: Option<u32>,
    /// Tokens of one target's tools beyond which its list is refused, as one that could not be had: the last good one stays, and without any the target is missing. Absent: no list is refused for its weight.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub(crate) max_tokens: Option<u32>,
}

/// What the definitions on the list of a server may weigh.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`definitions` of a server", extend("required" = ["warn_tokens"]))]
pub(crate) struct ServerDefinitions {
    /// As for the gateway, of the list of this server.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub(crate) warn_tokens: Option<u32>,
}

/// What the definitions of a target's tools may weigh.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`definitions` of a target", extend("required" = ["max_tokens"]))]
pub(crate) struct TargetDefinitions {
    /// In place of `definitions.max_tokens`, for this target.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub(crate) max_tokens: Option<u32>,
}

/// Which names pass: what `allow` fits (absent: all), without what `deny` fits.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "a selection")]
pub(crate) struct Names {
    /// What may pass. Absent: everything.
    pub(crate) allow: Vec<Text<Pattern>>,
    /// What may not, even if `allow` fits it.
    pub(crate) deny: Vec<Text<Pattern>>,
}
