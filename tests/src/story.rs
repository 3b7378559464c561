//! What a test saw, for whoever runs it to see (`tests/incidents`).
//!
//! In: what broke, what was said of it and by whom, where that points; as it was, not as it should be. Out: lines
//! on standard output that begin with [`MARK`]. It checks nothing.

use std::io::Write as _;

/// What lines of a story begin with.
pub const MARK: &str = "» ";
/// Of a text, so many lines, and so many letters of a line.
const LINES: usize = 10;
const LETTERS: usize = 150;

/// What is the matter.
pub fn broke(what: &str) {
    tell("what broke", what);
}

/// What somebody says of it.
pub fn said(who: &str, what: &str) {
    tell(who, what);
}

/// Where whoever is on call looks next.
pub fn points_to(place: &str) {
    tell("look at", place);
}

fn tell(label: &str, text: &str) {
    let mut out = std::io::stdout().lock();
    for line in lines(label, text) {
        // Who does not listen misses nothing that is checked.
        let _gone = writeln!(out, "{line}");
    }
}

/// The label stands before the first line.
fn lines(label: &str, text: &str) -> Vec<String> {
    let full = text.lines().filter(|line| !line.trim().is_empty());
    let label = std::iter::once(label).chain(std::iter::repeat(""));
    let short = |line: &str| match line.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    };
    full.take(LINES)
        .zip(label)
        .map(|(line, label)| format!("{MARK}{label:<12} {}", short(line)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{LETTERS, lines};

    #[test]
    fn a_text_of_many_lines_is_told_below_its_label() {
        let told = lines("the agent", &format!("one\n\n{}\nthree", "ä".repeat(LETTERS + 1)));
        assert_eq!(told[0], "» the agent    one");
        assert_eq!(told[1], format!("»              {}…", "ä".repeat(LETTERS)));
        assert_eq!(told.len(), 3);
        assert_eq!(lines("x", &"line\n".repeat(99)).len(), 10);
    }
}
