//! Words and colours.
//!
//! In: text of anybody, a terminal or none. Out: text that only shows. Never: an escape sequence
//! but our own.

use std::time::Duration;

/// Whether there is somebody who sees colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    colours: bool,
}

// === impl Look ===

impl Look {
    /// Colours for a terminal, none for a pipe.
    #[must_use]
    pub const fn of(is_terminal: bool) -> Self {
        Self { colours: is_terminal }
    }

    /// Less important.
    #[must_use]
    pub fn dim(self, text: &str) -> String {
        self.in_colour("2", text)
    }

    /// A failure.
    #[must_use]
    pub fn red(self, text: &str) -> String {
        self.in_colour("31", text)
    }

    /// A heading.
    #[must_use]
    pub fn bold(self, text: &str) -> String {
        self.in_colour("1", text)
    }

    fn in_colour(self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The same text without anything that could steer a terminal.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars().filter(|letter| matches!(letter, '\n' | '\t') || !is_steering(*letter)).collect()
}

/// The beginning of a text, on one line.
pub(super) fn short(text: &str, most: usize) -> String {
    let line = plain(text).split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most {
        return line;
    }
    line.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// A control character, or one that turns the direction of what follows.
fn is_steering(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `12 ms`, `3.1 s`.
pub(super) fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1000.0) } else { format!("{seconds:.1} s") }
}

/// The same of milliseconds.
pub(super) fn ms(ms: f64) -> String {
    time(Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default())
}
