//! The parts of a running turn.
//!
//! In: that a part begins, and how it ends. Out: events for whoever asked, and the list for
//! the report. Never: a part that began and is never said to have ended.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::report::{Place, Reply, Step, Watcher, ms};
use super::request::Talk;
use crate::event::{Event, Outcome, StepEnd, StepKind};

/// The steps of one turn.
pub(super) struct Steps<'a> {
    talk: &'a dyn Talk,
    watcher: &'a dyn Watcher,
    place: &'a Place,
    began: Instant,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    open: Vec<Open>,
    done: Vec<Step>,
    count: u32,
    /// How long the user was asked in all.
    asked: Duration,
    answer: String,
    first_word: Option<Duration>,
    /// What has been said in this reply.
    in_reply: bool,
}

struct Open {
    step: Step,
    /// Nobody would know whether it was carried out.
    changes: bool,
    /// It waits for the user since then.
    asking: Option<Duration>,
}

/// What is known of a part when it begins.
pub(super) struct Begin<'a> {
    pub(super) kind: StepKind,
    pub(super) name: &'a str,
    pub(super) limit: Option<Duration>,
    pub(super) arguments: Option<Value>,
    pub(super) changes: bool,
}

/// How a part has ended.
#[derive(Default)]
pub(super) struct Ended {
    pub(super) outcome: Option<Outcome>,
    pub(super) reason: Option<String>,
    pub(super) blame: Option<String>,
    pub(super) retry_safe: Option<bool>,
    pub(super) note: Option<String>,
    pub(super) result: Option<String>,
    pub(super) call_id: Option<String>,
    pub(super) ledger: Option<Value>,
    pub(super) reply: Option<Reply>,
}

/// A part that has begun: its number, and the trace context that goes with it.
pub(super) struct Begun {
    pub(super) step: u32,
    pub(super) traceparent: String,
}

// === impl Steps ===

impl<'a> Steps<'a> {
    pub(super) fn new(talk: &'a dyn Talk, watcher: &'a dyn Watcher, place: &'a Place) -> Self {
        Self { talk, watcher, place, began: Instant::now(), inner: Mutex::default() }
    }

    pub(super) fn say(&self, event: Event) {
        self.talk.say(event);
    }

    pub(super) fn since(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn begin(&self, begin: Begin<'_>) -> Begun {
        let (span, traceparent) = self.place.child();
        let began = self.since();
        let step = {
            let mut inner = self.inner();
            inner.count += 1;
            let step = Step {
                step: inner.count,
                kind: begin.kind,
                name: begin.name.to_owned(),
                span,
                began,
                took: Duration::ZERO,
                outcome: Outcome::Cancelled,
                reason: None,
                blame: None,
                reply: None,
                call_id: None,
            };
            let number = step.step;
            inner.open.push(Open { step, changes: begin.changes, asking: None });
            number
        };
        self.say(Event::StepStart {
            step,
            kind: begin.kind,
            name: begin.name.to_owned(),
            limit_ms: begin.limit.map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)),
            arguments: begin.arguments,
        });
        Begun { step, traceparent }
    }

    /// The user is asked about a part from now on, or, the second time, has answered: only then it
    /// really begins.
    pub(super) fn asking(&self, step: u32) {
        let now = self.since();
        let mut inner = self.inner();
        let Some(open) = inner.open.iter_mut().find(|open| open.step.step == step) else { return };
        match open.asking.take() {
            None => open.asking = Some(now),
            Some(since) => {
                open.step.began = now;
                inner.asked += now.saturating_sub(since);
            }
        }
    }

    pub(super) fn end(&self, step: u32, ended: Ended) {
        let now = self.since();
        let Some(open) = self.take(step) else { return };
        let mut done = open.step;
        done.took = now.saturating_sub(done.began);
        done.outcome = ended.outcome.unwrap_or(Outcome::Ok);
        done.reason.clone_from(&ended.reason);
        done.blame.clone_from(&ended.blame);
        done.reply = ended.reply;
        done.call_id.clone_from(&ended.call_id);
        self.watcher.step(&done);
        self.say(Event::StepEnd(StepEnd {
            step,
            ms: ms(done.took),
            outcome: done.outcome,
            reason: ended.reason,
            blame: ended.blame,
            retry_safe: ended.retry_safe,
            note: ended.note,
            result: ended.result,
            call_id: ended.call_id,
            ledger: ended.ledger,
        }));
        self.inner().done.push(done);
    }

    /// Ends what goes on: the turn is over.
    pub(super) fn end_all(&self) {
        let open: Vec<(u32, bool, Option<Duration>)> = {
            let inner = self.inner();
            inner.open.iter().map(|open| (open.step.step, open.changes, open.asking)).collect()
        };
        for (step, changes, asking) in open {
            let was_asking = asking.is_some();
            if was_asking {
                self.asking(step);
            }
            let unknown = changes && !was_asking;
            self.end(step, stopped(unknown));
        }
    }

    /// More of the answer.
    pub(super) fn text(&self, delta: &str) {
        if delta.is_empty() {
            return;
        }
        let now = self.since();
        let delta = {
            let mut inner = self.inner();
            inner.first_word.get_or_insert(now);
            let again = !std::mem::replace(&mut inner.in_reply, true) && !inner.answer.is_empty();
            let delta = if again { format!("\n\n{delta}") } else { delta.to_owned() };
            inner.answer.push_str(&delta);
            delta
        };
        self.say(Event::Text { delta });
    }

    /// What is said next belongs to another reply.
    pub(super) fn next_reply(&self) {
        self.inner().in_reply = false;
    }

    pub(super) fn answer(&self) -> String {
        self.inner().answer.clone()
    }

    pub(super) fn first_word(&self) -> Option<Duration> {
        self.inner().first_word
    }

    /// All parts in the order in which they began, and how long the user was asked.
    pub(super) fn finished(&self) -> (Vec<Step>, Duration) {
        let mut inner = self.inner();
        let mut steps = std::mem::take(&mut inner.done);
        steps.sort_by_key(|step| step.step);
        (steps, inner.asked)
    }

    fn take(&self, step: u32) -> Option<Open> {
        let mut inner = self.inner();
        let nth = inner.open.iter().position(|open| open.step.step == step)?;
        Some(inner.open.swap_remove(nth))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was stopped before it had ended.
fn stopped(unknown: bool) -> Ended {
    let (outcome, reason, note) = if unknown {
        let note = "it was sent and then stopped: look whether it was carried out";
        (Outcome::Unknown, "outcome_unknown", Some(note.to_owned()))
    } else {
        (Outcome::Cancelled, "client_cancelled", None)
    };
    Ended {
        outcome: Some(outcome),
        reason: Some(reason.to_owned()),
        blame: Some("caller".to_owned()),
        retry_safe: Some(!unknown),
        note,
        ..Ended::default()
    }
}
