//! Times and durations as people and models write them.
//!
//! Enters: text, and the present. Leaves: seconds since 1970, or a length of time. Never: a local
//! time; a time without a zone is refused.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::ToolError;

/// What is taken for a time, for refusals.
const TIMES: &str = "must be a time: `now`, `now-1h`, seconds since 1970, or RFC 3339 with a zone \
                     such as `2026-01-31T12:00:00Z`";
/// What is taken for a duration.
const DURATIONS: &str = "must be a duration such as `30s`, `5m`, `1h30m` or `2d`";
/// Seconds since 1970 that are still a time: the year 9999.
const LATEST: f64 = 253_402_300_799.0;

/// The present, in seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Seconds since 1970.
///
/// # Errors
/// The sentence for the model, about the argument `name`.
pub(crate) fn time(name: &str, text: &str, now: f64) -> Result<f64, ToolError> {
    let text = text.trim();
    let relative = text.strip_prefix("now").unwrap_or(text);
    let seconds = match (relative.strip_prefix('-'), relative.is_empty()) {
        (_, true) if !text.is_empty() => Some(now),
        (Some(ago), _) => length(ago.trim()).map(|ago| now - ago.as_secs_f64()),
        (None, _) => text.parse().ok().filter(|seconds: &f64| seconds.is_finite()),
    };
    let seconds = seconds.or_else(|| rfc3339(text));
    seconds
        .filter(|seconds| (0.0..=LATEST).contains(seconds))
        .ok_or_else(|| ToolError::argument(name, TIMES))
}

/// A length of time of more than nothing.
///
/// # Errors
/// The sentence for the model, about the argument `name`.
pub(crate) fn duration(name: &str, text: &str) -> Result<Duration, ToolError> {
    let text = text.trim();
    let seconds = || text.parse::<f64>().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
    length(text)
        .or_else(seconds)
        .filter(|length| !length.is_zero())
        .ok_or_else(|| ToolError::argument(name, DURATIONS))
}

/// A duration as Prometheus and Kubernetes write it, largest unit first.
pub(crate) fn written(length: Duration) -> String {
    let ms = length.as_millis();
    for (unit, name) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")] {
        if ms >= unit && ms.is_multiple_of(unit) {
            return format!("{}{name}", ms / unit);
        }
    }
    format!("{ms}ms")
}

/// A moment in UTC to the millisecond (RFC 3339, 5.6).
pub(crate) fn utc(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, clock) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hours, minutes, seconds) = (clock / 3600, clock / 60 % 60, clock % 60);
    let ms = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{ms:03}Z")
}

/// The date so many days after 1970-01-01, of the proleptic Gregorian calendar. Years are counted
/// from March on, so that the leap day ends one.
const fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let of_era_years = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of_era_years + of_era_years / 4 - of_era_years / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = of_era_years + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// `1h30m` and the like.
fn length(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let (number, behind) = rest.split_at_checked(digits)?;
        let letters = behind.find(|letter: char| letter.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, after) = behind.split_at_checked(letters)?;
        let ms: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            "y" => 31_536_000_000,
            _ => return None,
        };
        let ms = number.parse::<u64>().ok()?.checked_mul(ms)?;
        total = total.checked_add(Duration::from_millis(ms))?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

