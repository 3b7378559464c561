//! A moment as RFC 3339 text.
//!
//! Enters: milliseconds since the epoch and an offset. Leaves: the date and time there. Never:
//! reads the clock, or knows a time zone's name.

/// `2026-11-22T10:16:00.123+01:00`; the proleptic Gregorian calendar, offsets in whole minutes.
pub(super) fn rfc3339(unix_ms: i64, offset_minutes: i64) -> String {
    let local = unix_ms.saturating_add(offset_minutes.saturating_mul(60_000));
    let (days, ms) = (local.div_euclid(86_400_000), local.rem_euclid(86_400_000));
    let (year, month, day) = date(days);
    let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
    let (second, milli) = (ms / 1000 % 60, ms % 1000);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}{}",
        offset(offset_minutes)
    )
}

fn offset(minutes: i64) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.abs();
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Year, month and day of a number of days since 1970-01-01.
///
/// Years are counted from March, so that the leap day is the last day of a year; 400 such years
/// are 146,097 days.
fn date(days: i64) -> (i64, i64, i64) {
    let from_march = days + 719_468;
    let (era, day_of_era) = (from_march.div_euclid(146_097), from_march.rem_euclid(146_097));
    let leaps = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}
