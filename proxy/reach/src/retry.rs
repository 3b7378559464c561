//! Repeats what may be repeated, and says the last word on what failed.
//!
//! Enters: an operation with its deadline. Leaves: the first reply, or the last refusal, which says
//! whether the caller may repeat the call and, if nobody can know whether it was carried out, says
//! that. Never: a second sending of something that may have been carried out, unless doing it
//! twice is the same as doing it once; never a pause past the deadline.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;
use toolgate_call::{Answer, Case, Outbound, Phase, Reason, Refusal, Reply, RetryPlan};
use toolgate_telemetry::{Suppressed, TargetMetrics};
use tower::Service;

use crate::retry::budget::Budget;
use crate::retry::verdict::{Failure, Verdict, may_have_been_sent, verdict};
use crate::subject::Subject;
use crate::watch::{Watcher, watch};
use crate::{Answering, ReachConfig};

mod budget;
mod verdict;

/// What the calls of one target share.
pub(crate) struct Retrying {
    target: Arc<str>,
    timeout: Duration,
    plan: RetryPlan,
    budget: Budget,
    rng: Mutex<Rng>,
    metrics: Arc<TargetMetrics>,
}

/// The layer's service.
#[derive(Clone)]
pub(crate) struct Retry<S> {
    inner: S,
    retrying: Arc<Retrying>,
}

/// The attempts of one call; counted when it ends, also by being dropped.
struct Tries<'a> {
    metrics: &'a TargetMetrics,
    made: u32,
    /// The failure that led to the attempt in flight.
    cause: Option<Refusal>,
}

/// Puts the last refusal of a call into its final words.
struct LastWord {
    subject: Subject,
    attempts: u32,
}

// === impl Retrying ===

impl Retrying {
    pub(crate) fn new(config: &ReachConfig, metrics: Arc<TargetMetrics>, rng: Rng) -> Self {
        metrics.retry_budget(1.0);
        Self {
            target: Arc::clone(&config.target),
            timeout: config.timeout,
            plan: config.retry,
            budget: Budget::new(config.budget, Instant::now()),
            rng: Mutex::new(rng),
            metrics,
        }
    }

    /// One call, from the first attempt to the last.
    async fn run<S>(&self, mut inner: S, outbound: Outbound) -> Result<Reply, Refusal>
    where
        S: Service<Outbound, Response = Reply, Error = Refusal>,
    {
        self.metrics.retry_budget(self.budget.deposit(Instant::now()));
        let mut tries = Tries { metrics: &self.metrics, made: 0, cause: None };
        let ending = loop {
            tries.made += 1;
            let refusal = match inner.call(outbound.clone()).await {
                Ok(reply) => {
                    tries.ended(true);
                    break Ok(reply);
                }
                Err(refusal) if refusal.reason() == Reason::CircuitOpen => {
                    break Err(tries.held_back(refusal));
                }
                Err(refusal) => refusal,
            };
            tries.ended(false);
            let Some(pause) = self.decide(&outbound, &refusal, tries.made) else {
                break Err(refusal);
            };
            outbound.ledger.enter_at(Phase::Backoff, Instant::now().into_std());
            tokio::time::sleep(pause).await;
            tries.cause = Some(refusal);
            if let Err(refusal) = std::future::poll_fn(|cx| inner.poll_ready(cx)).await {
                break Err(refusal);
            }
        };
        let subject = Subject::of(&outbound, &self.target);
        watch(ending, LastWord { subject, attempts: tries.made })
    }

    /// How long to pause before the next attempt; `None`: there is to be none.
    fn decide(&self, outbound: &Outbound, refusal: &Refusal, attempt: u32) -> Option<Duration> {
        let (_, plan) = outbound.limits(self.timeout, self.plan);
        let now = Instant::now();
        let failure = Failure { attempt, refusal, now: now.into_std() };
        match verdict(outbound, plan, &failure, self.draw()) {
            Verdict::Again(pause) => self.spend(now).then_some(pause),
            Verdict::Give(None) => None,
            Verdict::Give(Some(why)) => {
                self.metrics.retry_suppressed(why);
                None
            }
        }
    }

    /// Takes one retry out of the budget.
    fn spend(&self, now: Instant) -> bool {
        let granted = self.budget.withdraw(now);
        self.metrics.retry_budget(self.budget.level(now));
        if !granted {
            self.metrics.retry_suppressed(Suppressed::Budget);
        }
        granted
    }

    fn draw(&self) -> f64 {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).f64()
    }
}

// === impl Retry ===

impl<S> Retry<S> {
    pub(crate) const fn new(inner: S, retrying: Arc<Retrying>) -> Self {
        Self { inner, retrying }
    }
}

impl<S> Service<Outbound> for Retry<S>
where
    S: Service<Outbound, Response = Reply, Error = Refusal> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Reply;
    type Error = Refusal;
    type Future = Answering;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, outbound: Outbound) -> Answering {
        // Readiness belongs to the one that was asked, so that one goes into the future.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        let retrying = Arc::clone(&self.retrying);
        Box::pin(async move { retrying.run(inner, outbound).await })
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

impl LastWord {
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

impl Watcher for LastWord {
    /// A stream that has begun is not repeated, but its end gets its last word all the same.
    fn began(&mut self) {}

    fn answered(self, _answer: Option<&Answer>) {}

    fn refused(self, refusal: Refusal) -> Refusal {
        self.of(refusal)
    }
}

#[cfg(test)]
mod tests;
