//! Lengths of time in questions.
//!
//! In: words. Out: how far back, or how long something took at least. Never: a length where none
//! was named.

use super::words::Word;

/// A length of time, and what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Length {
    pub(super) seconds: u64,
    /// Something took longer than that.
    pub(super) at_least: bool,
}

/// Words before a length that something exceeds.
const EXCEEDS: [&str; 5] = ["than", "over", "above", "exceeding", "exceed"];

/// The lengths that are named.
pub(super) fn lengths(words: &[Word<'_>]) -> Vec<Length> {
    let mut found = Vec::new();
    for (nth, word) in words.iter().enumerate().filter(|(_, word)| !word.quoted) {
        let next = words.get(nth + 1).map(|word| word.low.as_str());
        let before = nth.checked_sub(1).and_then(|at| words.get(at)).map(|word| word.low.as_str());
        let seconds = length(&word.low)
            .or_else(|| word.low.parse().ok().zip(next.and_then(unit)).map(product))
            .or_else(|| named(&word.low, before));
        let at_least = before.is_some_and(|word| EXCEEDS.contains(&word));
        found.extend(seconds.map(|seconds| Length { seconds, at_least }));
    }
    found
}

/// `15m`, `90s`, `2h`.
pub(super) fn length(text: &str) -> Option<u64> {
    let end = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, rest) = text.split_at_checked(end)?;
    // Milliseconds are a length, and none that is looked back.
    number.parse().ok().zip(unit(rest)).map(product)
}

/// As tools take it: `90s`, `15m`, `2h`, `3d`.
pub(super) fn short(seconds: u64) -> String {
    let units = [("d", 86_400), ("h", 3600), ("m", 60)];
    let whole = units.iter().find(|(_, size)| seconds >= *size && seconds.is_multiple_of(*size));
    whole.map_or_else(|| format!("{seconds}s"), |(unit, size)| format!("{}{unit}", seconds / size))
}

fn product((number, unit): (u64, u64)) -> u64 {
    number.saturating_mul(unit)
}

pub(super) fn unit(word: &str) -> Option<u64> {
    match word {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(1),
        "m" | "min" | "mins" | "minute" | "minutes" => Some(60),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(3600),
        "d" | "day" | "days" => Some(86_400),
        "w" | "week" | "weeks" => Some(604_800),
        _ => None,
    }
}

/// `the last hour`, `today`.
fn named(word: &str, before: Option<&str>) -> Option<u64> {
    match word {
        "today" => Some(86_400),
        "yesterday" => Some(172_800),
        _ => unit(word).filter(|_| {
            word.len() > 2 && before.is_some_and(|it| ["last", "past", "an", "this"].contains(&it))
        }),
    }
}

#[cfg(test)]
mod tests {
    //! People's words for times.

    use super::super::words::words;
    use super::*;

    #[test]
    fn lengths_are_read_and_written() {
        let read = |text: &str| {
            let lengths = lengths(&words(text));
            lengths.iter().map(|it| (short(it.seconds), it.at_least)).collect::<Vec<_>>()
        };
        let back = |text: &str| vec![(text.to_owned(), false)];
        assert_eq!(read("what failed in the last 15 minutes?"), back("15m"));
        assert_eq!(read("since 2h"), back("2h"));
        assert_eq!(read("in the past hour"), back("1h"));
        assert_eq!(read("errors today"), back("1d"));
        assert_eq!(read("calls slower than 5s"), vec![("5s".to_owned(), true)]);
        assert_eq!(read("90 seconds"), back("90s"));
        assert!(read("top 10 pods, 3 replicas, m").is_empty());
    }
}
