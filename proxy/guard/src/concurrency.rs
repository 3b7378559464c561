//! How much at once.
//!
//! Enters: a `Permitted`. Leaves: the same, with a permit that the reply holds until its last byte;
//! or a refusal at once, with the reason. Never: a queue.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Semaphore;
use toolgate_call::{Case, Method, Permitted, Phase, Refusal, Reply};
use toolgate_telemetry::{Shed, Telemetry};
use tower::{Layer, Service};

use crate::Replying;

/// Makes [`Concurrency`].
#[derive(Clone, Debug)]
pub struct ConcurrencyLayer {
    permits: Arc<Semaphore>,
    limit: usize,
    telemetry: Arc<Telemetry>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Concurrency<S> {
    inner: S,
    layer: Arc<ConcurrencyLayer>,
}

// === impl ConcurrencyLayer ===

impl ConcurrencyLayer {
    /// At most `limit` calls at once.
    #[must_use]
    pub fn new(limit: usize, telemetry: Arc<Telemetry>) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS))),
            limit,
            telemetry,
        }
    }

    fn shed(&self) -> Refusal {
        self.telemetry.gateway.shed(Shed::Gateway);
        let limit = self.limit;
        let message = format!(
            "the gateway is at its limit of {limit} calls at once; nothing was sent, try again"
        );
        Refusal::new(Case::Overloaded, message)
            .retry_after(Duration::from_secs(1))
            .safe_to_retry(true)
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
        // A stream of the older era lives for hours and does nothing; connections bound it.
        if permitted.call().method == Method::OpenStream {
            return self.inner.call(permitted);
        }
        permitted.call().ledger.enter(Phase::Queue);
        let Ok(permit) = Arc::clone(&self.layer.permits).try_acquire_owned() else {
            return Box::pin(std::future::ready(Err(self.layer.shed())));
        };
        let replying = self.inner.call(permitted);
        Box::pin(async move { replying.await.map(|reply| reply.holding(permit)) })
    }
}
