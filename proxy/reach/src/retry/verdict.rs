//! Whether a failed attempt is repeated, and after which pause.
//!
//! Enters: the operation, its plan, the failure, and a number drawn by lot. Leaves: a verdict.
//! Never: a clock, a lock or a metric; equal questions get equal answers.

use std::time::{Duration, Instant};

use toolgate_call::{Reason, Refusal, RetryPlan};
use toolgate_telemetry::Suppressed;

use crate::stage::Trip;

/// The least time an attempt is worth making for.
const WORTH_AN_ATTEMPT: Duration = Duration::from_millis(1);

/// The longest wait that a target may ask for and get, if the operator allows no longer pause:
/// beyond it the caller is told at once, with the wait, and decides.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// An attempt that failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure<'a> {
    /// Which attempt it was, from 1.
    pub(crate) attempt: u32,
    /// How it failed.
    pub(crate) refusal: &'a Refusal,
    /// When.
    pub(crate) now: Instant,
}

/// What is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The refusal is given to the caller; says what stood in the way of a retry that was due.
    Give(Option<Suppressed>),
    /// Another attempt after this pause.
    Again(Duration),
}

/// What a failure says about repeating.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing was sent: repeating repeats nothing.
    Unsent,
    /// A passing fault, but the call may have been carried out.
    Passing,
    /// Another attempt would end the same way, or was refused on purpose.
    Lasting,
}

/// Decides; `draw` is from 0 (no pause) to 1 (the whole pause).
pub(crate) fn verdict(
    trip: Trip<'_>,
    plan: RetryPlan,
    failure: &Failure<'_>,
    draw: f64,
) -> Verdict {
    let kind = kind(failure.refusal);
    if kind == Kind::Lasting || plan.attempts <= 1 {
        return Verdict::Give(None);
    }
    if kind == Kind::Passing && !trip.outbound.repeatable() {
        return Verdict::Give(Some(Suppressed::NotIdempotent));
    }
    if failure.attempt >= plan.attempts {
        return Verdict::Give(Some(Suppressed::Attempts));
    }
    let wait = failure.refusal.wait().unwrap_or_default();
    if wait > LONGEST_WAIT.max(plan.max) {
        return Verdict::Give(Some(Suppressed::Deadline));
    }
    // On top of the wait: those who were told the same wait do not come back together either.
    let pause = wait.saturating_add(jittered(plan, failure.attempt, draw));
    if pause.saturating_add(WORTH_AN_ATTEMPT) > trip.deadline.left(failure.now) {
        return Verdict::Give(Some(Suppressed::Deadline));
    }
    Verdict::Again(pause)
}

/// Whether the target may have seen the request: a status or a late first byte says so, too, unless
/// it is known that they were about something else.
pub(crate) fn may_have_been_sent(refusal: &Refusal) -> bool {
    let suggested = || {
        matches!(
            refusal.reason(),
            Reason::TimeoutFirstByte
                | Reason::TimeoutIdle
                | Reason::Upstream4xx
                | Reason::Upstream429
                | Reason::Upstream5xx
                | Reason::UpstreamProtocol
                | Reason::UpstreamJsonrpc
                | Reason::OutcomeUnknown
        )
    };
    refusal.was_sent() || (!refusal.was_held_back() && suggested())
}

fn kind(refusal: &Refusal) -> Kind {
    let reason = refusal.reason();
    let before_sending = matches!(
        reason,
        Reason::ConnectRefused | Reason::Dns | Reason::Tls | Reason::Reset | Reason::TimeoutConnect
    );
    let passing = matches!(
        reason,
        Reason::Reset | Reason::Upstream5xx | Reason::Upstream429 | Reason::TimeoutFirstByte
    );
    match (may_have_been_sent(refusal), before_sending, passing) {
        (false, true, _) | (false, _, true) => Kind::Unsent,
        (true, _, true) => Kind::Passing,
        (false, false, false) | (true, _, false) => Kind::Lasting,
    }
}

/// Full jitter: anything from nothing to a ceiling that grows with every attempt, so that callers
/// who failed together do not come back together.
fn jittered(plan: RetryPlan, attempt: u32, draw: f64) -> Duration {
    let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    let grown = plan.base.as_secs_f64() * plan.multiplier.powi(exponent);
    let ceiling = Duration::try_from_secs_f64(grown).unwrap_or(plan.max).min(plan.max);
    ceiling.mul_f64(draw.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests;
