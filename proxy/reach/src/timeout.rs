//! The deadline of an operation, over all of its attempts.
//!
//! Enters: an operation with the caller's deadline. Leaves: the same with the sooner of that and
//! the limit of its tool, and an end when that moment comes: the future or stream below is
//! dropped, which cancels the request at the target. Never: a second timer for one wait.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use toolgate_call::{Body, Deadline, Ledger, Outbound, Phase, Reason, Refusal, Reply};
use toolgate_telemetry::{TargetMetrics, TimeoutPhase};
use tower::Service;

use crate::Answering;
use crate::subject::{Subject, spell};
use crate::timeout::stream::Bounded;

mod stream;

/// The layer's service.
#[derive(Clone)]
pub(crate) struct Timeout<S> {
    inner: S,
    target: Arc<str>,
    limit: Duration,
    metrics: Arc<TargetMetrics>,
}

/// All that is needed to say that time is up.
struct Expiry {
    deadline: Deadline,
    subject: Subject,
    limit: Limit,
    target: Arc<str>,
    metrics: Arc<TargetMetrics>,
}

/// Whose limit it is.
#[derive(Clone, Copy)]
enum Limit {
    /// The caller's deadline, which left so much.
    Caller(Duration),
    /// The limit of the tool or target.
    Own(Duration),
}

// === impl Timeout ===

impl<S> Timeout<S> {
    pub(crate) const fn new(
        inner: S,
        target: Arc<str>,
        limit: Duration,
        metrics: Arc<TargetMetrics>,
    ) -> Self {
        Self { inner, target, limit, metrics }
    }

    fn expiry(&self, outbound: &Outbound, now: std::time::Instant, limit: Duration) -> Expiry {
        let own = Deadline::after(now, limit);
        let limit = if outbound.deadline < own {
            Limit::Caller(outbound.deadline.left(now))
        } else {
            Limit::Own(limit)
        };
        Expiry {
            deadline: own.sooner(outbound.deadline),
            subject: Subject::of(outbound, &self.target),
            limit,
            target: Arc::clone(&self.target),
            metrics: Arc::clone(&self.metrics),
        }
    }
}

impl<S> Service<Outbound> for Timeout<S>
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

    fn call(&mut self, mut outbound: Outbound) -> Answering {
        let now = Instant::now().into_std();
        let limit = outbound.tool().map_or(self.limit, |tool| tool.timeout);
        let expiry = self.expiry(&outbound, now, limit);
        if expiry.deadline.left(now).is_zero() {
            return Box::pin(std::future::ready(Err(expiry.too_late())));
        }
        outbound.deadline = expiry.deadline;
        let ledger = Arc::clone(&outbound.ledger);
        let answering = self.inner.call(outbound);
        Box::pin(async move {
            let at = Instant::from_std(expiry.deadline.instant());
            match tokio::time::timeout_at(at, answering).await {
                Ok(ending) => ending.map(|reply| bounded(reply, expiry)),
                Err(_elapsed) => Err(expiry.expired(&ledger)),
            }
        })
    }
}

// === impl Expiry ===

impl Expiry {
    /// There was no time left to begin with.
    fn too_late(&self) -> Refusal {
        self.metrics.timed_out(TimeoutPhase::Total);
        let name = &self.subject.name;
        let message = format!("`{name}` was not called, for its time was already up");
        Refusal::target(Reason::TimeoutTotal, &self.target, message).safe_to_retry(true)
    }

    /// Time ran out before an answer began.
    fn expired(&self, ledger: &Ledger) -> Refusal {
        let phase = ledger.phase();
        let reason = cut_in(phase);
        self.metrics.timed_out(counted_as(reason));
        let (name, within) = (&self.subject.name, self.limit.spell());
        if matches!(phase, Phase::Connect | Phase::Backoff) {
            let message = format!("`{name}` could not be reached {within}; repeating it is safe");
            return self.refuse(reason, message).safe_to_retry(true);
        }
        let message = format!("`{name}` did not answer {within}; {}", self.subject.advice());
        self.refuse(reason, message).after_send().safe_to_retry(self.subject.repeatable)
    }

    /// Time ran out in the middle of an answer.
    fn cut_short(&self) -> Refusal {
        self.metrics.timed_out(TimeoutPhase::Total);
        let (name, within) = (&self.subject.name, self.limit.spell());
        let advice = self.subject.advice();
        let message = format!("`{name}` began to answer but did not finish {within}; {advice}");
        self.refuse(Reason::TimeoutTotal, message)
            .after_send()
            .safe_to_retry(self.subject.repeatable)
    }

    fn refuse(&self, reason: Reason, message: String) -> Refusal {
        Refusal::target(reason, &self.target, message)
    }
}

// === impl Limit ===

impl Limit {
    fn spell(self) -> String {
        match self {
            Self::Caller(left) => format!("within the {} that its caller had left", spell(left)),
            Self::Own(limit) => format!("within its limit of {}", spell(limit)),
        }
    }
}

/// The reason of an attempt that the deadline cut off in that phase, before an answer began.
pub(crate) const fn cut_in(phase: Phase) -> Reason {
    match phase {
        Phase::Connect => Reason::TimeoutConnect,
        Phase::Send | Phase::Wait => Reason::TimeoutFirstByte,
        Phase::Read
        | Phase::Authenticate
        | Phase::Authorize
        | Phase::Queue
        | Phase::Backoff
        | Phase::Receive
        | Phase::Write => Reason::TimeoutTotal,
    }
}

fn counted_as(reason: Reason) -> TimeoutPhase {
    if reason == Reason::TimeoutConnect {
        TimeoutPhase::Connect
    } else if reason == Reason::TimeoutFirstByte {
        TimeoutPhase::FirstByte
    } else {
        TimeoutPhase::Total
    }
}

/// The deadline holds for a stream to its end.
fn bounded(reply: Reply, expiry: Expiry) -> Reply {
    let body = match reply.body {
        Body::Stream(events) => Body::Stream(Box::pin(Bounded::new(events, expiry))),
        Body::One(answer) => Body::One(answer),
        Body::Accepted => Body::Accepted,
    };
    Reply { body, ..reply }
}

#[cfg(test)]
mod tests;
