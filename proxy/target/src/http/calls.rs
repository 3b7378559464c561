//! The calls in flight on a session of the older era.
//!
//! Enters: calls, as they are sent and as they end; what the target says beside their streams, on that
//! of the session (GET). Leaves: each question and each log message with the call that it must be
//! about. Never: with a call when it may be about another one; more than a few that wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use toolgate_call::{MOST_OPEN, Principal, Question, RawJson};

use super::session::Session;

/// How long a log message may be on its way: so long after a call has ended, one may be about it.
const LATE: Duration = Duration::from_secs(2);

/// What a target says of a call beside its stream.
#[derive(Debug)]
pub(super) enum Beside {
    /// It asks something.
    Question(Question),
    /// A log message.
    Message(RawJson),
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Calls(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    open: HashMap<u64, Open>,
    left: Left,
}

#[derive(Debug)]
struct Open {
    beside: mpsc::Sender<Beside>,
    /// `None`: the gateway's own.
    whose: Option<Arc<Principal>>,
}

/// Whose calls have ended lately.
#[derive(Debug, Default)]
struct Left {
    last: Option<(Arc<Principal>, Instant)>,
    /// When a call of somebody else than the last one's ended.
    mixed: Option<Instant>,
}

/// A call in flight, and what is said beside its stream.
pub(super) struct InFlight {
    session: Arc<Session>,
    id: u64,
    beside: mpsc::Receiver<Beside>,
}

// === impl Calls ===

impl Calls {
    /// The only call in flight.
    pub(super) fn sole(&self) -> Option<mpsc::Sender<Beside>> {
        let state = self.lock();
        state.sole().map(|open| open.beside.clone())
    }

    /// The target has sent a log message. Nothing in it says for whom: it is the only caller's, if
    /// nobody else has called just before, or lost.
    pub(super) fn logged(&self, raw: RawJson) {
        let state = self.lock();
        let Some(Open { beside, whose: Some(whose) }) = state.sole() else { return };
        if state.left.may_concern_another(whose, Instant::now()) {
            return;
        }
        // Who does not read its stream, or has none, hears no more of them.
        let _full = beside.try_send(Beside::Message(raw));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn sole(&self) -> Option<&Open> {
        let mut all = self.open.values();
        all.next().filter(|_| all.next().is_none())
    }
}

// === impl Left ===

impl Left {
    fn note(&mut self, whose: Arc<Principal>, now: Instant) {
        if self.last_was_another(&whose, now) {
            self.mixed = Some(now);
        }
        self.last = Some((whose, now));
    }

    fn may_concern_another(&self, whose: &Principal, now: Instant) -> bool {
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

// === impl InFlight ===

impl InFlight {
    /// A call that is about to be sent.
    pub(super) fn on(session: &Arc<Session>, id: u64, whose: Option<Arc<Principal>>) -> Self {
        let (sender, beside) = mpsc::channel(MOST_OPEN);
        session.calls.lock().open.insert(id, Open { beside: sender, whose });
        Self { session: Arc::clone(session), id, beside }
    }

    /// The next thing that was said beside its stream.
    pub(super) fn poll_beside(&mut self, cx: &mut Context<'_>) -> Poll<Option<Beside>> {
        self.beside.poll_recv(cx)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.session.calls.lock();
        let ended = state.open.remove(&self.id).and_then(|open| open.whose);
        if let Some(whose) = ended {
            state.left.note(whose, Instant::now());
        }
    }
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
