//! What a child has said about one request, until the caller takes it.
//!
//! Enters: notices, questions and one ending, from the reader. Leaves: the same, in order. Never: an unbounded
//! queue (old notices go first, the ending never), and never blocks the reader.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use toolgate_call::{
    Abilities, Answer, Event, Ledger, OpenQuestions, Phase, Question, RawJson, Refusal,
};

use crate::lacking::Lacking;

/// The inbox of one request.
#[derive(Debug)]
pub(super) struct Mailbox {
    ledger: Option<Arc<Ledger>>,
    questions: OpenQuestions,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    notices: VecDeque<Event>,
    held: usize,
    ending: Option<Result<Answer, Refusal>>,
    /// What the caller lacks.
    lacking: Lacking,
    waker: Option<Waker>,
    /// Some of the request may have reached the child.
    sent: bool,
    /// The child has said something about it.
    heard: bool,
    /// Nobody waits any more.
    abandoned: bool,
    /// The ending was taken.
    over: bool,
}

/// Notices kept for a caller that does not take them.
const MAX_NOTICES: usize = 256;
/// Their bytes.
const MAX_BYTES: usize = 4 * 1024 * 1024;

// === impl Mailbox ===

impl Mailbox {
    /// An empty inbox; the ledger follows what happens to the request.
    pub(super) fn new(ledger: Option<Arc<Ledger>>, lacking: Lacking) -> Self {
        let state = Mutex::new(State { lacking, ..State::default() });
        Self { ledger, questions: OpenQuestions::default(), state }
    }

    /// The first byte is about to leave. `false`: nobody waits any more, so nothing should leave.
    pub(super) fn leaving(&self) -> bool {
        let mut state = self.state();
        state.sent |= !state.abandoned;
        self.enter(&state, Phase::Send);
        !state.abandoned
    }

    /// The last byte has left.
    pub(super) fn left(&self) {
        // Under the lock: an answer that was quicker must not be followed by "waiting".
        let state = self.state();
        if !state.heard {
            self.enter(&state, Phase::Wait);
        }
    }

    /// The child said something before the end.
    pub(super) fn push(&self, notice: RawJson) {
        self.add(Event::Notice(notice));
    }

    /// The child asks the caller something.
    pub(super) fn ask(&self, question: Question) {
        self.add(Event::Ask(self.questions.note(question)));
    }

    /// The child has asked what the caller has not declared, and this needs.
    pub(super) fn lacks(&self, needs: Abilities) {
        self.state().lacking.note(needs);
    }

    /// How many of its questions are not answered yet.
    pub(super) fn open_questions(&self) -> usize {
        self.questions.count()
    }

    fn add(&self, event: Event) {
        let mut state = self.state();
        state.held += size(&event);
        state.notices.push_back(event);
        let mut dropped = Vec::new();
        while state.notices.len() > MAX_NOTICES || state.held > MAX_BYTES {
            let Some(oldest) = state.notices.pop_front() else { break };
            state.held = state.held.saturating_sub(size(&oldest));
            dropped.push(oldest);
        }
        self.heard(&mut state);
        wake(state);
        // Not under the lock: a question that is dropped answers itself.
        drop(dropped);
    }

    /// The child answered.
    pub(super) fn answer(&self, answer: Answer) {
        let mut state = self.state();
        state.ending = Some(state.lacking.settle(answer));
        self.heard(&mut state);
        wake(state);
    }

    /// There will be no answer; the refusal says so if the request may have been carried out.
    pub(super) fn fail(&self, refusal: Refusal) {
        let mut state = self.state();
        let refusal = if state.sent { refusal.after_send() } else { refusal };
        state.ending = Some(Err(refusal));
        wake(state);
    }

    /// Nobody waits any more. `true`: the child may know of the request.
    pub(super) fn abandon(&self) -> bool {
        let mut state = self.state();
        state.abandoned = true;
        state.sent
    }

    /// Takes the next thing; `None` after the ending.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut state = self.state();
        if let Some(notice) = state.notices.pop_front() {
            state.held = state.held.saturating_sub(size(&notice));
            return Poll::Ready(Some(notice));
        }
        if let Some(ending) = state.ending.take() {
            state.over = true;
            return Poll::Ready(Some(Event::Done(ending)));
        }
        if state.over {
            return Poll::Ready(None);
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Notes the first word of the child.
    fn heard(&self, state: &mut State) {
        if !state.heard {
            state.heard = true;
            self.enter(state, Phase::Receive);
        }
    }

    /// Moves the ledger on, unless the caller has turned to something else.
    fn enter(&self, state: &State, phase: Phase) {
        if let Some(ledger) = self.ledger.as_ref().filter(|_| !state.abandoned) {
            ledger.enter(phase);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an event weighs.
fn size(event: &Event) -> usize {
    match event {
        Event::Notice(raw) => raw.len(),
        Event::Ask(question) => question.params.len(),
        Event::Done(_) => 0,
    }
}

/// Wakes whoever waits, outside the lock.
fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}
