//! The time of day as RFC 3339 in UTC.
//!
//! Enters: a system time. Leaves: `2026-07-28T12:00:00.123Z`. Never: a time zone, or a leap second.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use super::text::push_padded;

thread_local! {
    /// The last second written and its nineteen characters: they change once a second.
    static SECOND: Cell<(u64, [u8; 19])> = const { Cell::new((u64::MAX, [0; 19])) };
}

/// Appends the time. Times before 1970 become 1970.
pub(crate) fn push(out: &mut Vec<u8>, now: SystemTime) {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (cached, mut text) = SECOND.get();
    if cached != since.as_secs() {
        text = second(since.as_secs());
        SECOND.set((since.as_secs(), text));
    }
    out.extend_from_slice(&text);
    out.push(b'.');
    push_padded(out, u64::from(since.subsec_millis()), 3);
    out.push(b'Z');
}

fn second(unix: u64) -> [u8; 19] {
    let (year, month, day) = date(unix / 86_400);
    let of_day = unix % 86_400;
    let mut text = Vec::with_capacity(20);
    push_padded(&mut text, year, 4);
    for (mark, part) in [
        (b'-', month),
        (b'-', day),
        (b'T', of_day / 3600),
        (b':', of_day / 60 % 60),
        (b':', of_day % 60),
    ] {
        text.push(mark);
        push_padded(&mut text, part, 2);
    }
    text.try_into().unwrap_or(*b"9999-12-31T23:59:59")
}

/// Year, month and day of a day since 1970-01-01. Years are counted from March, so that the leap
/// day is the last of its year and the lengths of the months repeat.
fn date(days: u64) -> (u64, u64, u64) {
    let from_0000_03_01 = days + 719_468;
    let (era, day_of_era) = (from_0000_03_01 / 146_097, from_0000_03_01 % 146_097);
    let leaps = day_of_era / 1_460 + day_of_era / 146_096 - day_of_era / 36_524;
    let year_of_era = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}
