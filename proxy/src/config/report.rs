//! What is wrong with a configuration, for people and for scripts.
//!
//! In: the mistakes found and the text they were found in. Out: plain text with
//! line, caret and remedy, or JSON. It never prints a secret that was written
//! into the file: those characters are masked in every quoted line.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde::Serialize;

/// Mistakes quoted in full before the rest is only counted.
const SHOWN: usize = 100;
/// Longest quoted line in characters; longer ones are cut around the caret.
const WIDTH: usize = 120;

/// A place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// Line, from 1. Zero means the file as a whole.
    pub line: usize,
    /// Column in characters, from 1.
    pub col: usize,
    /// Length in characters on that line.
    pub len: usize,
}

/// One mistake: what is wrong, where, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Stable code, one of [`super::code::ALL`].
    pub code: &'static str,
    /// The fault in one clause, without a full stop.
    pub message: String,
    /// Where it stands.
    pub at: Position,
    /// A few words beside the caret; may be empty.
    pub label: String,
    /// What to do about it.
    pub help: String,
    /// Characters that are, or may be, a secret: masked wherever they are quoted.
    pub(crate) hidden: Option<Position>,
}

/// All mistakes of one file, in the order of the file; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    file: String,
    mistakes: Vec<Mistake>,
    /// The quoted lines by number, secrets masked.
    lines: BTreeMap<usize, String>,
}

#[derive(Serialize)]
struct JsonReport<'a> {
    errors: Vec<JsonMistake<'a>>,
}

#[derive(Serialize)]
struct JsonMistake<'a> {
    code: &'a str,
    message: &'a str,
    file: &'a str,
    line: usize,
    column: usize,
    help: &'a str,
}

/// A quoted line, cut to a bearable width, and where the caret goes in it.
struct Excerpt {
    text: String,
    indent: usize,
    carets: usize,
}

// === impl Mistake ===

impl Mistake {
    /// A mistake with neither label nor help yet.
    pub(crate) fn new(code: &'static str, at: Position, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            at,
            label: String::new(),
            help: String::new(),
            hidden: None,
        }
    }

    /// Sets the words beside the caret.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Masks these characters in every quoted line.
    pub(crate) fn hide(mut self, hidden: Option<Position>) -> Self {
        self.hidden = hidden;
        self
    }

    /// Sets the remedy.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}

// === impl Report ===

impl Report {
    /// Sorts the mistakes by place, drops repetitions, and keeps the lines they quote.
    pub(crate) fn new(file: &str, text: &str, mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort_by(|a, b| (a.at, a.code, &a.message).cmp(&(b.at, b.code, &b.message)));
        mistakes.dedup();
        let lines = quoted(text, &mistakes);
        Self { file: file.to_owned(), mistakes, lines }
    }

    /// The mistakes, in the order of the file.
    #[must_use]
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// The report as plain text, ending in a line feed.
    #[must_use]
    pub fn render(&self) -> String {
        self.to_string()
    }

    /// The report as JSON: `{"errors":[{code,message,file,line,column,help}]}`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let errors = self.mistakes.iter().map(|mistake| JsonMistake {
            code: mistake.code,
            message: &mistake.message,
            file: &self.file,
            line: mistake.at.line,
            column: mistake.at.col,
            help: &mistake.help,
        });
        // Strings and numbers only: serialising them cannot fail.
        serde_json::to_string(&JsonReport { errors: errors.collect() }).unwrap_or_default()
    }

    fn write_one(&self, mistake: &Mistake, out: &mut dyn fmt::Write) -> fmt::Result {
        let Position { line, col, len } = mistake.at;
        writeln!(out, "error[{}]: {}", mistake.code, printable(&mistake.message))?;
        let number = line.to_string();
        let gutter = " ".repeat(number.len());
        match self.lines.get(&line) {
            None => writeln!(out, "{gutter}--> {}", self.file)?,
            Some(source) => {
                let Excerpt { text, indent, carets } = excerpt(source, col, len);
                writeln!(out, "{gutter}--> {}:{line}:{col}", self.file)?;
                writeln!(out, "{gutter} |\n{number} | {text}")?;
                let under = format!("{}{}", " ".repeat(indent), "^".repeat(carets));
                writeln!(out, "{}", format!("{gutter} | {under} {}", mistake.label).trim_end())?;
            }
        }
        if mistake.help.is_empty() {
            return Ok(());
        }
        writeln!(out, "{gutter} = help: {}", printable(&mistake.help))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in self.mistakes.iter().take(SHOWN) {
            self.write_one(mistake, f)?;
        }
        let count = self.mistakes.len();
        if count > SHOWN {
            writeln!(f, "… and {} more", count - SHOWN)?;
        }
        let noun = if count == 1 { "error" } else { "errors" };
        writeln!(f, "{count} {noun} in {}, nothing was started", self.file)
    }
}

impl std::error::Error for Report {}

/// The lines some mistake points at, with the secrets in them masked.
fn quoted(text: &str, mistakes: &[Mistake]) -> BTreeMap<usize, String> {
    let mut wanted: BTreeMap<usize, Vec<Position>> = BTreeMap::new();
    for mistake in mistakes.iter().filter(|mistake| mistake.at.line > 0) {
        wanted.entry(mistake.at.line).or_default();
    }
    for hidden in mistakes.iter().filter_map(|mistake| mistake.hidden) {
        wanted.entry(hidden.line).or_default().push(hidden);
    }
    let mut lines = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(hidden) = wanted.get(&(index + 1)) {
            lines.insert(index + 1, masked(line, hidden));
        }
    }
    // A fault at the end of input may stand one line below the last.
    if let Some(&last) = wanted.keys().next_back() {
        lines.entry(last).or_default();
    }
    lines
}

fn masked(line: &str, hidden: &[Position]) -> String {
    let is_hidden =
        |column: usize| hidden.iter().any(|at| (at.col..at.col + at.len).contains(&column));
    let mask = |(index, c)| if is_hidden(index + 1) { '*' } else { c };
    line.chars().enumerate().map(mask).collect()
}

/// Cuts a long line around the caret, one output character per input character.
fn excerpt(source: &str, col: usize, len: usize) -> Excerpt {
    let line = printable(source);
    let total = line.chars().count();
    let indent = col.saturating_sub(1);
    let carets = len.clamp(1, WIDTH);
    if total <= WIDTH {
        return Excerpt {
            text: line,
            indent,
            carets: carets.min(WIDTH.saturating_sub(indent).max(1)),
        };
    }
    let from = indent.saturating_sub(WIDTH / 2);
    let body: String = line.chars().skip(from).take(WIDTH).collect();
    let head = if from > 0 { "…" } else { "" };
    let tail = if from + WIDTH < total { "…" } else { "" };
    let indent = indent - from + head.chars().count();
    let carets = carets.min((WIDTH + 1).saturating_sub(indent).max(1));
    Excerpt { text: format!("{head}{body}{tail}"), indent, carets }
}

/// Replaces control characters, which could otherwise steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Quotes a piece of the file for a message: backticks, at most 60 characters.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from("`");
    let mut rest = text.chars();
    quoted.extend(rest.by_ref().take(60));
    if rest.next().is_some() {
        quoted.push('…');
    }
    quoted.push('`');
    quoted
}

/// Joins words as `` `a`, `b` `` for a help text.
pub(crate) fn listing<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = String::new();
    for word in words {
        let comma = if out.is_empty() { "" } else { ", " };
        // Writing into a String cannot fail.
        write!(out, "{comma}`{word}`").unwrap_or_default();
    }
    out
}
