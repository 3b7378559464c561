//! How far the gateway has got in stopping.
//!
//! Enters: two steps, each taken once. Leaves: a question that costs one load. Never: wakes anyone:
//! whoever takes a step wakes those who must see it.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// Shared by everything that must behave otherwise while the gateway stops.
#[derive(Debug, Default)]
pub struct Lifecycle(AtomicU8);

const DRAINING: u8 = 1;
const OVER: u8 = 2;

// === impl Lifecycle ===

impl Lifecycle {
    /// Calls in flight finish; streams that wait for nothing in particular end.
    pub fn drain(&self) {
        self.0.fetch_max(DRAINING, Relaxed);
    }

    /// The grace period is over: calls in flight are answered that the gateway stops.
    pub fn end(&self) {
        self.0.fetch_max(OVER, Relaxed);
    }

    /// Whether the gateway has begun to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.load(Relaxed) >= DRAINING
    }

    /// Whether the grace period is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.load(Relaxed) >= OVER
    }
}
