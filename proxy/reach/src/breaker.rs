//! Leaves a target alone that fails again and again.
//!
//! Enters: an attempt. Leaves: the same, or a refusal at once while the circuit is open. Never:
//! makes a caller wait for it to close, counts a caller's or a tool's failure against the target,
//! holds its lock while anything is awaited or logged, or takes it for a call or a stream among
//! calls that all end well.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use toolgate_call::{Answer, Deadline, Ledger, Outcome, Phase, Question, Reason, Refusal, Reply};
use toolgate_telemetry::{Circuit as Shown, TargetMetrics};

use crate::ReachConfig;
use crate::breaker::calm::Calm;
use crate::breaker::state::{Machine, Pass, Signal};
use crate::stage::{Shared, Stage, Trip, keep};
use crate::subject::{spell, whole_seconds};
use crate::watch::{Watcher, watch};

mod calm;
mod state;

/// For how long a target that was well is expected back, once it cannot be reached: the time of a
/// restart. Calls of which nothing was sent wait for it so long.
const RETURN: Duration = Duration::from_secs(2);

/// When a target is left alone.
#[derive(Clone, Copy, Debug)]
pub struct BreakerConfig {
    /// Failures in a row that open the circuit; 0: it never opens.
    pub failures: u32,
    /// For how long, until one call is let through on trial. Each trial that fails doubles it, up
    /// to eight times. For a target that cannot be connected to it is the longest: the first trial
    /// comes after 250 ms.
    pub open: Duration,
}

/// The circuit of one target.
pub(crate) struct Circuit {
    target: Arc<str>,
    /// What the machine says while all is well, for those who need not ask it.
    calm: Calm,
    /// Whether the target has ever been well.
    was_well: AtomicBool,
    machine: Mutex<Machine>,
    metrics: Arc<TargetMetrics>,
}

/// The stage.
pub(crate) struct Breaker<S> {
    circuit: Arc<Circuit>,
    timeout: Duration,
    inner: S,
}

/// An attempt under way. However it ends, also by being dropped, its pass goes back.
struct Ticket<'a> {
    circuit: Shared<'a, Circuit>,
    pass: Option<Pass>,
    /// The moment after which a drop means that the target let its time run out. `None` if it had
    /// less than half of its usual time: a caller in a hurry must not open the circuit for all.
    due: Option<Deadline>,
    ledger: Shared<'a, Ledger>,
}

// === impl Circuit ===

impl Circuit {
    pub(crate) fn new(config: &ReachConfig, metrics: Arc<TargetMetrics>) -> Arc<Self> {
        metrics.circuit(Shown::Closed);
        let BreakerConfig { failures, open } = config.breaker;
        let machine = Machine::new(failures, open);
        Arc::new(Self {
            target: Arc::clone(&config.target),
            calm: Calm::new(&machine),
            was_well: AtomicBool::new(false),
            machine: Mutex::new(machine),
            metrics,
        })
    }

    /// The state, and how long it stays open.
    pub(crate) fn shown(&self) -> (Shown, Option<Duration>) {
        let machine = self.lock();
        (machine.shown(), machine.opens_again_in(Instant::now().into_std()))
    }

    /// Whether it will still be open then, if nothing else happens to it.
    pub(crate) fn is_open_at(&self, then: std::time::Instant) -> bool {
        let is_open = |left: Duration| !left.is_zero();
        self.calm.admit().is_none() && self.lock().opens_again_in(then).is_some_and(is_open)
    }

    /// Until when it is worth waiting for a target that was well and cannot be reached just now.
    pub(crate) fn expected_until(&self) -> Option<std::time::Instant> {
        if self.calm.admit().is_some() || !self.was_well.load(Relaxed) {
            return None;
        }
        self.lock().gone_since()?.checked_add(RETURN)
    }

    pub(crate) const fn metrics(&self) -> &Arc<TargetMetrics> {
        &self.metrics
    }

    /// For how long calls are held back; `None`: they are not.
    pub(crate) fn shut_for(&self) -> Option<Duration> {
        self.lock().shut_for(Instant::now().into_std())
    }

    fn admit(&self, now: Instant) -> Result<Pass, Refusal> {
        if let Some(pass) = self.calm.admit() {
            return Ok(pass);
        }
        let now = now.into_std();
        self.with(|machine| machine.admit(now)).map_err(|wait| self.refuse(wait))
    }

