//! How often callers may call, as written: `rates`, `shared` and `loops` of `limits`.
//!
//! In: the tree after the schema walk. Out: the same keys, typed. It holds no
//! defaults but those spelt in the comments.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::choice::{OnFailure, RatePer};
use crate::config::redis::RedisUrl;
use crate::config::reference::SecretRef;
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

/// Where buckets are that gateways share.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`limits.shared`", extend("required" = ["redis"]))]
pub(crate) struct SharedRates {
    /// In a Redis or a Valkey.
    pub(crate) redis: Option<Redis>,
    /// How long a call waits for its answer, at most `1s`. Default `50ms`.
    pub(crate) timeout: Option<Text<Duration>>,
    /// What becomes of calls when it does not answer. Default `local`.
    pub(crate) on_failure: Option<OnFailure>,
}

/// A Redis (5 or later) or a Valkey: one, or a primary with replicas behind one name.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`redis` of `limits.shared`", extend("required" = ["url"]))]
pub(crate) struct Redis {
    /// Where it is: `rediss://HOST:PORT/DATABASE`, or `redis://` without TLS.
    pub(crate) url: Option<Text<RedisUrl>>,
    /// Who the gateway is there. Absent: the default user.
    #[schemars(length(min = 1, max = 128))]
    pub(crate) user: Option<String>,
    /// Its password. Absent: none.
    pub(crate) password: Option<Text<SecretRef>>,
    /// What the names of all keys begin with, the same for all gateways that share. Default `toolgate`.
    #[schemars(length(min = 1, max = 64))]
    pub(crate) prefix: Option<String>,
}

/// When a caller is taken to go round in circles: it calls a tool with the same arguments, and the answer is the same, again and again.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`limits.loops`", extend("required" = ["stop_after"]))]
pub(crate) struct LoopLimit {
    /// After so many answers in a row that were the same, the next call waits a second, the one after it two, at most ten. Absent: half of `stop_after`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) slow_after: Option<u32>,
    /// After so many, calls are refused with a sentence that a model understands.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub(crate) stop_after: Option<u32>,
    /// Until the same call was left alone for so long. Default `5m`.
    pub(crate) forget_after: Option<Text<Duration>>,
}
