//! What the stages of a target have in common, and the last of them.
//!
//! Enters: an operation that is lent from stage to stage. Leaves: a reply or a refusal. Never: a
//! copy of the operation, except the one that each attempt hands to the far side; an allocation of
//! its own, because the futures of all stages are one.

use std::borrow::Cow;
use std::sync::Arc;

use tokio::time::Instant;
use toolgate_call::{Deadline, Outbound, Refusal, Reply, SpanContext};
use tower::ServiceExt;

use crate::TargetSvc;

/// A stage before the far side. All calls of a target go through the same one at once.
pub(crate) trait Stage: Send + Sync {
    /// Takes an operation on its way. Dropping the future cancels it.
    fn send(&self, trip: Trip<'_>) -> impl Future<Output = Result<Reply, Refusal>> + Send;
}

/// An operation on its way to the target.
#[derive(Clone, Copy)]
pub(crate) struct Trip<'a> {
    /// The operation as its caller gave it, with the deadline of the caller.
    pub(crate) outbound: &'a Outbound,
    /// The deadline that holds.
    pub(crate) deadline: Deadline,
    /// The span that the far side is to take as its parent.
    pub(crate) trace: Option<SpanContext>,
    /// When the attempt began: no stage that only passes it on looks at the clock again.
    pub(crate) now: Instant,
}

/// Something that stages share: lent for the length of a call, or kept for that of a stream.
pub(crate) type Shared<'a, T> = Cow<'a, Arc<T>>;

/// The service that reaches the target.
pub(crate) struct FarSide(TargetSvc);

// === impl Trip ===

impl<'a> Trip<'a> {
    /// An operation that sets out now.
    pub(crate) fn new(outbound: &'a Outbound) -> Self {
        Self { outbound, deadline: outbound.deadline, trace: outbound.trace, now: Instant::now() }
    }

    /// The same, to end by `deadline`.
    pub(crate) const fn by(self, deadline: Deadline) -> Self {
        Self { deadline, ..self }
    }

    /// The same, within that span.
    pub(crate) const fn within(self, trace: Option<SpanContext>) -> Self {
        Self { trace, ..self }
    }

    /// The same, to set out again now.
    pub(crate) fn again(self) -> Self {
        Self { now: Instant::now(), ..self }
    }
}

// === impl FarSide ===

impl FarSide {
    pub(crate) const fn new(svc: TargetSvc) -> Self {
        Self(svc)
    }
}

impl Stage for FarSide {
    async fn send(&self, trip: Trip<'_>) -> Result<Reply, Refusal> {
        let (deadline, trace) = (trip.deadline, trip.trace);
        let outbound = Outbound { deadline, trace, ..trip.outbound.clone() };
        // Readiness belongs to the one that was asked, so each attempt has one of its own.
        self.0.clone().oneshot(outbound).await
    }
}

// === helpers ===

/// The same, for as long as need be.
pub(crate) fn keep<T: ?Sized>(shared: &Shared<'_, T>) -> Shared<'static, T> {
    Cow::Owned(Arc::clone(shared))
}
