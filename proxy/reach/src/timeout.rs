//! The deadline of an operation, over all of its attempts.
//!
//! Enters: an operation with the deadline of the whole call. Leaves: the same with the sooner of
//! that and the limit of its tool, and an end when that moment comes: the future or stream below is
//! dropped, which cancels the request at the target. Never: a second timer for one wait, or any
//! for an answer that is there at once.

use std::borrow::Cow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::coop::{Unconstrained, unconstrained};
use tokio::time::{Instant, Sleep, sleep_until};
use toolgate_call::{Body, By, Case, Deadline, Ledger, PATIENCE, Phase, Reason, Refusal, Reply};

use crate::ReachConfig;
use crate::stage::{Shared, Stage, Trip, keep};
use crate::subject::{Subject, spell};
use crate::timeout::stream::Bounded;

mod stream;

/// The stage.
pub(crate) struct Timeout<S> {
    target: Arc<str>,
    limit: Duration,
    inner: S,
}

/// All that is needed to say that time is up.
struct Expiry<'a> {
    deadline: Deadline,
    subject: Subject<'a>,
    limit: Limit,
    target: Shared<'a, str>,
}

/// The timer of one wait, once there is something to wait for. It goes off even for a task that
/// leaves none of its share of work for others.
type Timer = Option<Unconstrained<Sleep>>;

/// Whose limit it is.
#[derive(Clone, Copy)]
enum Limit {
    /// That of the whole call, of which so much was left.
    Whole(Duration),
    /// That of the caller, who waits so long.
    Callers(Duration),
    /// The limit of the tool or target.
    Own(Duration),
}

// === impl Timeout ===

impl<S> Timeout<S> {
    pub(crate) fn new(config: &ReachConfig, inner: S) -> Self {
        Self { target: Arc::clone(&config.target), limit: config.timeout, inner }
    }

    /// The limit of the tool or target.
    fn own(&self, trip: Trip<'_>) -> Duration {
        trip.outbound.plan().map_or(self.limit, |tool| tool.timeout)
    }

    /// The sooner of the two. The caller's remains the caller's only where it leaves less than half
    /// of what the target may take: then it tells nothing about the target.
    fn deadline(&self, trip: Trip<'_>) -> Deadline {
        let (now, own) = (trip.now.into_std(), self.own(trip));
        let deadline = Deadline::after(now, own).sooner(trip.deadline);
        if deadline.left(now) < own / 2 { deadline } else { deadline.set_by(By::Gateway) }
    }

    /// `trip` as it came, still with the deadline of the whole call.
    fn expiry<'a>(&'a self, trip: Trip<'a>) -> Expiry<'a> {
        let (now, own) = (trip.now.into_std(), self.own(trip));
        let left = trip.deadline.left(now);
        let limit = match trip.deadline.by() {
            _ if left >= own => Limit::Own(own),
            By::Gateway => Limit::Whole(left),
            By::Caller => Limit::Callers(left),
        };
        Expiry {
            deadline: self.deadline(trip),
            subject: Subject::of(trip.outbound, &self.target),
            limit,
            target: Cow::Borrowed(&self.target),
        }
    }
}

impl<S: Stage> Stage for Timeout<S> {
    async fn send(&self, trip: Trip<'_>) -> Result<Reply, Refusal> {
        let deadline = self.deadline(trip);
        if deadline.left(trip.now.into_std()).is_zero() {
            return Err(self.expiry(trip).too_late());
        }
        let ending = {
            let mut answering = pin!(self.inner.send(trip.by(deadline)));
            let mut timer = pin!(None);
            std::future::poll_fn(|cx| poll_within(deadline, answering.as_mut(), timer.as_mut(), cx))
                .await
        };
        match ending {
            Some(Ok(reply)) => Ok(bounded(reply, || self.expiry(trip).keep())),
            Some(Err(refusal)) => Err(refusal),
            None => Err(self.expiry(trip).expired(&trip.outbound.ledger)),
        }
    }
}

// === impl Expiry ===

