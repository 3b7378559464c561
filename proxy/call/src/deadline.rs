//! The moment after which an answer is of no use.
//!
//! Enters: a start and a limit. Leaves: what is left of it. Never: reads the clock.

use std::time::{Duration, Instant};

/// A point in time that an operation must not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

// === impl Deadline ===

impl Deadline {
    /// A deadline at that instant.
    #[must_use]
    pub const fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// A deadline so much after `now`.
    #[must_use]
    pub fn after(now: Instant, limit: Duration) -> Self {
        Self(now.checked_add(limit).unwrap_or(now))
    }

    /// The instant.
    #[must_use]
    pub const fn instant(self) -> Instant {
        self.0
    }

    /// What is left; zero when it has passed.
    #[must_use]
    pub fn left(self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }

    /// The earlier of two deadlines.
    #[must_use]
    pub fn sooner(self, other: Self) -> Self {
        self.min(other)
    }
}
