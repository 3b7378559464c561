//! One attempt: how long it took and what came of it.
//!
//! Enters: an attempt. Leaves: the same reply or refusal, noted in the ledger, in the metrics and
//! in the health of the target when its last byte is there, or when nobody waits any more. Never:
//! changes anything.

use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Instant;
use toolgate_call::{
    Answer, AttemptNote, Deadline, Ledger, Method, Outbound, Outcome, Phase, Reason, Refusal, Reply,
};
use toolgate_telemetry::TargetMetrics;
use tower::Service;

use crate::subject::method;
use crate::timeout::cut_in;
use crate::watch::{Watcher, watch};
use crate::{Answering, Health};

/// The layer's service.
#[derive(Clone)]
pub(crate) struct Attempt<S> {
    inner: S,
    health: Arc<Health>,
    metrics: Arc<TargetMetrics>,
}

/// An attempt under way. Dropped before its end, it was cut off.
struct Running {
    health: Arc<Health>,
    metrics: Arc<TargetMetrics>,
    ledger: Arc<Ledger>,
    method: Method,
    started: Instant,
    deadline: Deadline,
    began: bool,
    noted: bool,
}

// === impl Attempt ===

impl<S> Attempt<S> {
    pub(crate) const fn new(inner: S, health: Arc<Health>, metrics: Arc<TargetMetrics>) -> Self {
        Self { inner, health, metrics }
    }

    fn start(&self, outbound: &Outbound) -> Running {
        let started = Instant::now();
        // A far side that connects says so. One that says nothing is taken to have sent: that
        // errs on the side of not repeating.
        outbound.ledger.enter_at(Phase::Send, started.into_std());
        Running {
            health: Arc::clone(&self.health),
            metrics: Arc::clone(&self.metrics),
            ledger: Arc::clone(&outbound.ledger),
            method: method(outbound),
            started,
            deadline: outbound.deadline,
            began: false,
            noted: false,
        }
    }
}

impl<S> Service<Outbound> for Attempt<S>
where
    S: Service<Outbound, Response = Reply, Error = Refusal>,
    S::Future: Send + 'static,
{
    type Response = Reply;
    type Error = Refusal;
    type Future = Answering;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, outbound: Outbound) -> Answering {
        let running = self.start(&outbound);
        let answering = self.inner.call(outbound);
        Box::pin(async move { watch(answering.await, running) })
    }
}

// === impl Running ===

impl Running {
    fn note(&mut self, outcome: Outcome, failure: Option<(Reason, Option<String>)>) {
        self.noted = true;
        let now = Instant::now();
        let took = now.saturating_duration_since(self.started);
        self.metrics.attempt(self.method, outcome, took);
        let (reason, detail) = failure.map_or((None, None), |(reason, why)| (Some(reason), why));
        self.ledger.note_attempt(AttemptNote { reason, took, detail });
        match reason {
            None => self.health.answered(now),
            Some(reason) if outcome.counts_against_target() => self.health.failed(reason, now),
            Some(_) => {}
        }
    }

    /// Why an attempt was dropped: its time was up, or the caller left.
    fn cut_off(&self) -> Reason {
        if !self.deadline.left(Instant::now().into_std()).is_zero() {
            return Reason::ClientCancelled;
        }
        if self.began { Reason::TimeoutTotal } else { cut_in(self.ledger.phase()) }
    }
}

impl Watcher for Running {
    fn began(&mut self) {
        self.began = true;
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

impl Drop for Running {
    fn drop(&mut self) {
        if !self.noted {
            let reason = self.cut_off();
            self.note(Outcome::failed(reason, false), Some((reason, None)));
        }
    }
}

#[cfg(test)]
mod tests;
