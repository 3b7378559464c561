//! How long a child that ended is left alone.
//!
//! Enters: each ending, and the time of it. Leaves: the pause before the next start. Never: reads
//! the clock.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The endings of one child.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    step: u32,
    /// The last pause.
    waited: Duration,
    ends: VecDeque<Instant>,
    looping: bool,
}

/// What one life of a child came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    /// How long it was ready for calls.
    pub(super) healthy: Duration,
    /// Whether it answered a call.
    pub(super) served: bool,
}

/// A pause before the next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pause {
    /// How long.
    pub(super) wait: Duration,
    /// Whether the child ends again and again without answering anything.
    pub(super) looping: bool,
}

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);
/// A child that was ready for so long starts afresh.
const HEALTHY: Duration = Duration::from_secs(60);
/// And so does one that has answered calls, and was ready for so many times as long as it had been
/// waited for: whoever restarts it now and then does not pay more each time.
const EARNED: u32 = 10;
/// So many endings within [`WINDOW`] are a loop.
pub(super) const LOOP: usize = 5;
const WINDOW: Duration = Duration::from_secs(30);

// === impl Backoff ===

impl Backoff {
    /// Whether no ending is remembered.
    pub(super) fn is_fresh(&self) -> bool {
        self.ends.is_empty() && self.step == 0
    }

    /// The pause after a life that ended at `now`.
    pub(super) fn after(&mut self, now: Instant, life: Life) -> Pause {
        let earned = life.served && life.healthy >= self.waited.max(FIRST) * EARNED;
        if life.healthy >= HEALTHY || earned {
            *self = Self::default();
        }
        if life.served {
            self.ends.clear();
            self.looping = false;
        }
        self.ends.push_back(now);
        self.ends.retain(|end| now.saturating_duration_since(*end) < WINDOW);
        self.looping |= self.ends.len() >= LOOP;
        let doubled = FIRST.saturating_mul(2_u32.saturating_pow(self.step));
        self.step = self.step.saturating_add(1);
        let wait = if self.looping { LONGEST } else { doubled.min(LONGEST) };
        self.waited = wait;
        Pause { wait, looping: self.looping }
    }
}
