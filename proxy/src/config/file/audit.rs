//! `audit` as written.
//!
//! In: the tree after the schema walk. Out: the same keys, typed. It holds no
//! defaults but those spelt in the comments.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::choice::Fsync;
use crate::config::text::Text;
use crate::config::units::Size;

/// Who was let do what, and who was not: a file to which records are only added, each with the hash of the one before.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`audit`", extend("required" = ["file"]))]
pub(crate) struct Audit {
    /// The file; `toolgate audit verify` looks whether it is whole. A relative path lies beside this file.
    #[schemars(length(min = 1))]
    pub(crate) file: Option<String>,
    /// Refuse calls that cannot be recorded. Default `false`: they go on, and the loss is counted.
    pub(crate) required: Option<bool>,
    /// When records become durable. Default `always`: before the call goes on.
    pub(crate) fsync: Option<Fsync>,
    /// How often, with `fsync: interval`. Default `1s`.
    pub(crate) fsync_every: Option<Text<Duration>>,
    /// Record also how each call ended. Default `true`.
    pub(crate) outcomes: Option<bool>,
    /// Records that may wait to be written. Default `8MiB`.
    pub(crate) buffer: Option<Text<Size>>,
    /// When another file is begun, and how many are kept.
    pub(crate) rotate: Rotate,
    /// A copy of each record in CloudWatch Logs. Absent: none.
    pub(crate) cloudwatch: Option<AuditLogs>,
}

/// A copy of each record in CloudWatch Logs.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`cloudwatch` of `audit`", extend("required" = ["group", "stream"]))]
pub(crate) struct AuditLogs {
    /// The log group; it is made if it is not there.
    #[schemars(length(min = 1, max = 512))]
    pub(crate) group: Option<String>,
    /// The log stream, one for each gateway; it is made if it is not there.
    #[schemars(length(min = 1, max = 512))]
    pub(crate) stream: Option<String>,
}

/// When another file is begun, and how many are kept.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "`rotate`")]
pub(crate) struct Rotate {
    /// Largest file. Default `128MiB`.
    pub(crate) size: Option<Text<Size>>,
    /// Oldest file. Absent: until it is full.
    pub(crate) age: Option<Text<Duration>>,
    /// Full files kept besides the one in use. Absent: all.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) keep: Option<u32>,
    /// Full files kept, all together. Absent: all.
    pub(crate) keep_size: Option<Text<Size>>,
}
