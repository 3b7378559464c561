//! A workspace of Amazon Managed Service for Prometheus, as callers see it.
//!
//! Enters: what AWS says of it. Leaves: the same. Never: a request.

use schemars::JsonSchema;
use serde::Serialize;

/// A workspace.
#[derive(Clone, Debug, JsonSchema, PartialEq, Eq, Serialize)]
pub(super) struct Workspace {
    /// Its id.
    #[serde(rename = "workspace_id")]
    pub(super) id: String,
    /// What people call it; may be empty.
    pub(super) alias: String,
    /// `ACTIVE`, `CREATING`, `UPDATING`, `DELETING` or `CREATION_FAILED`.
    pub(super) status: String,
    /// Its ARN.
    pub(super) arn: String,
    /// Where its API is.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub(super) url: String,
}
