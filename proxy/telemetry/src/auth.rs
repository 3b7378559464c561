//! What came of checking tokens, refreshing keys and deciding.
//!
//! Enters: results, under the configured name of an issuer or target. Leaves: counters, gauges
//! and histograms. Never: a token, a subject, or an issuer's name taken from a token.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics::Gauge;
use toolgate_telemetry_catalog::{
    AuthCheck, AuthResult, CacheEvent, Decision, RefreshCause, RefreshOutcome, Verdict, Word,
    auth as family,
};

use crate::cells::{Counter, Histogram};
use crate::handles::{Counters, Histograms, Pairs, Table};
use crate::registry::Registry;

/// How many issuers have rows of their own.
const ISSUERS: usize = 64;
/// How many targets have rows of their own.
const TARGETS: usize = 256;

/// Metrics of authentication and authorization.
#[derive(Debug)]
pub struct AuthMetrics {
    registry: Arc<Registry>,
    issuers: Table<Issuer>,
    duration: Histograms<AuthCheck>,
    cache: Counters<CacheEvent>,
    decisions: Table<Counters<Decision>>,
    policy_cache: Counters<CacheEvent>,
    policy_failures: Counter,
}

/// The handles of one issuer. Those of its keys exist once keys were asked for.
struct Issuer {
    name: Box<str>,
    requests: Counters<AuthResult>,
    refresh: OnceLock<Pairs<RefreshOutcome, RefreshCause>>,
    refresh_duration: OnceLock<Histogram>,
    last_success: OnceLock<Gauge>,
    keys: OnceLock<Gauge>,
}

// === impl AuthMetrics ===

impl AuthMetrics {
    pub(crate) fn new(registry: &Arc<Registry>) -> Self {
        let auth = Self {
            registry: Arc::clone(registry),
            issuers: Table::new(ISSUERS),
            duration: Histograms::new(registry, &family::DURATION, &[]),
            cache: Counters::new(registry, &family::CACHE, &[]),
            decisions: Table::new(TARGETS),
            policy_cache: Counters::new(registry, &family::POLICY_CACHE, &[]),
            policy_failures: registry.counter(&family::POLICY_FAILURES, &[]),
        };
        auth.issuer("");
        auth
    }

    /// Makes the series of a configured issuer, so that its first event shows as an increase.
    pub fn configured(&self, issuer: &str) {
        let row = self.issuer(issuer);
        self.refreshes(&row);
    }

    /// Makes the series of callers that have no issuer, under that name.
    pub fn known(&self, name: &str) {
        self.issuer(name);
    }

    /// A token was checked. `issuer` is the configured name, empty when the token names none.
    pub fn request(&self, issuer: &str, result: AuthResult) {
        self.issuer(issuer).requests.add(result);
    }

    /// How long the check took, and whether memory answered it.
    pub fn verified(&self, took: Duration, cached: bool) {
        let check = if cached { AuthCheck::Cached } else { AuthCheck::Verified };
        self.duration.record(check, took.as_secs_f64());
    }

    /// The memory of verified tokens did something.
    pub fn cache(&self, event: CacheEvent) {
        self.cache.add(event);
    }

    /// An issuer's keys were refreshed, or could not be.
    pub fn jwks_refresh(
        &self,
        issuer: &str,
        outcome: RefreshOutcome,
        cause: RefreshCause,
        took: Duration,
    ) {
        let row = self.issuer(issuer);
        self.refreshes(&row).add(outcome, cause);
        let make = || self.registry.histogram(&family::JWKS_REFRESH_DURATION, &[&*row.name]);
        row.refresh_duration.get_or_init(make).record(took.as_secs_f64());
    }

    /// So many keys of the issuer are in use since `at_unix` (seconds since the epoch).
    pub fn jwks_loaded(&self, issuer: &str, keys: usize, at_unix: f64) {
        let row = self.issuer(issuer);
        let make = |metric| self.registry.gauge(metric, &[&*row.name]);
        row.keys.get_or_init(|| make(&family::JWKS_KEYS)).set(count(keys));
        row.last_success.get_or_init(|| make(&family::JWKS_LAST_SUCCESS)).set(at_unix);
    }

    /// Whether a principal may do what it asks; `target` is empty when it asks the gateway.
    pub fn decision(&self, target: &str, allowed: bool) {
        let make = |name: &str| {
            Counters::with(|decision: Decision| {
                let labels = [name, decision.word(), decision.reason()];
                self.registry.counter(&family::DECISIONS, &labels)
            })
        };
        let decision = if allowed { Decision::Allow } else { Decision::Deny };
        self.decisions.get(target, make).add(decision);
    }

    /// The memory of what policies said did something.
    pub fn policy_cache(&self, event: CacheEvent) {
        self.policy_cache.add(event);
    }

    /// A policy could not be judged, and so the answer was no.
    pub fn policy_failed(&self) {
        self.policy_failures.increment(1);
    }

    fn issuer(&self, name: &str) -> Arc<Issuer> {
        self.issuers.get(name, |name| Issuer::new(&self.registry, name))
    }

    fn refreshes<'a>(&self, row: &'a Issuer) -> &'a Pairs<RefreshOutcome, RefreshCause> {
        let make = || Pairs::new(&self.registry, &family::JWKS_REFRESH, &[&*row.name]);
        row.refresh.get_or_init(make)
    }
}

// === impl Issuer ===

impl Issuer {
    fn new(registry: &Registry, name: &str) -> Self {
        let counter = |result: AuthResult| {
            let ok = result == AuthResult::Ok;
            let outcome = if ok { Verdict::Ok } else { Verdict::Denied };
            registry.counter(&family::REQUESTS, &[name, outcome.word(), result.word()])
        };
        Self {
            name: name.into(),
            requests: Counters::with(counter),
            refresh: OnceLock::new(),
            refresh_duration: OnceLock::new(),
            last_success: OnceLock::new(),
            keys: OnceLock::new(),
        }
    }
}

/// A count as a gauge's number; counts here are far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "counts of keys, tools and connections are small")]
pub(crate) fn count(items: usize) -> f64 {
    items as f64
}
