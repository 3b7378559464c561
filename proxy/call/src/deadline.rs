//! The moment after which an answer is of no use.
//!
//! Enters: a start and a limit. Leaves: what is left of it, and who set it. Never: reads the clock.

use std::time::{Duration, Instant};

/// A point in time that an operation must not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    at: Instant,
    by: By,
}

/// Who set a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The gateway.
    Gateway,
    /// The caller, who waits no longer.
    Caller,
}

// === impl Deadline ===

impl Deadline {
    /// A deadline at that instant.
    #[must_use]
    pub const fn at(instant: Instant) -> Self {
        Self { at: instant, by: By::Gateway }
    }

    /// A deadline so much after `now`.
    #[must_use]
    pub fn after(now: Instant, limit: Duration) -> Self {
        Self::at(now.checked_add(limit).unwrap_or(now))
    }

    /// The same, set by somebody.
    #[must_use]
    pub const fn set_by(self, by: By) -> Self {
        Self { by, ..self }
    }

    /// Who set it.
    #[must_use]
    pub const fn by(self) -> By {
        self.by
    }

    /// The instant.
    #[must_use]
    pub const fn instant(self) -> Instant {
        self.at
    }

    /// What is left; zero when it has passed.
    #[must_use]
    pub fn left(self, now: Instant) -> Duration {
        self.at.saturating_duration_since(now)
    }

    /// The earlier of two deadlines.
    #[must_use]
    pub fn sooner(self, other: Self) -> Self {
        self.min(other)
    }
}
