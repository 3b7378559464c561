//! What the user has said before.
//!
//! In: a question, remembered lines. Out: the lines that answer it. Never: a line that has nothing
//! in common with it, unless the user asks what is remembered.

use super::words::{Word, content, says};

/// Lines that are quoted.
const MOST: usize = 2;
/// The share of a question's words that a line has to have.
const OF_MINE: f64 = 0.6;
/// The same when the user asks what is remembered.
const REMEMBERED: f64 = 0.34;

const MINE: &[&str] = &["my", "our", "i", "we", "me", "mine", "us"];
const REMEMBER: &[&str] = &["remember", "remind", "recall", "told", "said", "mentioned", "know"];

/// What `Tell` begins with, in front of a verb that tells something.
const SELF: &[&str] = &["my", "our", "i", "we", "i'm", "we're"];
const TELLS: &[&str] = &[
    "is", "are", "am", "i'm", "we're", "prefer", "use", "like", "run", "work", "deploy", "call",
    "want", "live", "own",
];

/// A remembered line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// The day it was said, if the line has one.
    pub(super) day: Option<&'a str>,
    pub(super) text: &'a str,
}

/// The remembered lines that answer a question.
pub(super) fn answers<'a>(
    question: &str,
    words: &[Word<'_>],
    recalled: &[&'a str],
) -> Vec<Line<'a>> {
    let remember = says(words, REMEMBER);
    if !remember && !says(words, MINE) {
        return Vec::new();
    }
    let mut asked = content(question);
    asked.retain(|stem| !REMEMBER.iter().any(|word| word.starts_with(stem.as_str())));
    let least = if remember { REMEMBERED } else { OF_MINE };
    let lines = recalled.iter().map(|line| apart(line));
    let lines = lines.filter(|line| asked.is_empty() || share(&asked, line.text) >= least);
    lines.take(MOST).collect()
}

/// The first remembered line, if the user asks for something of theirs.
pub(super) fn best<'a>(words: &[Word<'_>], recalled: &[&'a str]) -> Option<Line<'a>> {
    let theirs = says(words, MINE) || says(words, REMEMBER);
    recalled.first().filter(|_| theirs).map(|line| apart(line))
}

/// Whether the user tells something rather than asks.
pub(super) fn tells(question: &str, words: &[Word<'_>]) -> bool {
    let Some(first) = words.first().map(|word| word.low.as_str()) else { return false };
    if question.trim_end().ends_with('?') {
        return false;
    }
    let noted = matches!(first, "remember" | "note");
    noted || (SELF.contains(&first) && says(words, TELLS))
}

/// `[semantic, 2026-01-01] text`.
pub(super) fn apart(line: &str) -> Line<'_> {
    let block = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    let Some((mark, text)) = block else { return Line { day: None, text: line } };
    Line { day: mark.split_once(", ").map(|(_, day)| day), text }
}

fn share(asked: &[String], line: &str) -> f64 {
    let said = content(line);
    let both = asked.iter().filter(|stem| said.contains(stem)).count();
    // Questions are a few words long.
    f64::from(u32::try_from(both).unwrap_or(u32::MAX))
        / f64::from(u32::try_from(asked.len().max(1)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    //! What is asked back, and what is told.

    use super::super::words::words;
    use super::*;

    const LINES: [&str; 2] = [
        "[semantic, 2026-01-02] my staging cluster is called blue-7",
        "[preferences, 2026-01-01] I prefer answers in tables",
    ];

    fn found(question: &str) -> Vec<&'static str> {
        let lines = answers(question, &words(question), &LINES);
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn what_was_told_is_quoted_when_it_is_asked_for() {
        assert_eq!(found("what is my staging cluster?"), ["my staging cluster is called blue-7"]);
        assert_eq!(found("do you remember which cluster staging is?").len(), 1);
        assert_eq!(found("what do you remember?").len(), 2);
        assert!(found("how many pods does my cluster run right now?").is_empty());
        assert!(found("which cluster is slow?").is_empty());
        assert_eq!(apart(LINES[0]).day, Some("2026-01-02"));
    }

    #[test]
    fn telling_is_no_question() {
        let told = |text: &str| tells(text, &words(text));
        assert!(told("My cluster is blue-7.") && told("remember that I like tables"));
        assert!(!told("is my cluster blue-7?") && !told("my pods are slow?") && !told("hi"));
    }
}
