//! Operations at once: per target, and per tool where the tool has a limit of its own.
//!
//! Enters: an operation. Leaves: the same, with permits that live until the last byte of its reply
//! is out; or a refusal at once. Never: a queue. Waiting would hide the overload from the caller
//! and spend a deadline on nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use toolgate_call::{Case, Outbound, Refusal, Reply, ToolPlan};
use toolgate_telemetry::{InUse, Shed, TargetMetrics, Telemetry};
use tower::Service;

use crate::{Answering, ReachConfig};

/// After how long a refused caller may come back.
const COME_BACK: Duration = Duration::from_secs(1);

/// The limits of one target and its tools.
pub(crate) struct Permits {
    target: Arc<str>,
    whole: Slots,
    tools: Mutex<HashMap<Arc<str>, Slots>>,
    max_tools: usize,
    metrics: Arc<TargetMetrics>,
    telemetry: Arc<Telemetry>,
}

/// So many at once.
#[derive(Clone)]
struct Slots {
    limit: usize,
    free: Arc<Semaphore>,
}

/// What a reply holds on to.
struct Permit {
    _target: OwnedSemaphorePermit,
    _tool: Option<OwnedSemaphorePermit>,
    _in_use: InUse,
}

/// The layer's service.
#[derive(Clone)]
pub(crate) struct Limit<S> {
    inner: S,
    permits: Arc<Permits>,
}

// === impl Slots ===

impl Slots {
    fn new(limit: usize) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        Self { limit, free: Arc::new(Semaphore::new(limit)) }
    }

    fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).try_acquire_owned().ok()
    }

    fn running(&self) -> usize {
        self.limit.saturating_sub(self.free.available_permits())
    }

    /// Whether forgetting it forgets nobody: no call runs, and none is about to.
    fn is_idle(&self) -> bool {
        self.running() == 0 && Arc::strong_count(&self.free) == 1
    }
}

// === impl Permits ===

impl Permits {
    pub(crate) fn new(config: &ReachConfig, telemetry: &Arc<Telemetry>) -> Arc<Self> {
        let metrics = telemetry.target(&config.target);
        metrics.concurrency_limit(config.concurrency);
        Arc::new(Self {
            target: Arc::clone(&config.target),
            whole: Slots::new(config.concurrency),
            tools: Mutex::default(),
            max_tools: config.max_tool_limits,
            metrics,
            telemetry: Arc::clone(telemetry),
        })
    }

    fn take(&self, outbound: &Outbound) -> Result<Permit, Refusal> {
        let tool = match outbound.tool() {
            Some(plan) => self.take_tool(plan)?,
            None => None,
        };
        let target = self.whole.take().ok_or_else(|| {
            self.telemetry.gateway.shed(Shed::Target);
            self.refuse("target", &self.target, &self.whole)
        })?;
        Ok(Permit { _target: target, _tool: tool, _in_use: self.metrics.permit() })
    }

    fn take_tool(&self, plan: &ToolPlan) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
        let Some(limit) = plan.concurrency else { return Ok(None) };
        let slots = self.slots(plan, usize::try_from(limit).unwrap_or(usize::MAX));
        slots.take().map(Some).ok_or_else(|| {
            self.telemetry.gateway.shed(Shed::Tool);
            self.refuse("tool", &plan.full, &slots)
        })
    }

    /// The slots of a tool, made on first use and again when its limit has changed.
    fn slots(&self, plan: &ToolPlan, limit: usize) -> Slots {
        let mut tools = self.tools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slots) = tools.get(&plan.full).filter(|slots| slots.limit == limit) {
            return slots.clone();
        }
        if tools.len() >= self.max_tools {
            // What stays has a call in flight, so the target's own limit bounds the map.
            tools.retain(|_, slots| !slots.is_idle());
        }
        let slots = Slots::new(limit);
        tools.insert(Arc::clone(&plan.full), slots.clone());
        slots
    }

    fn refuse(&self, kind: &str, name: &str, slots: &Slots) -> Refusal {
        let (limit, running) = (slots.limit, slots.running());
        let message = format!(
            "{kind} `{name}` takes {limit} calls at once and {running} are running; nothing was \
             sent, so repeat the call in a second"
        );
        let key = if kind == "tool" { "tools" } else { "targets" };
        Refusal::new(Case::Overloaded, message)
            .detail(format!(
                "target `{}`: `{key}.{name}.concurrency` is {limit}; raise it if the target can \
                 take more",
                self.target
            ))
            .retry_after(COME_BACK)
            .safe_to_retry(true)
    }
}

// === impl Limit ===

impl<S> Limit<S> {
    pub(crate) const fn new(inner: S, permits: Arc<Permits>) -> Self {
        Self { inner, permits }
    }
}

impl<S> Service<Outbound> for Limit<S>
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
        let permit = match self.permits.take(&outbound) {
            Ok(permit) => permit,
            Err(refusal) => return Box::pin(std::future::ready(Err(refusal))),
        };
        let answering = self.inner.call(outbound);
        Box::pin(async move { answering.await.map(|reply| reply.holding(permit)) })
    }
}

#[cfg(test)]
mod tests;