    fn is_trial(&self, pass: &Pass) -> bool {
        !self.calm.has_given(pass) && self.lock().is_trial(pass)
    }

    fn settle(&self, pass: &Pass, signal: Signal) {
        // All cores read it; it is written once.
        if signal == Signal::Well && !self.was_well.load(Relaxed) {
            self.was_well.store(true, Relaxed);
        }
        if matches!(signal, Signal::Well | Signal::Silent) && self.calm.has_given(pass) {
            return;
        }
        let now = Instant::now().into_std();
        self.with(|machine| machine.settle(pass, signal, now));
    }

    /// Acts on the machine, and shows its state if that has changed.
    fn with<T>(&self, act: impl FnOnce(&mut Machine) -> T) -> T {
        let mut machine = self.lock();
        let before = machine.shown();
        let result = act(&mut machine);
        let after = machine.shown();
        self.calm.update(&machine);
        if before == after {
            return result;
        }
        // Under the lock, so that the last state shown is the one that holds.
        self.metrics.circuit(after);
        drop(machine);
        // Not under it: whoever reads the log may be slow.
        tracing::info!(target_name = &*self.target, ?before, ?after, "circuit changed");
        result
    }

    fn lock(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse(&self, wait: Duration) -> Refusal {
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
    pub(crate) fn new(circuit: &Arc<Circuit>, timeout: Duration, inner: S) -> Self {
        Self { circuit: Arc::clone(circuit), timeout, inner }
    }

    fn ticket<'a>(&'a self, trip: Trip<'a>, pass: Pass) -> Ticket<'a> {
        let usual = trip.outbound.plan().map_or(self.timeout, |tool| tool.timeout);
        let left = trip.deadline.left(trip.now.into_std());
        let due = (left >= usual / 2).then_some(trip.deadline);
        let ledger = Cow::Borrowed(&trip.outbound.ledger);
        Ticket { circuit: Cow::Borrowed(&self.circuit), pass: Some(pass), due, ledger }
    }
}

impl<S: Stage> Stage for Breaker<S> {
    async fn send(&self, trip: Trip<'_>) -> Result<Reply, Refusal> {
        let pass = self.circuit.admit(trip.now)?;
        let ticket = self.ticket(trip, pass);
        watch(self.inner.send(trip).await, ticket)
    }
}

// === impl Ticket ===

impl Ticket<'_> {
    fn settle(&mut self, signal: Signal) {
        if let Some(pass) = self.pass.take() {
            self.circuit.settle(&pass, signal);
        }
    }
}

impl Watcher for Ticket<'_> {
    type Lasting = Ticket<'static>;

    /// The head of a stream ends a trial well, or a long stream would keep all others out.
    fn began(mut self) -> Ticket<'static> {
        if self.pass.as_ref().is_some_and(|pass| self.circuit.is_trial(pass)) {
            self.settle(Signal::Well);
        }
        Ticket {
            circuit: keep(&self.circuit),
            pass: self.pass.take(),
            due: self.due,
            ledger: keep(&self.ledger),
        }
    }

    /// Whoever left it waiting, it may have been the caller.
    fn asked(&mut self, question: Question) -> Question {
        self.due = None;
        question
    }

    /// Whoever answers is well, whatever the answer.
    fn answered(mut self, _answer: Option<&Answer>) {
        self.settle(Signal::Well);
    }

    fn refused(mut self, refusal: Refusal) -> Refusal {
        let signal = if matches!(refusal.reason(), Reason::ConnectRefused | Reason::Reset) {
            Signal::Away
        } else if Outcome::of(Err(&refusal)).counts_against_target() {
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

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if self.pass.is_none() {
            return;
        }
        let now = Instant::now().into_std();
        // While its answer is being written, it is the caller who lets the time run out; and whoever
        // issues its credentials, while the gateway waits for them.
        let late = self.due.is_some_and(|due| due.left(now).is_zero())
            && !matches!(self.ledger.phase(), Phase::Write | Phase::Authenticate);
        self.settle(if late { Signal::Failing } else { Signal::Silent });
    }
}

#[cfg(test)]
mod tests;
