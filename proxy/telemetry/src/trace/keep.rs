//! Which calls are worth their spans.
//!
//! Enters: how a call ended. Leaves: why its spans are kept, if they are; and a limit on how many
//! may be kept for that a second. Never: a decision that the beginning of the call has made already.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use toolgate_call::{Outcome, Reason};
use toolgate_telemetry_catalog::Kept;

/// Failed, denied and slow calls whose spans are kept each second. Whoever floods the gateway with
/// calls that fail gets no more than these into the backend.
const PER_SECOND: f64 = 50.0;
/// As many may come at once.
const AT_ONCE: f64 = 200.0;

/// A share of keeping that grows with time.
#[derive(Debug)]
pub(super) struct Allowance(Mutex<(f64, Option<Instant>)>);

/// Why the spans are kept; `None` when they are not.
pub(super) fn reason(sampled: bool, outcome: Outcome, slow: impl FnOnce() -> bool) -> Option<Kept> {
    if sampled {
        return Some(Kept::Head);
    }
    match outcome.reason {
        Some(Reason::Unauthenticated | Reason::Forbidden) => Some(Kept::Denied),
        Some(_) => Some(Kept::Error),
        None => slow().then_some(Kept::Slow),
    }
}

// === impl Allowance ===

impl Default for Allowance {
    fn default() -> Self {
        Self(Mutex::new((AT_ONCE, None)))
    }
}

impl Allowance {
    /// Takes one, if there is one left.
    pub(super) fn take(&self) -> bool {
        self.take_at(Instant::now())
    }

    fn take_at(&self, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, last) = &mut *state;
        let grown = last.map_or(0.0, |last| now.saturating_duration_since(last).as_secs_f64());
        *left = (*left + grown * PER_SECOND).min(AT_ONCE);
        *last = Some(now);
        let enough = *left >= 1.0;
        if enough {
            *left -= 1.0;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    //! Reasons and the limit.

    use std::time::{Duration, Instant};

    use toolgate_call::{Outcome, Reason};
    use toolgate_telemetry_catalog::Kept;

    use super::{Allowance, reason};

    #[test]
    fn what_failed_was_denied_or_slow_is_kept_though_nobody_asked() {
        let of = |why| reason(false, Outcome::failed(why, false), || false);
        assert_eq!(of(Reason::Upstream5xx), Some(Kept::Error));
        assert_eq!(of(Reason::ToolError), Some(Kept::Error));
        assert_eq!(of(Reason::Forbidden), Some(Kept::Denied));
        assert_eq!(reason(false, Outcome::OK, || true), Some(Kept::Slow));
        assert_eq!(reason(false, Outcome::OK, || false), None);
        assert_eq!(reason(true, Outcome::OK, || unreachable!()), Some(Kept::Head));
    }

    #[test]
    fn a_flood_of_failures_is_kept_in_part() {
        let (allowance, start) = (Allowance::default(), Instant::now());
        let taken = |at| (0..1000).filter(|_| allowance.take_at(at)).count();
        assert_eq!(taken(start), 200);
        assert_eq!(taken(start + Duration::from_secs(1)), 50);
        assert_eq!(taken(start + Duration::from_secs(60)), 200);
    }
}
