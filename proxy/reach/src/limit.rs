//! Operations at once: per target, and per tool where the tool has a limit of its own.
//!
//! Enters: an operation. Leaves: the same, with permits that live until the last byte of its reply
//! is out; or a refusal at once. Never: a queue. Waiting would hide the overload from the caller
//! and spend a deadline on nothing. And because nobody waits, a count is all that is kept.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use toolgate_call::{Case, Op, Outbound, Plan, Reason, Refusal, Reply};
use toolgate_telemetry::{InUse, Shed, TargetMetrics, Telemetry};

use crate::ReachConfig;
use crate::stage::{Stage, Trip};

/// After how long a refused caller may come back.
const COME_BACK: Duration = Duration::from_secs(1);

/// The outermost stage, which owns what it lends to the others.
pub(crate) struct Limit<S> {
    target: Arc<str>,
    whole: Slots,
    tools: Mutex<HashMap<Arc<str>, Arc<Slots>>>,
    max_tools: usize,
    metrics: Arc<TargetMetrics>,
    telemetry: Arc<Telemetry>,
    inner: S,
}

/// So many at once.
struct Slots {
    limit: usize,
    taken: AtomicUsize,
}

/// What a reply holds on to: its slot, and for its sake all of the target.
struct Permit<S> {
    limit: Arc<Limit<S>>,
    _tool: Option<ToolPermit>,
    _in_use: InUse,
}

/// A slot of a tool.
struct ToolPermit(Arc<Slots>);

// === impl Limit ===

impl<S> Limit<S> {
    pub(crate) fn new(config: &ReachConfig, telemetry: &Arc<Telemetry>, inner: S) -> Self {
        let metrics = telemetry.target(&config.target);
        metrics.concurrency_limit(config.concurrency);
        Self {
            target: Arc::clone(&config.target),
            whole: Slots::new(config.concurrency),
            tools: Mutex::default(),
            max_tools: config.max_tool_limits,
            metrics,
            telemetry: Arc::clone(telemetry),
            inner,
        }
    }

    fn take(self: Arc<Self>, outbound: &Outbound) -> Result<Permit<S>, Refusal> {
        let tool = match outbound.plan() {
            Some(plan) => self.take_tool(plan)?,
            None => None,
        };
        if !self.whole.take() {
            self.telemetry.gateway.shed(Shed::Target);
            return Err(self.refuse("target", &self.target, &self.whole));
        }
        let in_use = self.metrics.permit();
        Ok(Permit { limit: self, _tool: tool, _in_use: in_use })
    }

    fn take_tool(&self, plan: &Plan) -> Result<Option<ToolPermit>, Refusal> {
        let Some(limit) = plan.concurrency else { return Ok(None) };
        let slots = self.slots(plan, usize::try_from(limit).unwrap_or(usize::MAX));
        if !slots.take() {
            self.telemetry.gateway.shed(Shed::Tool);
            return Err(self.refuse("tool", &plan.full, &slots));
        }
        Ok(Some(ToolPermit(slots)))
    }

    /// The slots of a tool, made on first use and again when its limit has changed.
    fn slots(&self, plan: &Plan, limit: usize) -> Arc<Slots> {
        let mut tools = self.tools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slots) = tools.get(&plan.full).filter(|slots| slots.limit == limit) {
            return Arc::clone(slots);
        }
        if tools.len() >= self.max_tools {
            // What stays has a call in flight, so the target's own limit bounds the map.
            // Its permits hold on to a tool, so one that only the map knows runs nothing.
            tools.retain(|_, slots| Arc::strong_count(slots) > 1);
        }
        let slots = Arc::new(Slots::new(limit));
        tools.insert(Arc::clone(&plan.full), Arc::clone(&slots));
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

impl<S: Stage + 'static> Limit<S> {
    /// The whole way of one call. The reply takes the handle along, so one clone is enough.
    pub(crate) async fn send(self: Arc<Self>, outbound: Outbound) -> Result<Reply, Refusal> {
        let permit = self.take(&outbound)?;
        let ending = permit.limit.inner.send(Trip::new(&outbound)).await;
        if matches!(outbound.op, Op::Probe) {
            permit.limit.checked(&ending);
        }
        Ok(ending?.holding(permit))
    }

    /// A probe ended. One that the open circuit held back asked nothing.
    fn checked(&self, ending: &Result<Reply, Refusal>) {
        match ending {
            Ok(_) => self.metrics.health_check(true),
            Err(refusal) if refusal.reason() == Reason::CircuitOpen => {}
            Err(_) => self.metrics.health_check(false),
        }
    }
}

// === impl Slots ===

impl Slots {
    const fn new(limit: usize) -> Self {
        Self { limit, taken: AtomicUsize::new(0) }
    }

    /// Takes one if one is free. Nothing but the count depends on it, so `Relaxed` will do.
    fn take(&self) -> bool {
        let more = |taken| (taken < self.limit).then_some(taken + 1);
        self.taken.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    fn give_back(&self) {
        self.taken.fetch_sub(1, Relaxed);
    }

    fn running(&self) -> usize {
        self.taken.load(Relaxed)
    }
}

// === impl permits ===

impl<S> Drop for Permit<S> {
    fn drop(&mut self) {
        self.limit.whole.give_back();
    }
}

impl Drop for ToolPermit {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

#[cfg(test)]
mod tests;
