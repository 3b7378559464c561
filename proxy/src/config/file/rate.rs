//! A rule of `limits.rates` as written.
//!
//! In: the tree after the schema walk. Out: the same keys, typed. It holds no
//! defaults but those spelt in the comments.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::choice::RatePer;
use crate::config::text::Text;

/// How often callers may call.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "a rate", extend("required" = ["per", "calls", "every"]))]
pub(crate) struct RateRule {
    /// What has a bucket of its own.
    pub(crate) per: Option<RatePer>,
    /// So many calls
    #[schemars(range(min = 1, max = 100_000_000))]
    pub(crate) calls: Option<u32>,
    /// in this time.
    pub(crate) every: Option<Text<Duration>>,
    /// So many at once, after a pause. Absent: as many as `calls`.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub(crate) burst: Option<u32>,
    /// Only calls to this target.
    pub(crate) target: Option<String>,
    /// Only calls of this tool, by full name `target___tool`.
    pub(crate) tool: Option<String>,
}
