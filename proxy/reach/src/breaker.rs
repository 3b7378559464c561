//! Leaves a target alone that fails again and again.
//!
//! Enters: an attempt. Leaves: the same, or a refusal at once while the circuit is open. Never:
//! refuses in `poll_ready` (that would block the caller, not the call), counts a caller's or a
//! tool's failure against the target, or holds its lock while anything is awaited.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use toolgate_call::{Answer, Deadline, Outbound, Outcome, Reason, Refusal, Reply};
use toolgate_telemetry::{Circuit as Shown, TargetMetrics};
use tower::Service;

use crate::breaker::state::{Machine, Pass, Signal};
use crate::subject::{spell, whole_seconds};
use crate::watch::{Watcher, watch};
use crate::{Answering, ReachConfig};

mod state;

/// When a target is left alone.
#[derive(Clone, Copy, Debug)]
pub struct BreakerConfig {
    /// Failures in a row that open the circuit; 0: it never opens.
    pub failures: u32,
    /// For how long, until one call is let through on trial. Each trial that fails doubles it, up
    /// to eight times.
    pub open: Duration,
}

/// The circuit of one target.
pub(crate) struct Circuit {
    target: Arc<str>,
    machine: Mutex<Machine>,
    metrics: Arc<TargetMetrics>,
}

/// The layer's service.
#[derive(Clone)]
pub(crate) struct Breaker<S> {
    inner: S,
    circuit: Arc<Circuit>,
    timeout: Duration,
}

/// An attempt under way. However it ends, also by being dropped, its pass goes back.
struct Ticket {
    circuit: Arc<Circuit>,
    pass: Option<Pass>,
    /// The moment after which a drop means that the target let its time run out. `None` if it had
    /// less than half of its usual time: a caller in a hurry must not open the circuit for all.
    due: Option<Deadline>,
}

// === impl Circuit ===

impl Circuit {
    pub(crate) fn new(config: &ReachConfig, metrics: Arc<TargetMetrics>) -> Arc<Self> {
        metrics.circuit(Shown::Closed);
        let BreakerConfig { failures, open } = config.breaker;
        Arc::new(Self {
            target: Arc::clone(&config.target),
            machine: Mutex::new(Machine::new(failures, open)),
            metrics,
        })
    }

    /// The state, and how long it stays open.
    pub(crate) fn shown(&self) -> (Shown, Option<Duration>) {
        let machine = self.lock();
        (machine.shown(), machine.opens_again_in(Instant::now().into_std()))
    }

    fn admit(&self) -> Result<Pass, Refusal> {
        let now = Instant::now().into_std();
        self.with(|machine| machine.admit(now)).map_err(|wait| self.refuse(wait))
    }

    fn settle(&self, pass: &Pass, signal: Signal) {
        let now = Instant::now().into_std();
        self.with(|machine| machine.settle(pass, signal, now));
    }

    /// Acts on the machine, and shows its state if that has changed.
    fn with<T>(&self, act: impl FnOnce(&mut Machine) -> T) -> T {
        let mut machine = self.lock();
        let before = machine.shown();
        let result = act(&mut machine);
        let after = machine.shown();
        if before != after {
            // Under the lock, so that the last state shown is the one that holds.
            self.metrics.circuit(after);
            tracing::info!(target_name = &*self.target, ?before, ?after, "circuit changed");
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse(&self, wait: Duration) -> Refusal {
        self.metrics.circuit_rejected();
        let wait = whole_seconds(wait);
        let message = format!(
            "target `{}` failed again and again and is left alone; nothing was sent; it opens \
             again for a trial in {}",
            self.target,
            spell(wait)
        );
        Refusal::target(Reason::CircuitOpen, &self.target, message)
            .retry_after(wait)
            .safe_to_retry(true)
    }
}

// === impl Breaker ===

impl<S> Breaker<S> {
    pub(crate) const fn new(inner: S, circuit: Arc<Circuit>, timeout: Duration) -> Self {
        Self { inner, circuit, timeout }
    }

    fn ticket(&self, outbound: &Outbound, pass: Pass) -> Ticket {
        let usual = outbound.tool().map_or(self.timeout, |tool| tool.timeout);
        let left = outbound.deadline.left(Instant::now().into_std());
        let due = (left >= usual / 2).then_some(outbound.deadline);
        Ticket { circuit: Arc::clone(&self.circuit), pass: Some(pass), due }
    }
}

impl<S> Service<Outbound> for Breaker<S>
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
        let ticket = match self.circuit.admit() {
            Ok(pass) => self.ticket(&outbound, pass),
            Err(refusal) => return Box::pin(std::future::ready(Err(refusal))),
        };
        let answering = self.inner.call(outbound);
        Box::pin(async move { watch(answering.await, ticket) })
    }
}

// === impl Ticket ===

impl Ticket {
    fn settle(&mut self, signal: Signal) {
        if let Some(pass) = self.pass.take() {
            self.circuit.settle(&pass, signal);
        }
    }
}

impl Watcher for Ticket {
    /// The head of a stream ends a trial well, or a long stream would keep all others out.
    fn began(&mut self) {
        let Some(pass) = self.pass.take() else { return };
        let trial = self.circuit.lock().is_trial(&pass);
        if trial {
            self.circuit.settle(&pass, Signal::Well);
        } else {
            self.pass = Some(pass);
        }
    }

    /// Whoever answers is well, whatever the answer.
    fn answered(mut self, _answer: Option<&Answer>) {
        self.settle(Signal::Well);
    }

    fn refused(mut self, refusal: Refusal) -> Refusal {
        let signal = if Outcome::of(Err(&refusal)).counts_against_target() {
            Signal::Failing
        } else if refusal.reason() == Reason::Upstream4xx {
            Signal::Well
        } else {
            Signal::Silent
        };
        self.settle(signal);
        refusal
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let now = Instant::now().into_std();
        let late = self.due.is_some_and(|due| due.left(now).is_zero());
        self.settle(if late { Signal::Failing } else { Signal::Silent });
    }
}

#[cfg(test)]
mod tests;