/// RFC 3339, 5.6.
fn rfc3339(text: &str) -> Option<f64> {
    let (date, clock) = text.split_once(['T', 't', ' '])?;
    let (clock, offset) = match clock.strip_suffix(['Z', 'z']) {
        Some(clock) => (clock, 0.0),
        None => {
            let at = clock.rfind(['+', '-'])?;
            let (clock, zone) = clock.split_at_checked(at)?;
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let offset = number(hours, 2, 23)? * 3600 + number(minutes, 2, 59)? * 60;
            let offset = f64::from(offset);
            (clock, if zone.starts_with('-') { -offset } else { offset })
        }
    };
    let mut parts = date.split('-');
    let year = number(parts.next()?, 4, 9999)?;
    let (month, day) = (number(parts.next()?, 2, 12)?, number(parts.next()?, 2, 31)?);
    let mut parts = clock.split(':');
    let (hours, minutes) = (number(parts.next()?, 2, 23)?, number(parts.next()?, 2, 59)?);
    let seconds = parts.next()?;
    let whole = number(seconds.get(..2)?, 2, 60)?;
    let fraction = match seconds.get(2..)? {
        "" => 0.0,
        rest => rest
            .strip_prefix('.')
            .filter(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|rest| format!("0.{rest}").parse().ok())?,
    };
    if month == 0 || day == 0 || day > days_in(year, month) {
        return None;
    }
    let days = f64::from(days_since_1970(year, month, day));
    let clock = f64::from(hours * 3600 + minutes * 60 + whole);
    Some(days * 86_400.0 + clock + fraction - offset)
}

fn number(text: &str, digits: usize, most: i32) -> Option<i32> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_number && *number <= most)
}

fn is_leap(year: i32) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in(year: i32, month: i32) -> i32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the proleptic Gregorian calendar from 1970-01-01 on.
fn days_since_1970(year: i32, month: i32, day: i32) -> i32 {
    let before = year - 1;
    let years = before * 365 + before / 4 - before / 100 + before / 400;
    let months: i32 = (1..month).map(|month| days_in(year, month)).sum();
    // 719162 days lie between the first of January of the years 1 and 1970.
    years + months + day - 1 - 719_162
}

#[cfg(test)]
mod tests {
    //! What is a time and what is none.

    use std::time::Duration;

    use std::time::UNIX_EPOCH;

    use super::{duration, time, utc, written};

    #[test]
    fn what_is_written_is_read_as_the_same_moment() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (1_795_604_400_250, "2026-11-25T11:00:00.250Z"),
        ] {
            assert_eq!(utc(UNIX_EPOCH + Duration::from_millis(ms)), text);
            let read = time("t", text, 0.0).unwrap() * 1000.0;
            assert!((read - ms as f64).abs() < 0.5, "{text}: {read}");
        }
    }

    #[test]
    fn times_are_read_as_they_are_written() {
        let now = 1_800_000_000.0;
        for (text, seconds) in [
            ("now", now),
            ("now-1h30m", now - 5400.0),
            ("-2d", now - 172_800.0),
            ("1700000000", 1_700_000_000.0),
            ("1700000000.5", 1_700_000_000.5),
            ("1970-01-01T00:00:00Z", 0.0),
            ("2024-02-29T12:00:00Z", 1_709_208_000.0),
            ("2024-02-29T12:00:00.25+02:00", 1_709_200_800.25),
            ("2026-11-25 06:00:00-05:00", 1_795_604_400.0),
        ] {
            assert_eq!(time("t", text, now), Ok(seconds), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "now-",
            "now+1h",
            "-",
            "2024-02-30T12:00:00Z",
            "2023-02-29T12:00:00Z",
            "2024-02-29T12:00:00",
            "2024-02-29",
            "NaN",
            "inf",
            "-5",
            "1e300",
            "2024-13-01T00:00:00Z",
            "now-99999999999999999999s",
            "2024-02-29T12:00:0éZ",
        ] {
            let said = time("t", text, now).expect_err(text);
            assert!(said.message().starts_with("`t` must be a time"), "{said}");
        }
    }

    #[test]
    fn durations_are_more_than_nothing() {
        assert_eq!(duration("d", "1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("d", "15"), Ok(Duration::from_secs(15)));
        assert_eq!(written(Duration::from_secs(5400)), "90m");
        assert_eq!(written(Duration::from_millis(1500)), "1500ms");
        for text in ["", "0s", "h", "1x", "-5m", "5 m"] {
            duration("d", text).expect_err(text);
        }
    }
}
