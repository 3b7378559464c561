//! Repeats what may be repeated, and says the last word on what failed.
//!
//! Enters: an operation with its deadline. Leaves: the first reply, or the last refusal, which says
//! whether the caller may repeat the call and, if nobody can know whether it was carried out, says
//! that. A call of which nothing was sent waits a little for a target that is just being restarted;
//! that is no retry, and costs neither budget nor an attempt of the plan. Never: a second sending of something that may have been
//! carried out, unless doing it twice is the same as doing it once; never a pause past the deadline.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;
use toolgate_call::{Answer, Case, Phase, Reason, Refusal, Reply, RetryPlan};
use toolgate_telemetry::{Suppressed, TargetMetrics};

use crate::ReachConfig;
use crate::breaker::Circuit;
use crate::retry::budget::Budget;
use crate::retry::verdict::{Failure, Verdict, may_have_been_sent, verdict};
use crate::stage::{Stage, Trip};
use crate::subject::Subject;
use crate::watch::{Watcher, watch};

pub(crate) mod budget;
mod verdict;

/// How soon a target that is expected back is looked for again, the first time; and how often that
/// doubles.
const LOOK: Duration = Duration::from_millis(20);
const MOST_DOUBLINGS: u32 = 3;

/// The stage.
pub(crate) struct Retry<S> {
    target: Arc<str>,
    timeout: Duration,
    plan: RetryPlan,
    budget: Arc<Budget>,
    circuit: Arc<Circuit>,
    rng: Mutex<Rng>,
    metrics: Arc<TargetMetrics>,
    inner: S,
}

/// The attempts of one call; counted when it ends, also by being dropped.
struct Tries<'a> {
    metrics: &'a TargetMetrics,
    made: u32,
    /// How many of them only looked whether the target is back.
    looks: u32,
    /// The failure that led to the attempt in flight.
    cause: Option<Refusal>,
}

/// Puts the last refusal of a call into its final words.
struct LastWord<'a> {
    subject: Subject<'a>,
    attempts: u32,
}

// === impl Retry ===

impl<S> Retry<S> {
    pub(crate) fn new(
        config: &ReachConfig,
        circuit: &Arc<Circuit>,
        budget: &Arc<Budget>,
        rng: Rng,
        inner: S,
    ) -> Self {
        Self {
            target: Arc::clone(&config.target),
            timeout: config.timeout,
            plan: config.retry,
            budget: Arc::clone(budget),
            circuit: Arc::clone(circuit),
            rng: Mutex::new(rng),
            metrics: Arc::clone(circuit.metrics()),
            inner,
        }
    }

    /// Every call puts its share into the budget.
    fn deposit(&self, now: Instant) {
        if !self.budget.is_full() {
            self.budget.deposit(now);
        }
    }

    /// How long to pause before the next attempt; `None`: there is to be none.
    fn decide(&self, trip: Trip<'_>, failure: &Failure<'_>) -> Option<Duration> {
        let (_, plan) = trip.outbound.limits(self.timeout, self.plan);
        match verdict(trip, plan, failure, self.draw()) {
            Verdict::Again(pause) => match self.stands_in_the_way(failure.now, pause) {
                None => Some(pause),
                Some(why) => self.suppress(why),
            },
            Verdict::Give(None) => None,
            Verdict::Give(Some(why)) => self.suppress(why),
        }
    }

    /// Takes one retry out of the budget, unless the circuit will not let it through: a caller is
    /// not made to wait for a refusal.
    fn stands_in_the_way(&self, now: std::time::Instant, pause: Duration) -> Option<Suppressed> {
        if self.circuit.is_open_at(now + pause) {
            Some(Suppressed::Breaker)
        } else if self.budget.withdraw(Instant::from_std(now)) {
            None
        } else {
            Some(Suppressed::Budget)
        }
    }

    /// How long to wait before looking again for a target that is expected back, after so many
    /// looks; `None`: it is not waited for.
    fn awaits(&self, trip: Trip<'_>, refusal: &Refusal, looks: u32) -> Option<Duration> {
        let is_unsent_call = trip.outbound.plan().is_some() && !may_have_been_sent(refusal);
        // A target that says when to come back was waited for already, as far as that is of use.
        let reason = refusal.reason();
        let is_away = reason == Reason::ConnectRefused && refusal.wait().is_none();
        if !is_unsent_call || !(is_away || reason == Reason::CircuitOpen) {
            return None;
        }
        let until = self.circuit.expected_until()?;
        let whole = LOOK.saturating_mul(1 << looks.min(MOST_DOUBLINGS));
        let pause = whole.mul_f64(0.5 + self.draw() / 2.0);
        let now = Instant::now().into_std();
        let is_worth = now + pause < until && trip.deadline.left(now) > pause * 2;
        is_worth.then_some(pause)
    }

