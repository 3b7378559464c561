//! How many retries a target is sent on top of its calls.
//!
//! A fixed number of attempts multiplies the load exactly when the target can bear it least. A
//! budget ties retries to calls instead: while few fail, each is repeated; when all fail, only the
//! granted share is.
//!
//! Enters: calls, wishes to retry, and the time. Leaves: yes or no. Never: a clock of its own.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Retries granted in every window whatever the ratio, so that a target with few calls has some.
pub(crate) const FLOOR: f64 = 10.0;

/// The window of the floor.
const WINDOW: Duration = Duration::from_secs(10);

/// The most that can be saved up; bounds the burst after a quiet time.
const CAP: f64 = 100.0;

/// A token bucket: each call puts in a share of a token, each retry takes one out.
#[derive(Debug)]
pub(crate) struct Budget {
    ratio: f64,
    bucket: Mutex<Bucket>,
    /// Whether nothing more goes into the bucket; written under its lock.
    full: AtomicBool,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    floor: f64,
    filled: Instant,
}

// === impl Budget ===

impl Budget {
    /// A budget of `ratio` retries per call, with the floor at hand at once; none if that is 0.
    pub(crate) fn new(ratio: f64, now: Instant) -> Self {
        let ratio = if ratio.is_finite() { ratio.clamp(0.0, 1.0) } else { 0.0 };
        let floor = if ratio > 0.0 { FLOOR } else { 0.0 };
        let bucket = Bucket { tokens: floor, floor, filled: now };
        Self { ratio, full: AtomicBool::new(bucket.is_full(ratio)), bucket: Mutex::new(bucket) }
    }

    /// Whether there is any.
    pub(crate) fn is_any(&self) -> bool {
        self.ratio > 0.0
    }

    /// Whether a deposit would change nothing, neither now nor by the time it is made at. Needs no
    /// lock, so a call of a target that is well takes none.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Relaxed)
    }

    /// A call begins.
    pub(crate) fn deposit(&self, now: Instant) {
        self.with(now, |bucket| bucket.tokens = bucket.with(self.ratio));
    }

    /// Whether a retry is granted; if so, it is spent.
    pub(crate) fn withdraw(&self, now: Instant) -> bool {
        self.with(now, |bucket| {
            let granted = bucket.tokens >= 1.0;
            if granted {
                bucket.tokens -= 1.0;
            }
            granted
        })
    }

    /// A retry that was granted is not made after all.
    pub(crate) fn refund(&self, now: Instant) {
        self.with(now, |bucket| bucket.tokens = bucket.with(1.0));
    }

    /// From 0, nothing is granted, to 1, a whole floor is at hand.
    pub(crate) fn level(&self, now: Instant) -> f64 {
        self.with(now, |bucket| bucket.level())
    }

    fn with<T>(&self, now: Instant, act: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.refill(now);
        let result = act(&mut bucket);
        let full = bucket.is_full(self.ratio);
        // All cores read it; not to write it leaves it in all of their caches.
        if self.full.load(Relaxed) != full {
            self.full.store(full, Relaxed);
        }
        result
    }
}

// === impl Bucket ===

impl Bucket {
    /// Time fills it to the floor, no further.
    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled);
        self.filled = self.filled.max(now);
        if self.tokens < self.floor {
            let grown = self.floor * passed.as_secs_f64() / WINDOW.as_secs_f64();
            self.tokens = (self.tokens + grown).min(self.floor);
        }
    }

    /// The tokens after a deposit.
    fn with(&self, ratio: f64) -> f64 {
        (self.tokens + ratio).min(CAP)
    }

    /// From the floor on, time puts nothing in either.
    fn is_full(&self, ratio: f64) -> bool {
        self.tokens >= self.floor && self.with(ratio) <= self.tokens
    }

    fn level(&self) -> f64 {
        (self.tokens / FLOOR).min(1.0)
    }
}

#[cfg(test)]
mod tests;
