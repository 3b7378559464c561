//! Whose calls at a target of the older era have ended lately.
//!
//! Enters: calls that end. Leaves: whether what such a target says beside its answers may still be about
//! one of them. Never: a message with somebody whose it may not be.

use std::sync::Arc;
use std::time::{Duration, Instant};

use toolgate_call::Principal;

/// How long a log message may be on its way: so long after a call has ended, one may be about it.
const LATE: Duration = Duration::from_secs(2);

/// Whose calls have ended lately.
#[derive(Debug, Default)]
pub(crate) struct Left {
    last: Option<(Arc<Principal>, Instant)>,
    /// When a call of somebody else than the last one's ended.
    mixed: Option<Instant>,
}

// === impl Left ===

impl Left {
    /// A call of theirs has ended.
    pub(crate) fn note(&mut self, whose: Arc<Principal>, now: Instant) {
        if self.last_was_another(&whose, now) {
            self.mixed = Some(now);
        }
        self.last = Some((whose, now));
    }

    /// Whether what is said now to that caller may be about somebody else's call.
    pub(crate) fn may_concern_another(&self, whose: &Principal, now: Instant) -> bool {
        self.mixed.is_some_and(|at| is_late(at, now)) || self.last_was_another(whose, now)
    }

    /// Whether the last call that has ended lately was somebody else's.
    fn last_was_another(&self, whose: &Principal, now: Instant) -> bool {
        let is_other =
            |other: &Principal| (&other.issuer, &other.subject) != (&whose.issuer, &whose.subject);
        self.last.as_ref().is_some_and(|(other, at)| is_late(*at, now) && is_other(other))
    }
}

/// Whether a message about a call that ended then may still come.
fn is_late(ended: Instant, now: Instant) -> bool {
    now.saturating_duration_since(ended) < LATE
}

#[cfg(test)]
mod tests {
    //! Whose a message may be.

    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use toolgate_call::Principal;

    use super::{LATE, Left};

    fn somebody(subject: &str) -> Arc<Principal> {
        Arc::new(Principal { subject: subject.into(), ..Principal::anonymous() })
    }

    #[test]
    fn what_comes_late_may_be_about_a_call_that_has_ended() {
        let (a, b, start) = (somebody("a"), somebody("b"), Instant::now());
        let at = |millis: u64| start + Duration::from_millis(millis);
        let mut left = Left::default();
        assert!(!left.may_concern_another(&a, at(0)));
        left.note(Arc::clone(&a), at(0));
        assert!(!left.may_concern_another(&a, at(1)), "its own");
        assert!(left.may_concern_another(&b, at(1)));
        assert!(!left.may_concern_another(&b, start + LATE));
        left.note(Arc::clone(&b), at(100));
        left.note(Arc::clone(&b), at(200));
        assert!(left.may_concern_another(&b, at(300)), "one of `a` ended just before");
        assert!(!left.may_concern_another(&b, at(100) + LATE));
    }
}
