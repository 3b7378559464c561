//! The plane of one target: how a call is limited, timed, repeated and cut off.
//!
//! Enters: an [`Outbound`] and the service that reaches the far side. Leaves: a [`Reply`], or one
//! [`Refusal`] that says whether the call may be repeated. Never: HTTP types, policy, or the way
//! in which a target is reached.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;
use toolgate_call::{Outbound, Refusal, Reply, RetryPlan};
use toolgate_telemetry::{TargetMetrics, Telemetry};
use tower::service_fn;
use tower::util::BoxCloneSyncService;

use crate::attempt::Attempt;
use crate::breaker::{Breaker, Circuit};
use crate::limit::Limit;
use crate::retry::Retry;
use crate::retry::budget::Budget;
use crate::stage::FarSide;
use crate::timeout::Timeout;

mod limit;

mod timeout;

mod retry;

mod breaker;

mod attempt;

mod health;
mod stage;
mod subject;
mod watch;

pub use crate::breaker::BreakerConfig;
pub use crate::health::Health;

/// What takes an operation to a target, and what this crate makes of it.
pub type TargetSvc = BoxCloneSyncService<Outbound, Reply, Refusal>;

/// What a call goes through, from left to right.
type Chain = Limit<Timeout<Retry<Breaker<Attempt<FarSide>>>>>;

/// The limits of one target.
#[derive(Clone, Debug)]
pub struct ReachConfig {
    /// The target's configured name.
    pub target: Arc<str>,
    /// How long the gateway's own questions may take; a call has the limit of its tool.
    pub timeout: Duration,
    /// How the gateway's own questions are repeated; a call has the plan of its tool.
    pub retry: RetryPlan,
    /// Retries per call over time: 0.2 lets one call in five be repeated once. Outside 0 to 1 it
    /// is brought into that range. Unless it is 0, a few retries are granted whatever it says.
    pub budget: f64,
    /// Operations at once.
    pub concurrency: usize,
    /// When the target is left alone.
    pub breaker: BreakerConfig,
    /// For how many tools the calls at once are counted. Beyond it, tools that nobody is calling
    /// are forgotten, which loses nothing.
    pub max_tool_limits: usize,
}

/// A target behind all of its limits.
#[derive(Debug)]
pub struct Reach {
    /// Takes operations.
    pub svc: TargetSvc,
    /// Tells how the target is.
    pub health: Arc<Health>,
}

/// Puts the limits of a target before the service that reaches it.
///
/// `far_side` is called once per attempt. It says in the ledger where it stands
/// ([`toolgate_call::Phase::Connect`] while nothing was sent), marks a refusal with
/// [`Refusal::after_send`] once bytes have left, keeps to `Outbound::deadline`, and takes the drop
/// of its future or stream as the cancellation of the request.
#[must_use]
pub fn reach(config: ReachConfig, telemetry: &Arc<Telemetry>, far_side: TargetSvc) -> Reach {
    assemble(config, telemetry, far_side, Rng::new())
}

/// [`reach`], with the source of the jitter handed in.
#[expect(clippy::needless_pass_by_value, reason = "whoever made it has no more use for it")]
fn assemble(
    config: ReachConfig,
    telemetry: &Arc<Telemetry>,
    far_side: TargetSvc,
    rng: Rng,
) -> Reach {
    let metrics = telemetry.target(&config.target);
    let circuit = Circuit::new(&config, Arc::clone(&metrics));
    let health = Arc::new(Health::new(Arc::clone(&circuit)));
    let budget = Arc::new(Budget::new(config.budget, Instant::now()));
    show(&budget, &metrics, telemetry);
    // A permit of the target and of the tool, at once or not at all; held to the last byte.
    let limit = |inner| Limit::new(&config, telemetry, inner);
    // One deadline for all attempts together; what is running when it passes is dropped.
    let timeout = |inner| Timeout::new(&config, inner);
    // Repeats what may be repeated, and says the last word on what failed.
    let retry = |inner| Retry::new(&config, &circuit, &budget, rng, inner);
    // Leaves a target alone that fails again and again.
    let breaker = |inner| Breaker::new(&circuit, config.timeout, inner);
    // Times one attempt and notes what came of it.
    let attempt = |inner| Attempt::new(&health, &metrics, inner);
    let chain = limit(timeout(retry(breaker(attempt(FarSide::new(far_side))))));
    let chain: Arc<Chain> = Arc::new(chain);
    // The stages are lent to a call: one handle and one boxed future serve it all the way.
    let svc = TargetSvc::new(service_fn(move |outbound| Arc::clone(&chain).send(outbound)));
    Reach { svc, health }
}

/// The budget fills with time, also while nobody calls, so its level is read when it is asked for.
fn show(budget: &Arc<Budget>, metrics: &Arc<TargetMetrics>, telemetry: &Telemetry) {
    if budget.is_any() {
        let (budget, metrics) = (Arc::clone(budget), Arc::clone(metrics));
        telemetry.at_scrape(move || metrics.retry_budget(budget.level(Instant::now())));
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
