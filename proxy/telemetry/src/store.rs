//! What came of asking the store in which gateways share their rate buckets.
//!
//! Enters: how each question ended and how long it took; whether the store can be asked. Leaves: a
//! counter, a histogram, a gauge, all of them only in a gateway that shares. Never: a key.

use std::fmt;
use std::time::Duration;

use metrics::Gauge;
use toolgate_telemetry_catalog::{StoreTake, resilience as family};

use crate::cells::Histogram;
use crate::handles::Counters;
use crate::registry::Registry;

/// Metrics of a store of rate buckets.
pub struct RateStore {
    takes: Counters<StoreTake>,
    duration: Histogram,
    up: Gauge,
}

// === impl RateStore ===

impl RateStore {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            takes: Counters::new(registry, &family::STORE_TAKES, &[]),
            duration: registry.histogram(&family::STORE_DURATION, &[]),
            up: registry.gauge(&family::STORE_UP, &[]),
        }
    }

    /// Tokens were wanted, and the store was not asked.
    pub fn not_asked(&self, why: StoreTake) {
        self.takes.add(why);
    }

    /// Tokens were wanted, and the store was asked.
    pub fn asked(&self, end: StoreTake, took: Duration) {
        self.takes.add(end);
        self.duration.record(took.as_secs_f64());
    }

    /// Whether the store can be asked.
    pub fn up(&self, up: bool) {
        self.up.set(if up { 1.0 } else { 0.0 });
    }
}

impl fmt::Debug for RateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateStore").finish_non_exhaustive()
    }
}
