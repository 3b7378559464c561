//! The parts that can be changed while turns go on.
//!
//! Enters: parts that were made of other settings. Leaves: what stands behind the faces as it is now;
//! everything that was changed together is seen together. Never: a turn that is stopped or asked again
//! because of a change: it keeps the model it began with.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::time::Instant;
use toolgate_agent_model::Usage;

use crate::gateway::Gateway;
use crate::models::Known;
use crate::tools::{Answer, Asking, Call, Failure, Listed, OnProgress, Tools};
use crate::turn::{Chosen, Models, UnknownModel};

/// The parts, as they are now.
#[derive(Clone, Debug)]
pub struct Now {
    /// The models.
    pub models: Arc<Known>,
    /// The gateway.
    pub gateway: Option<Gateway>,
    /// Questions that the page offers.
    pub examples: Vec<String>,
    /// Where a trace is looked at, with `{trace}` in place of its id.
    pub trace_url: Option<String>,
}

/// Parts that can be changed.
#[derive(Debug)]
pub struct Live {
    now: ArcSwap<Now>,
    settings: ArcSwapOption<Reading>,
}

/// How the settings were read the last time.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Where they are.
    pub from: String,
    /// When they were read so that they could be used.
    pub good: Instant,
    /// How often they are read; `None` for never again.
    pub every: Option<Duration>,
    /// Why they could not be used since then.
    pub problem: Option<String>,
    /// Keys that wait for a restart.
    pub waiting: Vec<&'static str>,
}

// === impl Live ===

impl Live {
    pub(super) fn new(now: Now) -> Self {
        Self { now: ArcSwap::from_pointee(now), settings: ArcSwapOption::empty() }
    }

    /// The parts now.
    #[must_use]
    pub fn now(&self) -> Arc<Now> {
        self.now.load_full()
    }

    /// How the settings were read; `None` if they are not read again at all.
    #[must_use]
    pub fn settings(&self) -> Option<Arc<Reading>> {
        self.settings.load_full()
    }

    /// The settings were read.
    pub fn told(&self, reading: Reading) {
        self.settings.store(Some(Arc::new(reading)));
    }

    pub(super) fn change(&self, now: Now) {
        self.now.store(Arc::new(now));
    }
}

impl Models for Live {
    fn choose(&self, key: Option<&str>) -> Result<Chosen, UnknownModel> {
        self.now().models.choose(key)
    }

    fn cost(&self, key: &str, usage: &Usage) -> Option<f64> {
        self.now().models.cost(key, usage)
    }
}

impl Tools for Live {
    fn list(&self) -> Asking<'_, Result<Arc<Listed>, Failure>> {
        let now = self.now();
        Box::pin(async move { now.gateway.as_ref().ok_or_else(none)?.list().await })
    }

    fn call<'a>(
        &'a self,
        call: Call<'a>,
        on_progress: OnProgress<'a>,
    ) -> Asking<'a, Result<Answer, Failure>> {
        let now = self.now();
        Box::pin(
            async move { now.gateway.as_ref().ok_or_else(none)?.call(call, on_progress).await },
        )
    }
}

/// There is no gateway to ask. An agent that began without one does not ask.
fn none() -> Failure {
    Failure {
        reason: "internal".to_owned(),
        blame: "caller".to_owned(),
        retry_safe: true,
        unknown: false,
        message: "no gateway is configured".to_owned(),
        call_id: None,
    }
}

// === impl Reading ===

impl Reading {
    /// Whether they could be used, and a sentence for the operator.
    #[must_use]
    pub fn part(&self) -> (bool, String) {
        let Self { from, good, every, problem, waiting } = self;
        let age = good.elapsed().as_secs();
        let mut says = match problem {
            Some(problem) => format!("those read {age} s ago are in force: {problem}"),
            None => format!("as in {from} {age} s ago"),
        };
        if every.is_none() {
            says.push_str("; not read again (`settings/refresh` is 0s)");
        }
        if !waiting.is_empty() {
            says.push_str(&format!("; waiting for a restart: {}", waiting.join(", ")));
        }
        (problem.is_none(), says)
    }
}
