//! The calls in flight on a session of the older era.
//!
//! Enters: calls, as they are sent and as they end; what the target says beside their streams, on that
//! of the session (GET). Leaves: each question and each log message with the call that it must be
//! about. Never: with a call when it may be about another one; more than a few that wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::sync::mpsc;
use toolgate_call::{Abilities, MOST_OPEN, Principal, Question, RawJson};

use super::session::Session;
use crate::left::Left;

/// What a target says of a call beside its stream.
#[derive(Debug)]
pub(super) enum Beside {
    /// It asks something.
    Question(Question),
    /// It asked what its caller has not declared.
    Lacking(Abilities),
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

/// A call in flight, and what is said beside its stream.
pub(super) struct InFlight {
    session: Arc<Session>,
    id: u64,
    beside: mpsc::Receiver<Beside>,
}

// === impl Calls ===

impl Calls {
    /// The only call in flight, if a question can be about no other: none of somebody else has ended
    /// just before.
    pub(super) fn sole(&self) -> Option<mpsc::Sender<Beside>> {
        let state = self.lock();
        let (sole, now) = (state.sole()?, Instant::now());
        let whose = sole.whose.as_deref();
        let is_clear = whose.is_none_or(|whose| !state.left.may_concern_another(whose, now));
        is_clear.then(|| sole.beside.clone())
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
