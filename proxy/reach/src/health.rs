//! How a target is, as far as its calls show.
//!
//! Enters: how attempts ended. Leaves: a yes or no and a sentence for the readiness page. Never:
//! asks the target itself.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use toolgate_call::Reason;
use toolgate_telemetry::Circuit as Shown;

use crate::breaker::Circuit;
use crate::subject::spell;

/// The health of one target.
pub struct Health {
    circuit: Arc<Circuit>,
    born: Instant,
    /// Milliseconds from `born` to the last answer, plus one; 0: there was none. Not behind the
    /// lock, because every call tells it.
    answered: AtomicU64,
    failed: Mutex<Option<(Instant, Reason)>>,
}

// === impl Health ===

impl Health {
    pub(crate) fn new(circuit: Arc<Circuit>) -> Self {
        let (answered, failed) = (AtomicU64::new(0), Mutex::default());
        Self { circuit, born: Instant::now(), answered, failed }
    }

    /// Whether the target takes calls, and a sentence that says why or why not. True while the
    /// circuit is closed; a target that was never called is well until shown otherwise.
    #[must_use]
    pub fn status(&self) -> (bool, String) {
        let now = Instant::now();
        let (shown, opens) = self.circuit.shown();
        let state = match (shown, opens) {
            (Shown::Closed, _) => "circuit closed".to_owned(),
            (Shown::HalfOpen, _) => "circuit half open, on trial".to_owned(),
            (Shown::Open, wait) => {
                format!("circuit open, next trial in {}", spell(wait.unwrap_or_default()))
            }
        };
        let answered = self.last_answer().map_or_else(
            || "never answered".to_owned(),
            |at| format!("last answered {} ago", ago(at, now)),
        );
        let failed = self.last_failure().map_or_else(
            || "never failed".to_owned(),
            |(at, reason)| format!("last failed {} ago ({})", ago(at, now), reason.as_str()),
        );
        (shown == Shown::Closed, format!("{state}; {answered}; {failed}"))
    }

    /// For how long calls are held back until one is let through on trial; `None`: they are not.
    #[must_use]
    pub fn shut_for(&self) -> Option<Duration> {
        self.circuit.shut_for()
    }

    pub(crate) fn answered(&self, now: Instant) {
        let since = now.saturating_duration_since(self.born).as_millis();
        let at = u64::try_from(since).unwrap_or(u64::MAX).saturating_add(1);
        // Of the calls that end within a millisecond, one is enough to write it.
        if self.answered.load(Relaxed) != at {
            self.answered.store(at, Relaxed);
        }
    }

    pub(crate) fn failed(&self, reason: Reason, now: Instant) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, reason));
    }

    fn last_answer(&self) -> Option<Instant> {
        let after = self.answered.load(Relaxed).checked_sub(1)?;
        self.born.checked_add(Duration::from_millis(after))
    }

    fn last_failure(&self) -> Option<(Instant, Reason)> {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (well, why) = self.status();
        f.debug_struct("Health").field("well", &well).field("why", &why).finish()
    }
}

fn ago(at: Instant, now: Instant) -> String {
    spell(now.saturating_duration_since(at))
}

#[cfg(test)]
mod tests;
