//! What the gateway knows of itself.
//!
//! Enters: registry, health of each target, state of the keys. Leaves: the checks of `/readyz` and
//! the answers of the built-in `gateway` target. Never: an address or a secret.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use toolgate_admit::authn::Authenticator;
use toolgate_mcp::Registry;
use toolgate_reach::Health;
use toolgate_target::{GatewayFacts, TargetFact};
use toolgate_telemetry::{Check, TargetMetrics};

use crate::assembly::Backend;

/// See the module.
#[derive(Debug)]
pub struct Facts {
    started: Instant,
    inherited: Vec<(String, String)>,
    draining: AtomicBool,
    known: OnceLock<Known>,
}

#[derive(Debug)]
struct Known {
    registry: Arc<Registry>,
    targets: Vec<KnownTarget>,
}

#[derive(Debug)]
struct KnownTarget {
    name: Arc<str>,
    required: bool,
    health: Arc<Health>,
    metrics: Arc<TargetMetrics>,
}

// === impl Facts ===

impl Facts {
    /// Nothing is known yet but what children may see of the gateway's environment.
    #[must_use]
    pub fn new(inherited: Vec<(String, String)>) -> Arc<Self> {
        let draining = AtomicBool::new(false);
        Arc::new(Self { started: Instant::now(), inherited, draining, known: OnceLock::new() })
    }

    pub(crate) fn inherited(&self) -> &[(String, String)] {
        &self.inherited
    }

    pub(crate) fn know(&self, registry: &Arc<Registry>, backends: &[Backend]) {
        let targets = backends
            .iter()
            .map(|backend| KnownTarget {
                name: Arc::clone(&backend.spec.name),
                required: backend.spec.required,
                health: Arc::clone(&backend.health),
                metrics: Arc::clone(&backend.spec.metrics),
            })
            .collect();
        self.known.get_or_init(|| Known { registry: Arc::clone(registry), targets });
    }

    /// Says in the metrics what `/readyz` says of the targets.
    pub(crate) fn show(&self) {
        let Some(known) = self.known.get() else { return };
        for (target, fact) in known.targets.iter().zip(self.targets()) {
            target.metrics.up(fact.up);
        }
    }

    /// The gateway has begun to stop: it is not ready any more.
    pub fn drain(&self) {
        self.draining.store(true, Relaxed);
    }

    /// What `/readyz` asks.
    #[must_use]
    pub fn checks(&self, auth: &Authenticator) -> Vec<Check> {
        let mut checks = Vec::new();
        if self.draining.load(Relaxed) {
            checks.push(check("gateway", false, true, "stopping".to_owned()));
        }
        for (issuer, ok, detail) in auth.keys_ready() {
            checks.push(check(&format!("keys of {issuer}"), ok, true, detail));
        }
        let required = |name: &str| {
            let known = self.known.get();
            known.is_some_and(|k| k.targets.iter().any(|t| &*t.name == name && t.required))
        };
        for target in self.targets() {
            let needed = required(&target.name);
            let name = format!("target {}", target.name);
            checks.push(check(&name, target.up, needed, target.detail));
        }
        checks
    }
}

impl GatewayFacts for Facts {
    fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    fn targets(&self) -> Vec<TargetFact> {
        let Some(known) = self.known.get() else { return Vec::new() };
        let listed = known.registry.targets();
        let both = known.targets.iter().zip(listed);
        both.map(|(target, (name, tools, failure))| {
            let (healthy, health) = target.health.status();
            let up = healthy && failure.is_none();
            let detail = failure.unwrap_or(health);
            TargetFact { name: name.to_string(), up, detail, tools }
        })
        .collect()
    }
}

fn check(name: &str, ok: bool, required: bool, detail: String) -> Check {
    Check { name: name.to_owned(), ok, required, detail }
}
