//! How many retries a target is sent on top of its calls.
//!
//! A fixed number of attempts multiplies the load exactly when the target can bear it least. A
//! budget ties retries to calls instead: while few fail, each is repeated; when all fail, only the
//! granted share is.
//!
//! Enters: calls, wishes to retry, and the time. Leaves: yes or no. Never: a clock of its own.

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
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

// === impl Budget ===

impl Budget {
    /// A budget of `ratio` retries per call, with the floor at hand at once.
    pub(crate) fn new(ratio: f64, now: Instant) -> Self {
        let ratio = if ratio.is_finite() { ratio.clamp(0.0, 1.0) } else { 0.0 };
        Self { ratio, bucket: Mutex::new(Bucket { tokens: FLOOR, filled: now }) }
    }

    /// A call begins. Gives the level.
    pub(crate) fn deposit(&self, now: Instant) -> f64 {
        self.with(now, |bucket| {
            bucket.tokens = (bucket.tokens + self.ratio).min(CAP);
            bucket.level()
        })
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

    /// From 0, nothing is granted, to 1, a whole floor is at hand.
    pub(crate) fn level(&self, now: Instant) -> f64 {
        self.with(now, |bucket| bucket.level())
    }

    fn with<T>(&self, now: Instant, act: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.refill(now);
        act(&mut bucket)
    }
}

// === impl Bucket ===

impl Bucket {
    /// Time fills it to the floor, no further.
    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled);
        self.filled = self.filled.max(now);
        if self.tokens < FLOOR {
            let grown = FLOOR * passed.as_secs_f64() / WINDOW.as_secs_f64();
            self.tokens = (self.tokens + grown).min(FLOOR);
        }
    }

    fn level(&self) -> f64 {
        (self.tokens / FLOOR).min(1.0)
    }
}

#[cfg(test)]
mod tests;