impl Expiry<'_> {
    /// The same, for a stream, which outlives the call.
    fn keep(&self) -> Expiry<'static> {
        Expiry {
            deadline: self.deadline,
            subject: self.subject.keep(),
            limit: self.limit,
            target: keep(&self.target),
        }
    }

    /// There was no time left to begin with.
    fn too_late(&self) -> Refusal {
        let name = &self.subject.name;
        let message = format!("`{name}` was not called, for its time was already up");
        self.refuse(Reason::TimeoutTotal, message).safe_to_retry(true)
    }

    /// Time ran out before an answer began.
    fn expired(&self, ledger: &Ledger) -> Refusal {
        let phase = ledger.phase();
        let reason = cut_in(phase);
        let (name, within) = (&self.subject.name, self.limit.spell());
        if matches!(phase, Phase::Connect | Phase::Backoff) {
            let message = format!("`{name}` could not be reached {within}; repeating it is safe");
            return self.refuse(reason, message).safe_to_retry(true);
        }
        if phase == Phase::Authenticate {
            let message = format!(
                "the gateway got no credentials for `{name}` {within}; nothing was sent to it, and \
                 repeating it is safe"
            );
            return self.refuse(reason, message).safe_to_retry(true);
        }
        let message = format!("`{name}` did not answer {within}; {}", self.subject.advice());
        self.refuse(reason, message).after_send().safe_to_retry(self.subject.repeatable)
    }

    /// Time ran out in the middle of an answer.
    fn cut_short(&self) -> Refusal {
        let (name, within) = (&self.subject.name, self.limit.spell());
        let advice = self.subject.advice();
        let message = format!("`{name}` began to answer but did not finish {within}; {advice}");
        self.refuse(Reason::TimeoutTotal, message)
            .after_send()
            .safe_to_retry(self.subject.repeatable)
    }

    /// Nobody answered what the target asked in the middle of it.
    fn unanswered(&self) -> Refusal {
        let (name, within) = (&self.subject.name, spell(PATIENCE));
        let message = format!("`{name}` asked its caller something and got no answer in {within}");
        Refusal::new(Case::Cancelled, message).after_send().safe_to_retry(self.subject.repeatable)
    }

    /// The time that a question was open does not count.
    fn put_off(&mut self, by: Duration) {
        let at = self.deadline.instant();
        self.deadline = Deadline::after(at, by);
    }

    /// Whoever waits for less than half of what the target may take has left, as one who hangs up.
    fn refuse(&self, reason: Reason, message: String) -> Refusal {
        let reason = match self.deadline.by() {
            By::Caller => Reason::ClientCancelled,
            By::Gateway => reason,
        };
        Refusal::target(reason, &self.target, message)
    }
}

// === impl Limit ===

impl Limit {
    fn spell(self) -> String {
        match self {
            Self::Whole(left) => {
                format!("within the {} that were left of the gateway's limit", spell(left))
            }
            Self::Callers(left) => {
                format!("within the {} that were left of its caller's limit", spell(left))
            }
            Self::Own(limit) => format!("within its limit of {}", spell(limit)),
        }
    }
}

/// The reason of an attempt that the deadline cut off in that phase, before an answer began.
pub(crate) const fn cut_in(phase: Phase) -> Reason {
    match phase {
        Phase::Connect => Reason::TimeoutConnect,
        Phase::Send | Phase::Wait => Reason::TimeoutFirstByte,
        // The gateway's own, for the target.
        Phase::Authenticate => Reason::Credentials,
        Phase::Read
        | Phase::Authorize
        | Phase::Queue
        | Phase::Backoff
        | Phase::Receive
        | Phase::Write => Reason::TimeoutTotal,
    }
}

/// The answer; or nothing, once the deadline has passed.
fn poll_within<F: Future>(
    deadline: Deadline,
    answering: Pin<&mut F>,
    mut timer: Pin<&mut Timer>,
    cx: &mut Context<'_>,
) -> Poll<Option<F::Output>> {
    if let Poll::Ready(ending) = answering.poll(cx) {
        return Poll::Ready(Some(ending));
    }
    if timer.is_none() {
        let at = Instant::from_std(deadline.instant());
        timer.set(Some(unconstrained(sleep_until(at))));
    }
    match timer.as_pin_mut() {
        Some(timer) => timer.poll(cx).map(|()| None),
        None => Poll::Pending,
    }
}

/// The deadline holds for a stream to its end.
fn bounded(reply: Reply, expiry: impl FnOnce() -> Expiry<'static>) -> Reply {
    let body = match reply.body {
        Body::Stream(events) => Body::Stream(Box::pin(Bounded::new(events, expiry()))),
        Body::One(answer) => Body::One(answer),
        Body::Accepted => Body::Accepted,
    };
    Reply { body, ..reply }
}

#[cfg(test)]
mod tests;
