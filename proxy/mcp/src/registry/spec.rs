//! What the registry is told of targets and tools.
//!
//! Enters: configuration. Leaves: the same, by target and by tool. Never: what a target says of itself.

use std::sync::Arc;
use std::time::Duration;

use toolgate_call::{Hint, Kind, Plan, RetryPlan, Scopes};
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
    /// Tokens that the definitions on its list of tools may weigh before it is refused; `None`: any.
    pub max_tokens: Option<usize>,
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

/// What holds for everything that a target offers.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The target's configured name.
    pub target: &'a Arc<str>,
    /// Scopes that all of it needs.
    pub scopes: &'a Scopes,
    /// How long a call may take.
    pub timeout: Duration,
    /// How failed attempts are repeated.
    pub retry: RetryPlan,
}

/// What a target says of a tool, where the operator believes it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said {
    /// It changes nothing.
    pub read_only: Option<bool>,
    /// Calling it twice is the same as calling it once.
    pub idempotent: Option<bool>,
}

// === impl TargetSpec ===

impl TargetSpec {
    pub(super) fn terms(&self) -> Terms<'_> {
        let Self { name, scopes, timeout, retry, .. } = self;
        Terms { target: name, scopes, timeout: *timeout, retry: *retry }
    }
}

// === impl ToolRule ===

impl ToolRule {
    /// The plan of something, under this rule: `names` are its own and the full one. It is not held back,
    /// and no definition of it is known yet.
    #[must_use]
    pub fn plan(
        &self,
        terms: Terms<'_>,
        kind: Kind,
        (name, full): (Arc<str>, Arc<str>),
        said: Said,
    ) -> Plan {
        Plan {
            kind,
            target: Arc::clone(terms.target),
            name,
            full,
            server: None,
            scopes: terms.scopes.union(&self.scopes),
            read_only: hint(self.read_only.or(said.read_only)),
            idempotent: hint(self.idempotent.or(said.idempotent)),
            timeout: self.timeout.unwrap_or(terms.timeout),
            retry: self.retry.unwrap_or(terms.retry),
            concurrency: self.concurrency,
            quarantined: false,
            definition: None,
        }
    }
}

fn hint(said: Option<bool>) -> Hint {
    match said {
        Some(true) => Hint::Yes,
        Some(false) => Hint::No,
        None => Hint::Unknown,
    }
}
