//! The arithmetic of a bucket.
//!
//! Enters: a rate, when the bucket is full again, and the time. Leaves: when it is full again without one
//! more token, or how long there is none. Never: a clock.
//!
//! One number is the whole state (the virtual schedule of GCRA, ITU-T I.371): a bucket that is full in
//! `n` intervals lacks `n` tokens.

use std::time::Duration;

/// How often, and how many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// So many calls, at least one
    pub calls: u32,
    /// in this time.
    pub every: Duration,
    /// So many at once after a pause, at least one.
    pub burst: u32,
}

// === impl Rate ===

impl Rate {
    /// Nanoseconds in which one token comes.
    #[must_use]
    pub fn interval(&self) -> u64 {
        let every = u64::try_from(self.every.as_nanos()).unwrap_or(u64::MAX);
        (every / u64::from(self.calls.max(1))).max(1)
    }

    /// Nanoseconds after which a bucket without a token is full.
    #[must_use]
    pub fn room(&self) -> u64 {
        self.interval().saturating_mul(u64::from(self.burst.max(1)))
    }

    /// Takes a token at `now`; `full` is when the bucket is full again. Both in nanoseconds.
    pub(super) fn take(&self, full: u64, now: u64) -> Result<u64, Duration> {
        let interval = self.interval();
        let then = full.max(now).saturating_add(interval);
        match then.saturating_sub(now).checked_sub(self.room()) {
            None | Some(0) => Ok(then),
            Some(short) => Err(Duration::from_nanos(short)),
        }
    }
}
