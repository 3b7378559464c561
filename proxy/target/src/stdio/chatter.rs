//! How much a child may say to the log.
//!
//! Enters: the wish to log a line. Leaves: the line, or silence with a count. Never: drops a line
//! without the next one saying how many went before.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Lines of one child, so many in each window.
#[derive(Debug, Default)]
pub(super) struct Chatter(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    since: Option<Instant>,
    said: u32,
    muted: u64,
}

const WINDOW: Duration = Duration::from_secs(10);
const LINES: u32 = 200;

// === impl Chatter ===

impl Chatter {
    /// Calls `log`, if there is room, with the number of lines that were not logged before it.
    pub(super) fn say(&self, now: Instant, log: impl FnOnce(u64)) {
        if let Some(muted) = self.admit(now) {
            log(muted);
        }
    }

    fn admit(&self, now: Instant) -> Option<u64> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if window.since.is_none_or(|since| now.saturating_duration_since(since) >= WINDOW) {
            window.since = Some(now);
            window.said = 0;
        }
        if window.said >= LINES {
            window.muted += 1;
            return None;
        }
        window.said += 1;
        Some(std::mem::take(&mut window.muted))
    }
}
