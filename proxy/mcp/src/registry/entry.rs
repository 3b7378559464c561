//! One target's list, and how old it is.
//!
//! Enters: reasons to ask the target. Leaves: its tools; the last good ones while it is down.
//! Never: two questions at once, and never a question a second after one that failed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use toolgate_call::Refusal;
use toolgate_telemetry::ListCause;

use super::TargetSpec;
use crate::list::{self, Tool};

/// The shortest time between two questions that a caller's unknown name may cause.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// A target and its list.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) spec: TargetSpec,
    state: Mutex<State>,
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    tools: Arc<[Tool]>,
    known: bool,
    due: Option<Instant>,
    asked: Option<Instant>,
    failure: Option<Refusal>,
}

// === impl Entry ===

impl Entry {
    pub(super) fn new(spec: TargetSpec) -> Self {
        Self { spec, state: Mutex::default(), asking: tokio::sync::Mutex::default() }
    }

    pub(crate) fn tools(&self) -> Arc<[Tool]> {
        Arc::clone(&self.state().tools)
    }

    /// Whether the target has ever told its tools.
    pub(super) fn is_known(&self) -> bool {
        self.state().known
    }

    /// Why the last question failed, if it did.
    pub(super) fn failure(&self) -> Option<Refusal> {
        self.state().failure.clone()
    }

    /// Whether the list has grown old, or was never had.
    pub(super) fn is_due(&self) -> bool {
        self.state().due.is_none_or(|due| due <= Instant::now())
    }

    /// Whether an unknown name is a reason to ask.
    pub(super) fn may_ask(&self) -> bool {
        self.state().asked.is_none_or(|asked| asked.elapsed() >= ASK_AGAIN)
    }

    /// The list is not good any more.
    pub(super) fn expire(&self) {
        let mut state = self.state();
        state.due = None;
        state.asked = None;
    }

    /// Asks, unless someone else has asked since this was wanted.
    pub(super) async fn refresh(&self, cause: ListCause) {
        let wanted = Instant::now();
        let _turn = self.asking.lock().await;
        if self.state().asked.is_some_and(|asked| asked > wanted) {
            return;
        }
        let fetched = list::fetch(&self.spec.name, &self.spec.svc, self.spec.timeout).await;
        self.spec.metrics.list_refreshed(cause, fetched.is_ok());
        self.spec.metrics.up(fetched.is_ok());
        self.settle(fetched);
    }

    fn settle(&self, fetched: Result<Vec<Tool>, Refusal>) {
        let now = Instant::now();
        let mut state = self.state();
        state.asked = Some(now);
        match fetched {
            Ok(tools) => {
                let size = tools.iter().map(Tool::size).sum();
                self.spec.metrics.list_size(tools.len(), size);
                state.tools = tools.into();
                state.known = true;
                state.failure = None;
                state.due = Some(now + self.spec.list_ttl);
            }
            Err(refusal) => {
                let target = &self.spec.name;
                let detail = refusal.operator_detail().unwrap_or_default();
                tracing::warn!(%target, %refusal, detail, "the list of tools could not be had");
                state.failure = Some(refusal);
                // Old tools stay; a target that is down is asked again soon, not at every list.
                state.due = Some(now + ASK_AGAIN.min(self.spec.list_ttl));
            }
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
