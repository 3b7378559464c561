//! Times as they are kept: milliseconds since 1970.
//!
//! In and out: times. Never: a time that overflows; what is out of reach becomes the nearest that
//! is not.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A day.
pub(super) const DAY: i64 = 86_400_000;

/// Milliseconds since 1970; before it, they are negative.
pub(super) fn millis(at: SystemTime) -> i64 {
    match at.duration_since(UNIX_EPOCH) {
        Ok(since) => length(since),
        Err(before) => -length(before.duration()),
    }
}

/// The time.
pub(super) fn time(millis: i64) -> SystemTime {
    let length = Duration::from_millis(millis.unsigned_abs());
    let time =
        if millis < 0 { UNIX_EPOCH.checked_sub(length) } else { UNIX_EPOCH.checked_add(length) };
    time.unwrap_or(UNIX_EPOCH)
}

/// A length in milliseconds.
pub(super) fn length(of: Duration) -> i64 {
    i64::try_from(of.as_millis()).unwrap_or(i64::MAX / 4)
}
