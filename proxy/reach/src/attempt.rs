//! One attempt: how long it took and what came of it.
//!
//! Enters: an attempt. Leaves: the same reply or refusal, noted in the ledger, in the metrics and
//! in the health of the target when its last byte is there, or when nobody waits any more. Never:
//! changes anything.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use toolgate_call::{
    Answer, AttemptNote, By, Deadline, Ledger, Method, Outcome, Phase, Question, Reason, Refusal,
    Reply, SpanId,
};
use toolgate_telemetry::TargetMetrics;

use crate::Health;
use crate::stage::{Shared, Stage, Trip, keep};
use crate::subject::method;
use crate::timeout::cut_in;
use crate::watch::{Watcher, watch};

/// The stage.
pub(crate) struct Attempt<S> {
    health: Arc<Health>,
    metrics: Arc<TargetMetrics>,
    inner: S,
}

/// An attempt under way. Dropped before its end, it was cut off.
struct Running<'a> {
    health: Shared<'a, Health>,
    metrics: Shared<'a, TargetMetrics>,
    ledger: Shared<'a, Ledger>,
    method: Method,
    started: Instant,
    span: Option<SpanId>,
    deadline: Deadline,
    began: bool,
    noted: bool,
    /// `None` until the target asks something.
    waited: Option<Waited>,
}

/// For how long the target waited for its caller.
#[derive(Clone, Default)]
struct Waited(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    open: usize,
    since: Option<Instant>,
    total: Duration,
}

// === impl Attempt ===

impl<S> Attempt<S> {
    pub(crate) fn new(health: &Arc<Health>, metrics: &Arc<TargetMetrics>, inner: S) -> Self {
        Self { health: Arc::clone(health), metrics: Arc::clone(metrics), inner }
    }

    fn start<'a>(&'a self, trip: Trip<'a>) -> Running<'a> {
        let ledger = &trip.outbound.ledger;
        // A far side that connects says so. One that says nothing is taken to have sent: that
        // errs on the side of not repeating.
        ledger.enter_at(Phase::Send, trip.now.into_std());
        Running {
            health: Cow::Borrowed(&self.health),
            metrics: Cow::Borrowed(&self.metrics),
            ledger: Cow::Borrowed(ledger),
            method: method(trip.outbound),
            started: trip.now,
            span: trip.trace.map(|trace| trace.span),
            deadline: trip.deadline,
            began: false,
            noted: false,
            waited: None,
        }
    }
}

impl<S: Stage> Stage for Attempt<S> {
    async fn send(&self, trip: Trip<'_>) -> Result<Reply, Refusal> {
        // Each attempt is a span of its own, which is what the target is given as its parent.
        let own = trip.trace.map(|call| call.child(SpanId::random(fastrand::u64(..))));
        let trip = trip.within(own);
        let running = self.start(trip);
        watch(self.inner.send(trip).await, running)
    }
}

// === impl Waited ===

impl Waited {
    /// The same question; until it is answered the target waits.
    fn note(&self, question: Question) -> Question {
        let mut waiting = self.lock();
        waiting.open += 1;
        waiting.since.get_or_insert_with(Instant::now);
        drop(waiting);
        let own = self.clone();
        let respond = question.respond.then(move || own.close());
        Question { respond, ..question }
    }

    fn close(&self) {
        let mut waiting = self.lock();
        waiting.open = waiting.open.saturating_sub(1);
        if waiting.open == 0
            && let Some(since) = waiting.since.take()
        {
            waiting.total += since.elapsed();
        }
    }

    fn total(&self, now: Instant) -> Duration {
        let waiting = self.lock();
        let open =
            waiting.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        waiting.total + open
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Running ===

impl Running<'_> {
    fn note(&mut self, outcome: Outcome, failure: Option<(Reason, Option<String>)>) {
        self.noted = true;
        let now = Instant::now();
        let took = now.saturating_duration_since(self.started);
        // The span of an attempt is as long as it took; what the caller took of it is not the target's.
        let waited = self.waited.as_ref().map_or(Duration::ZERO, |waited| waited.total(now));
        self.metrics.attempt(self.method, outcome, took.saturating_sub(waited));
        let (refused, detail) = failure.map_or((None, None), |(reason, why)| (Some(reason), why));
        let began = self.started.into_std().saturating_duration_since(self.ledger.start());
        let (reason, span) = (outcome.reason, self.span);
        self.ledger.note_attempt(AttemptNote { reason, began, took, span, detail });
        match refused {
            None => self.health.answered(now),
            Some(reason) if outcome.counts_against_target() => self.health.failed(reason, now),
            Some(_) => {}
        }
    }

    /// Why an attempt was dropped: its time was up, or the caller left. A caller that does not read
    /// what is being written to it has left as well, whatever the time; and so has one that waits for
    /// much less than the target may take.
    fn cut_off(&self) -> Reason {
        let in_time = !self.deadline.left(Instant::now().into_std()).is_zero();
        let hurried = self.deadline.by() == By::Caller;
        if in_time || hurried || self.ledger.phase() == Phase::Write {
            return Reason::ClientCancelled;
        }
        if self.began { Reason::TimeoutTotal } else { cut_in(self.ledger.phase()) }
    }
}

impl Watcher for Running<'_> {
    type Lasting = Running<'static>;

    fn began(mut self) -> Running<'static> {
        // The other one notes it.
        self.noted = true;
        Running {
            health: keep(&self.health),
            metrics: keep(&self.metrics),
            ledger: keep(&self.ledger),
            method: self.method,
            started: self.started,
            span: self.span,
            deadline: self.deadline,
            began: true,
            noted: false,
            waited: None,
        }
    }

    fn asked(&mut self, question: Question) -> Question {
        self.waited.get_or_insert_default().note(question)
    }

    fn answered(mut self, answer: Option<&Answer>) {
        let outcome = answer.map_or(Outcome::OK, |answer| Outcome::of(Ok(answer)));
        self.note(outcome, None);
    }

    fn refused(mut self, refusal: Refusal) -> Refusal {
        let detail = refusal.operator_detail().unwrap_or(refusal.message()).to_owned();
        self.note(Outcome::of(Err(&refusal)), Some((refusal.reason(), Some(detail))));
        refusal
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.noted {
            let reason = self.cut_off();
            self.note(Outcome::failed(reason, false), Some((reason, None)));
        }
    }
}

#[cfg(test)]
mod tests;
