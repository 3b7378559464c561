//! What the registry is told of targets and tools.
//!
//! Enters: configuration. Leaves: the same, by target and by tool. Never: what a target says of itself.

use std::sync::Arc;
use std::time::Duration;

use toolgate_call::{RetryPlan, Scopes};
use toolgate_telemetry::TargetMetrics;

use crate::TargetSvc;

/// A target, as the registry needs to know it.
#[derive(Clone, Debug)]
pub struct TargetSpec {
    /// Its configured name.
    pub name: Arc<str>,
    /// The way to it.
    pub svc: TargetSvc,
    /// Scopes that all it offers needs.
    pub scopes: Scopes,
    /// How long a call may take.
    pub timeout: Duration,
    /// How failed attempts are repeated.
    pub retry: RetryPlan,
    /// How long its list is good for.
    pub list_ttl: Duration,
    /// Whether its annotations are believed.
    pub trust_annotations: bool,
    /// Whether a list without its tools is an error.
    pub required: bool,
    /// Whether it is reached over HTTP, where a modern one reads arguments in headers as well.
    pub http: bool,
    /// Counts refreshes.
    pub metrics: Arc<TargetMetrics>,
}

/// What the operator says of one tool; `None` leaves the target's value.
#[derive(Clone, Debug, Default)]
pub struct ToolRule {
    /// Scopes beyond those of gateway and target.
    pub scopes: Scopes,
    /// Whether it changes nothing.
    pub read_only: Option<bool>,
    /// Whether calling it twice is the same as calling it once.
    pub idempotent: Option<bool>,
    /// How long a call may take.
    pub timeout: Option<Duration>,
    /// How failed attempts are repeated.
    pub retry: Option<RetryPlan>,
    /// Calls at once.
    pub concurrency: Option<u32>,
}
