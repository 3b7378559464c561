//! Days and months, in UTC.
//!
//! In and out: days since 1970. Never: a time zone of the machine.

use super::time::DAY;

/// Months as people write them; three letters are enough.
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Days of a week, as people write them.
const WEEK: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The day of a time.
pub(super) const fn day(at: i64) -> i64 {
    at.div_euclid(DAY)
}

/// The day of a week, from Monday, which is 0.
pub(super) const fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

/// The month of a word, from January, which is 1.
pub(super) fn month(word: &str) -> Option<i64> {
    let short = word.len() == 3 || word == "sept";
    let is = |name: &&str| name == &word || short && name.starts_with(word);
    MONTHS.iter().zip(1..).find(|(name, _)| is(name)).map(|(_, month)| month)
}

/// The day of a week of a word.
pub(super) fn day_of_week(word: &str) -> Option<i64> {
    let short = word.len() == 3;
    let is = |name: &&str| name == &word || short && name.starts_with(word);
    WEEK.iter().zip(0..).find(|(name, _)| is(name)).map(|(_, day)| day)
}

/// Year and month of a day (Howard Hinnant's `civil_from_days`).
pub(super) const fn year_and_month(day: i64) -> (i64, i64) {
    let days = day + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month)
}

/// The day of a date (his `days_from_civil`). A 13th month is the next year's first.
pub(super) const fn date(year: i64, month: i64, of_month: i64) -> i64 {
    let (year, month) = (year + (month - 1).div_euclid(12), (month - 1).rem_euclid(12) + 1);
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + of_month - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * 146_097 + of_era - 719_468
}
