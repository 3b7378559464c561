//! One target's list, and how old it is.
//!
//! Enters: reasons to ask the target. Leaves: its tools; the last good ones while it is down.
//! Never: two questions at once, and never a question a second after one that failed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use toolgate_call::{Reason, Refusal};
use toolgate_telemetry::ListCause;

use super::{TargetSpec, changes};
use crate::list::{self, Tool};

/// The shortest time between two questions that a caller's unknown name may cause.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The longest that a target may take over its list.
const LONGEST: Duration = Duration::from_secs(10);

/// A list, or why there is none.
pub(super) type Fetched = Result<Vec<Tool>, Refusal>;

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
    failures: u32,
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

    /// Whether an unknown name is a reason to ask: not a second after an answer; but a target that
    /// is being asked right now is worth waiting for.
    pub(super) fn may_ask(&self) -> bool {
        self.is_being_asked() || self.state().asked.is_none_or(|at| at.elapsed() >= ASK_AGAIN)
    }

    /// Whether a question is on its way.
    pub(super) fn is_being_asked(&self) -> bool {
        self.asking.try_lock().is_err()
    }

    /// Waits for the answer to the question that is on its way.
    pub(super) async fn answered(&self) {
        drop(self.asking.lock().await);
    }

    /// Why its tools are not there.
    pub(super) fn excuse(&self) -> Refusal {
        self.failure().unwrap_or_else(|| {
            let target = &self.spec.name;
            let message = format!("`{target}` has not told its tools yet; try again");
            Refusal::target(Reason::TimeoutFirstByte, target, message).safe_to_retry(true)
        })
    }

    /// The list is not good any more.
    pub(super) fn expire(&self) {
        let mut state = self.state();
        state.due = None;
        state.asked = None;
    }

    /// Asks, unless someone else has asked since this was wanted. `publish` takes the tools into
    /// the catalog; until it has, the target counts as being asked.
    pub(super) async fn refresh(&self, cause: ListCause, publish: impl FnOnce(Fetched)) {
        let wanted = Instant::now();
        let _turn = self.asking.lock().await;
        if self.state().asked.is_some_and(|asked| asked > wanted) {
            return;
        }
        let fetched =
            list::fetch(&self.spec.name, &self.spec.svc, self.spec.timeout.min(LONGEST)).await;
        self.spec.metrics.list_refreshed(cause, fetched.is_ok());
        publish(fetched);
    }

    /// Takes what was fetched.
    pub(super) fn settle(&self, fetched: Fetched) {
        let now = Instant::now();
        let mut state = self.state();
        state.asked = Some(now);
        match fetched {
            Ok(tools) => {
                let size = tools.iter().map(Tool::size).sum();
                self.spec.metrics.list_size(tools.len(), size);
                if state.known {
                    changes::count(&state.tools, &tools, &self.spec.metrics);
                }
                state.tools = tools.into();
                state.known = true;
                state.failure = None;
                state.failures = 0;
                state.due = Some(now + self.spec.list_ttl);
            }
            Err(refusal) => {
                let target = &self.spec.name;
                let detail = refusal.operator_detail().unwrap_or_default();
                tracing::warn!(%target, %refusal, detail, "the list of tools could not be had");
                state.failure = Some(refusal);
                // Old tools stay; a target that is down is asked again, but less and less often.
                state.failures = state.failures.saturating_add(1);
                let pause = ASK_AGAIN.saturating_mul(1 << state.failures.min(6));
                state.due = Some(now + pause.min(self.spec.list_ttl));
            }
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
