//! What is known of the terminal.
//!
//! Enters: the environment and the two streams. Leaves: width, and whether to colour. Never: more
//! than the 16 ANSI colours; a meaning that only a colour carries.

use std::io::IsTerminal as _;

use toolgate_call::Blame;

/// The width of the ledger's bar where nothing says how wide the terminal is, in columns.
const COLUMNS: usize = 60;

/// Where a command prints to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Whether standard output is a terminal.
    pub out_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub err_is_terminal: bool,
    /// Whether standard error takes colours.
    pub colour: bool,
    /// How wide the ledger's bar is, in columns.
    pub columns: usize,
}

// === impl Screen ===

impl Screen {
    /// Looks at this process's streams.
    #[must_use]
    pub fn detect(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let err_is_terminal = std::io::stderr().is_terminal();
        Self {
            out_is_terminal: std::io::stdout().is_terminal(),
            err_is_terminal,
            colour: takes_colour(env, err_is_terminal),
            columns: env("COLUMNS")
                .and_then(|text| text.parse().ok())
                .map_or(COLUMNS, |columns: usize| columns.clamp(20, COLUMNS)),
        }
    }

    /// The text in the colour of who is to blame.
    #[must_use]
    pub fn blame(&self, blame: Blame, text: &str) -> String {
        let code = match blame {
            Blame::Caller => "34",
            Blame::Gateway => "35",
            Blame::Network => "33",
            Blame::Target => "31",
            Blame::Tool => "36",
        };
        self.paint(code, text)
    }

    /// The text in bold.
    #[must_use]
    pub fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// `NO_COLOR`, then `FORCE_COLOR` or `CLICOLOR_FORCE`, then `TERM=dumb`, then the stream itself.
/// A setting that is empty counts as none.
pub(super) fn takes_colour(env: &dyn Fn(&str) -> Option<String>, is_terminal: bool) -> bool {
    let is_set = |name: &str| env(name).is_some_and(|value| !value.is_empty());
    if is_set("NO_COLOR") {
        return false;
    }
    if is_set("FORCE_COLOR") || is_set("CLICOLOR_FORCE") {
        return true;
    }
    is_terminal && env("TERM").as_deref() != Some("dumb")
}

/// The text without what could steer a terminal: control characters but line feed and tab, and
/// those that turn the direction of writing.
pub(super) fn printable(text: &str) -> String {
    let steers = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

/// The same on one line.
pub(crate) fn one_line(text: &str) -> String {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}
