//! Words of targets, for people.
//!
//! Enters: text that nobody has looked at. Leaves: the same, in which nothing steers a terminal and
//! nothing is there that is not seen: hidden characters are how instructions are hidden. Never: quotes
//! that were not there.

/// The text with every character that cannot be seen written out.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '"' | '\'' | '\\') {
            out.push(c);
        } else {
            out.extend(c.escape_debug());
        }
    }
    out
}
