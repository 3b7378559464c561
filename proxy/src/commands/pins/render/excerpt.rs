//! Two long texts, shortened to where they differ.
//!
//! Enters: what was there and what is. Leaves: both from shortly before the first difference on.
//! Never: two excerpts that look the same although the texts differ.

use toolgate_mcp::contract::printable;

/// Characters before the first difference that are shown.
const BEFORE: usize = 24;
/// Characters of an excerpt.
const LONGEST: usize = 300;

/// What is shown of both.
pub(in crate::commands::pins) fn excerpts(
    old: Option<&str>,
    new: Option<&str>,
) -> (Option<String>, Option<String>) {
    let chars = |text: Option<&str>| text.unwrap_or_default().chars().collect::<Vec<_>>();
    let (was, is) = (chars(old), chars(new));
    let same = if old.is_some() && new.is_some() {
        was.iter().zip(&is).take_while(|(a, b)| a == b).count()
    } else {
        0
    };
    let start =
        if same <= BEFORE || was.len().max(is.len()) <= LONGEST { 0 } else { same - BEFORE };
    let cut = |text: &[char]| {
        let shown: String = text.iter().skip(start).take(LONGEST).collect();
        let head = if start > 0 { "…" } else { "" };
        let left = text.len().saturating_sub(start + LONGEST);
        let tail = if left > 0 { format!("… ({left} more)") } else { String::new() };
        format!("{head}{}{tail}", printable(&shown))
    };
    (old.map(|_| cut(&was)), new.map(|_| cut(&is)))
}