    fn suppress(&self, why: Suppressed) -> Option<Duration> {
        self.metrics.retry_suppressed(why);
        None
    }

    fn draw(&self) -> f64 {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).f64()
    }
}

impl<S: Stage> Stage for Retry<S> {
    async fn send(&self, mut trip: Trip<'_>) -> Result<Reply, Refusal> {
        self.deposit(trip.now);
        let mut tries = Tries { metrics: &self.metrics, made: 0, looks: 0, cause: None };
        let mut paused = 0;
        let ending = loop {
            tries.made += 1;
            let refusal = match self.inner.send(trip).await {
                Ok(reply) => {
                    tries.ended(true);
                    break Ok(reply);
                }
                Err(refusal) => refusal,
            };
            if let Some(pause) = self.awaits(trip, &refusal, paused) {
                paused += 1;
                tries.looked(&refusal);
                trip.outbound.ledger.enter(Phase::Backoff);
                tokio::time::sleep(pause).await;
                trip = trip.again();
                continue;
            }
            if refusal.reason() == Reason::CircuitOpen {
                self.metrics.circuit_rejected();
                if tries.cause.is_some() {
                    self.budget.refund(Instant::now());
                }
                break Err(tries.held_back(refusal));
            }
            tries.ended(false);
            let now = Instant::now().into_std();
            let attempt = tries.made - tries.looks;
            let failure = Failure { attempt, refusal: &refusal, now };
            let Some(pause) = self.decide(trip, &failure) else { break Err(refusal) };
            trip.outbound.ledger.enter_at(Phase::Backoff, now);
            tokio::time::sleep(pause).await;
            tries.cause = Some(refusal);
            trip = trip.again();
        };
        let subject = Subject::of(trip.outbound, &self.target);
        watch(ending, LastWord { subject, attempts: tries.made })
    }
}

// === impl Tries ===

impl Tries<'_> {
    /// An attempt has ended.
    fn ended(&mut self, success: bool) {
        if let Some(cause) = self.cause.take() {
            self.metrics.retried(cause.reason(), success);
        }
    }

    /// An attempt did not find the target; one that the breaker refused was none.
    fn looked(&mut self, refusal: &Refusal) {
        if refusal.reason() == Reason::CircuitOpen {
            self.made -= 1;
        } else {
            self.looks += 1;
        }
    }

    /// The breaker refused the attempt, so it was none. What the target itself said before tells
    /// the caller more than that its circuit has opened since.
    fn held_back(&mut self, refusal: Refusal) -> Refusal {
        self.made -= 1;
        let Some(cause) = self.cause.take() else { return refusal };
        self.metrics.retry_suppressed(Suppressed::Breaker);
        cause
    }
}

impl Drop for Tries<'_> {
    fn drop(&mut self) {
        self.ended(false);
        if self.made > 0 {
            self.metrics.attempts_per_call(self.made);
        }
    }
}

// === impl LastWord ===

impl LastWord<'_> {
    fn of(&self, refusal: Refusal) -> Refusal {
        let sent = may_have_been_sent(&refusal);
        let safe = !sent || self.subject.repeatable;
        if sent && !safe && refusal.reason() == Reason::Reset {
            return self.outcome_unknown(refusal);
        }
        if let (Case::Target(reason), 2..) = (refusal.case(), self.attempts) {
            let message = format!("{} (after {} attempts)", refusal.message(), self.attempts);
            return refusal.recast(reason, message).safe_to_retry(safe);
        }
        refusal.safe_to_retry(safe)
    }

    fn outcome_unknown(&self, refusal: Refusal) -> Refusal {
        let (name, advice) = (&self.subject.name, self.subject.advice());
        let message = format!("the connection broke off while `{name}` was at work; {advice}");
        refusal.recast(Reason::OutcomeUnknown, message).safe_to_retry(false)
    }
}

impl Watcher for LastWord<'_> {
    type Lasting = LastWord<'static>;

    /// A stream that has begun is not repeated, but its end gets its last word all the same.
    fn began(self) -> LastWord<'static> {
        LastWord { subject: self.subject.keep(), attempts: self.attempts }
    }

    fn answered(self, _answer: Option<&Answer>) {}

    fn refused(self, refusal: Refusal) -> Refusal {
        self.of(refusal)
    }
}

#[cfg(test)]
mod tests;
