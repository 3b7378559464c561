//! The time that a question asks about.
//!
//! In: a question, and now. Out: from when to when, and the question without those words. Never: a
//! time zone of the machine: days are those of UTC; a time to come.

use super::calendar::{date, day, day_of_week, month, weekday, year_and_month};
use super::time::DAY;

/// Milliseconds of an hour.
const HOUR: i64 = 3_600_000;

/// What a question asks about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct When {
    /// From when, and before when. None if it does not say.
    pub(super) span: Option<(i64, i64)>,
    /// The question without the words that say when.
    pub(super) rest: String,
}

/// A time, and how many words say it.
type Said = (usize, (i64, i64));

/// The words of a question, from somewhere on.
struct Words<'a> {
    words: &'a [String],
    now: i64,
}

/// Reads a question.
pub(super) fn when(question: &str, now: i64) -> When {
    let parts = split(question);
    let words = parts.iter().map(|(_, word)| word.clone()).collect::<Vec<_>>();
    for at in 0..words.len() {
        let from = Words { words: words.get(at..).unwrap_or_default(), now };
        if let Some((taken, span)) = from.read() {
            let begin = parts.get(at).map_or(0, |(begin, _)| *begin);
            let end = parts.get(at + taken).map_or(question.len(), |(begin, _)| *begin);
            let before = question.get(..begin).unwrap_or_default();
            let after = question.get(end..).unwrap_or_default();
            return When { span: Some(span), rest: format!("{before}{after}").trim().to_owned() };
        }
    }
    When { span: None, rest: question.to_owned() }
}

/// Where words begin, and what they are in lower case.
fn split(question: &str) -> Vec<(usize, String)> {
    let mut parts: Vec<(usize, String)> = Vec::new();
    let mut inside = false;
    for (at, letter) in question.char_indices() {
        let of_word = letter.is_alphanumeric();
        if of_word && !inside {
            parts.push((at, String::new()));
        }
        inside = of_word;
        if let Some((_, word)) = parts.last_mut().filter(|_| of_word) {
            word.extend(letter.to_lowercase());
        }
    }
    parts
}

// === impl Words ===

