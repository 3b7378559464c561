//! What the gateway shows a target, over time.
//!
//! Enters: what requests for tokens came to, and when tokens end. Leaves: counters and gauges. Never:
//! a token, a client or a caller.

use metrics::Gauge;
use toolgate_telemetry_catalog::{TokenFetch, target as family};

use crate::cells::Counter;
use crate::handles::Counters;
use crate::registry::Registry;

/// Metrics of the credentials of one target. They exist for targets that have tokens fetched.
#[derive(Debug)]
pub struct CredentialMetrics {
    fetches: Counters<TokenFetch>,
    cached: Gauge,
    refused: Counter,
    expiry: Gauge,
    evicted: Counter,
}

// === impl CredentialMetrics ===

impl CredentialMetrics {
    pub(super) fn new(registry: &Registry, target: &str) -> Self {
        let labels: &[&str] = &[target];
        Self {
            fetches: Counters::new(registry, &family::CREDENTIALS_FETCHES, labels),
            cached: registry.gauge(&family::CREDENTIALS_CACHED, labels),
            refused: registry.counter(&family::CREDENTIALS_REFUSED, labels),
            expiry: registry.gauge(&family::CREDENTIALS_EXPIRY, labels),
            evicted: registry.counter(&family::CREDENTIALS_EVICTED, labels),
        }
    }

    /// A request for a token ended.
    pub fn fetched(&self, outcome: TokenFetch) {
        self.fetches.add(outcome);
    }

    /// A token of the gateway's own is in use until then (seconds since the epoch).
    pub fn held_until(&self, until: f64) {
        self.expiry.set(until);
    }

    /// Exchanged tokens of so many callers are held.
    pub fn cached(&self, callers: usize) {
        // Far below 2^32: the cache is bounded.
        self.cached.set(f64::from(u32::try_from(callers).unwrap_or(u32::MAX)));
    }

    /// The target did not take what it was shown.
    pub fn refused(&self) {
        self.refused.increment(1);
    }

    /// A caller's exchanged token was forgotten to make room.
    pub fn evicted(&self) {
        self.evicted.increment(1);
    }
}
