//! What changes have in common.
//!
//! Enters: a kind of workloads. Leaves: where it is in the API. Never: a kind that cannot be changed
//! in that way.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Kinds of workloads whose pods are made anew by a change of their template.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Workload {
    Deployment,
    StatefulSet,
    DaemonSet,
}

/// Kinds of workloads that have a number of pods.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Scaled {
    Deployment,
    StatefulSet,
    ReplicaSet,
}

// === impl Workload ===

impl Workload {
    /// As paths have it.
    pub(super) const fn plural(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
        }
    }
}

// === impl Scaled ===

impl Scaled {
    /// As paths have it.
    pub(super) const fn plural(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::ReplicaSet => "replicasets",
        }
    }
}

/// A change is tried first unless the caller says otherwise.
pub(super) const fn dry() -> bool {
    true
}

/// What stands at the end of a text about a dry run.
pub(super) const HOW: &str =
    "The cluster would take this; nothing was changed. Call again with `dry_run: false` to do it.";
