//! Times as people write them.
//!
//! In: a time. Out: text in UTC (RFC 3339). Never: a time zone of the machine.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400;

/// `2026-11-25`.
#[must_use]
pub fn day(at: SystemTime) -> String {
    let (year, month, day) = date(seconds(at) / DAY);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2026-11-25T10:14:02Z`.
#[must_use]
pub fn instant(at: SystemTime) -> String {
    let within = seconds(at) % DAY;
    let (hours, minutes, seconds) = (within / 3600, within / 60 % 60, within % 60);
    format!("{}T{hours:02}:{minutes:02}:{seconds:02}Z", day(at))
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Year, month and day of a day counted from 1970 (Howard Hinnant's `civil_from_days`, for days that
/// are not negative).
const fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + (month <= 2) as u64;
    (year, month, day)
}

#[cfg(test)]
mod tests {
    //! Days that are easy to get wrong.

    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn leap_days_and_ends_of_years_are_right() {
        let at = |seconds| instant(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_704_067_199), "2023-12-31T23:59:59Z");
        assert_eq!(at(1_795_687_200), "2026-11-26T10:00:00Z");
    }
}
