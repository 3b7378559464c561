//! How much at once.
//!
//! Enters: a `Permitted`. Leaves: the same, with a permit that the reply holds until its last byte;
//! or a refusal at once, with the reason. Never: a queue; a permit for what costs nothing, above
//! all for the notification that cancels a call when all permits are taken.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Semaphore;
use toolgate_call::{Case, Method, Permitted, Refusal, Reply};
use toolgate_telemetry::{Shed, Telemetry};
use tower::{Layer, Service};

use crate::Replying;

/// Makes [`Concurrency`].
#[derive(Clone, Debug)]
pub struct ConcurrencyLayer {
    calls: Bound,
    streams: Bound,
    telemetry: Arc<Telemetry>,
}

/// So many of one kind at once.
#[derive(Clone, Debug)]
struct Bound {
    what: &'static str,
    limit: usize,
    permits: Arc<Semaphore>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Concurrency<S> {
    inner: S,
    layer: Arc<ConcurrencyLayer>,
}

// === impl ConcurrencyLayer ===

impl ConcurrencyLayer {
    /// At most so many calls and, beside them, so many streams of sessions and subscriptions at once.
    #[must_use]
    pub fn new(calls: usize, streams: usize, telemetry: Arc<Telemetry>) -> Self {
        let (calls, streams) = (Bound::new("calls", calls), Bound::new("open streams", streams));
        Self { calls, streams, telemetry }
    }

    /// What bounds calls of that method, if anything does.
    #[expect(clippy::wildcard_enum_match_arm, reason = "whatever else is asked is a call")]
    fn bound(&self, method: Method) -> Option<&Bound> {
        match method {
            // It lives for hours and does nothing, so it takes no call's place.
            Method::OpenStream | Method::Listen => Some(&self.streams),
            Method::EndSession | Method::Ping | Method::Response => None,
            method if method.is_notification() => None,
            _ => Some(&self.calls),
        }
    }

    fn shed(&self, bound: &Bound) -> Refusal {
        self.telemetry.gateway.shed(Shed::Gateway);
        let Bound { limit, what, .. } = bound;
        let message = format!(
            "the gateway is at its limit of {limit} {what} at once; nothing was sent, try again"
        );
        Refusal::new(Case::Overloaded, message)
            .retry_after(Duration::from_secs(1))
            .safe_to_retry(true)
    }
}

// === impl Bound ===

impl Bound {
    fn new(what: &'static str, limit: usize) -> Self {
        let permits = Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)));
        Self { what, limit, permits }
    }
}

impl<S> Layer<S> for ConcurrencyLayer {
    type Service = Concurrency<S>;

    fn layer(&self, inner: S) -> Concurrency<S> {
        Concurrency { inner, layer: Arc::new(self.clone()) }
    }
}

// === impl Concurrency ===

impl<S> Service<Permitted> for Concurrency<S>
where
    S: Service<Permitted, Response = Reply, Error = Refusal, Future = Replying>,
{
    type Response = Reply;
    type Error = Refusal;
    type Future = Replying;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, permitted: Permitted) -> Replying {
        let Some(bound) = self.layer.bound(permitted.call().method) else {
            return self.inner.call(permitted);
        };
        let Ok(permit) = Arc::clone(&bound.permits).try_acquire_owned() else {
            return Box::pin(std::future::ready(Err(self.layer.shed(bound))));
        };
        let replying = self.inner.call(permitted);
        Box::pin(async move { replying.await.map(|reply| reply.holding(permit)) })
    }
}