impl Words<'_> {
    fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", String::as_str)
    }

    fn from(&self, at: usize) -> Self {
        Self { words: self.words.get(at..).unwrap_or_default(), now: self.now }
    }

    fn today(&self) -> i64 {
        day(self.now)
    }

    /// The time that the first words say.
    fn read(&self) -> Option<Said> {
        self.near()
            .or_else(|| self.ago())
            .or_else(|| self.lately())
            .or_else(|| self.last())
            .or_else(|| self.dated())
            .or_else(|| self.weekday())
    }

    /// Yesterday and such.
    fn near(&self) -> Option<Said> {
        let today = self.today();
        let words = [self.word(0), self.word(1), self.word(2), self.word(3)];
        Some(match words {
            ["the", "day", "before", "yesterday"] => (4, days(today - 2, 1)),
            ["yesterday", "morning" | "afternoon" | "evening", ..] => (2, days(today - 1, 1)),
            ["yesterday", ..] => (1, days(today - 1, 1)),
            ["last", "night", ..] => (2, ((today - 1) * DAY + 16 * HOUR, today * DAY + 7 * HOUR)),
            ["this", "morning" | "afternoon" | "evening", ..] | ["earlier", "today", ..] => {
                (2, days(today, 1))
            }
            ["today" | "tonight", ..] => (1, days(today, 1)),
            ["this", "week", ..] => (2, self.upto(today - weekday(today))),
            ["this", "month", ..] => {
                let (year, month) = year_and_month(today);
                (2, self.upto(date(year, month, 1)))
            }
            ["this", "year", ..] => (2, self.upto(date(year_and_month(today).0, 1, 1))),
            _ => return None,
        })
    }

    /// From a day until now.
    fn upto(&self, from: i64) -> (i64, i64) {
        (from * DAY, (self.today() + 1) * DAY)
    }

    /// `two weeks ago`, `a couple of days ago`.
    fn ago(&self) -> Option<Said> {
        let (taken, count) = self.count()?;
        let unit = self.word(taken);
        let is_ago = matches!(self.word(taken + 1), "ago" | "back");
        if !is_ago {
            return None;
        }
        let today = self.today();
        let span = match unit.trim_end_matches('s') {
            "hour" => (self.now - (count + 1) * HOUR, self.now - (count - 1) * HOUR),
            "day" if count < 5 => days(today - count, 1),
            "day" => days(today - count - 1, 3),
            "week" => days(today - 7 * count - 4, 9),
            "month" => days(today - 30 * count - 16, 33),
            "year" => days(today - 365 * count - 90, 181),
            _ => return None,
        };
        Some((taken + 2, span))
    }

    /// `the last three days`, `in the past week`.
    fn lately(&self) -> Option<Said> {
        let (skipped, which) = match [self.word(0), self.word(1), self.word(2)] {
            ["in" | "over" | "during" | "within", "the", "last" | "past"] => (3, "past"),
            ["the", "last" | "past", _] => (2, "past"),
            ["last" | "past", ..] => (1, "last"),
            _ => return None,
        };
        let from = self.from(skipped);
        let (taken, count) = match from.count() {
            Some(counted) => counted,
            None if which == "past" => (0, 1),
            None => return None,
        };
        let length = match from.word(taken).trim_end_matches('s') {
            "hour" => count * HOUR,
            "day" => count * DAY,
            "week" => 7 * count * DAY,
            "month" => 31 * count * DAY,
            "year" => 366 * count * DAY,
            _ => return None,
        };
        Some((skipped + taken + 1, (self.now - length, self.now + DAY)))
    }

    /// `last week`, `last Monday`, `last March`.
    fn last(&self) -> Option<Said> {
        if !matches!(self.word(0), "last" | "previous") {
            return None;
        }
        let today = self.today();
        let monday = today - weekday(today);
        let (year, of_year) = year_and_month(today);
        let span = match self.word(1) {
            "week" => days(monday - 7, 7),
            "weekend" => days(monday - 2, 2),
            "month" => (date(year, of_year - 1, 1) * DAY, date(year, of_year, 1) * DAY),
            "year" => (date(year - 1, 1, 1) * DAY, date(year, 1, 1) * DAY),
            other => match (day_of_week(other), month(other)) {
                (Some(wanted), _) => days(self.latest(wanted), 1),
                (None, Some(wanted)) => self.month(wanted, None),
                (None, None) => return None,
            },
        };
        Some((2, span))
    }

    /// `in March`, `5 March`, `March 5th`, `2026-03-05`.
    fn dated(&self) -> Option<Said> {
        let skipped = usize::from(matches!(self.word(0), "in" | "on" | "during" | "since"));
        let begun = self.from(skipped);
        if let [Some(year), Some(of_year), Some(of_month)] = [0, 1, 2].map(|at| begun.number(at))
            && begun.word(0).len() == 4
            && (1..=12).contains(&of_year)
            && (1..=31).contains(&of_month)
        {
            return Some((skipped + 3, days(date(year, of_year, of_month), 1)));
        }
        let year = |at| begun.number(at).filter(|year| (1970..3000).contains(year));
        if let Some(wanted) = month(begun.word(0)) {
            if let Some(of_month) = begun.ordinal(1) {
                return Some((skipped + 2, self.day_of(wanted, of_month)));
            }
            let of = year(1);
            let told = skipped > 0 || of.is_some() || begun.word(0).len() > 5;
            let span = self.month(wanted, of);
            let span = if self.word(0) == "since" { (span.0, self.now + DAY) } else { span };
            return told.then_some((skipped + 1 + usize::from(of.is_some()), span));
        }
        let of_month = begun.ordinal(0)?;
        let of = usize::from(begun.word(1) == "of");
        let wanted = month(begun.word(1 + of))?;
        Some((skipped + 2 + of, self.day_of(wanted, of_month)))
    }

    /// `on Monday`, `since Tuesday`.
    fn weekday(&self) -> Option<Said> {
        let skipped = usize::from(matches!(self.word(0), "on" | "since"));
        let word = self.word(skipped);
        // Without a word before it, a short one is no day: sat, sun, wed.
        let wanted = day_of_week(word).filter(|_| skipped > 0 || word.len() > 3)?;
        let day = self.latest(wanted);
        let span = if self.word(0) == "since" { self.upto(day) } else { days(day, 1) };
        Some((skipped + 1, span))
    }

    /// The latest such day before today.
    fn latest(&self, wanted: i64) -> i64 {
        let back = (weekday(self.today()) - wanted).rem_euclid(7);
        self.today() - if back == 0 { 7 } else { back }
    }

    /// The latest such month that has begun.
    fn month(&self, wanted: i64, year: Option<i64>) -> (i64, i64) {
        let (now, of_year) = year_and_month(self.today());
        let year = year.unwrap_or(if wanted <= of_year { now } else { now - 1 });
        (date(year, wanted, 1) * DAY, date(year, wanted + 1, 1) * DAY)
    }

    /// The latest such day that has begun.
    fn day_of(&self, wanted: i64, of_month: i64) -> (i64, i64) {
        let (year, _) = year_and_month(self.today());
        let this = date(year, wanted, of_month);
        let day = if this <= self.today() { this } else { date(year - 1, wanted, of_month) };
        days(day, 1)
    }

    fn number(&self, at: usize) -> Option<i64> {
        let word = self.word(at);
        word.parse().ok().filter(|_| word.len() <= 4)
    }

    /// `5`, `5th`.
    fn ordinal(&self, at: usize) -> Option<i64> {
        let word = self.word(at);
        let digits = ["st", "nd", "rd", "th"].iter().find_map(|end| word.strip_suffix(end));
        let number = digits.unwrap_or(word).parse().ok()?;
        (1..=31).contains(&number).then_some(number)
    }

    /// A count, and how many words it takes.
    fn count(&self) -> Option<(usize, i64)> {
        let counts =
            ["", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
        match [self.word(0), self.word(1), self.word(2)] {
            ["a", "couple", "of"] => Some((3, 2)),
            ["couple", "of", _] | ["a", "couple", _] => Some((2, 2)),
            ["a", "few", _] => Some((2, 3)),
            ["few", ..] => Some((1, 3)),
            ["a" | "an", ..] => Some((1, 1)),
            [word, ..] => {
                let spoken = counts.iter().zip(0..).skip(1).find(|(name, _)| **name == word);
                let count = spoken.map(|(_, count)| count).or_else(|| self.number(0));
                count.filter(|count| (1..=400).contains(count)).map(|count| (1, count))
            }
        }
    }
}

/// So many days from a day on.
const fn days(from: i64, count: i64) -> (i64, i64) {
    (from * DAY, (from + count) * DAY)
}
