//! Values that somebody copied and forgot to replace.
//!
//! In: a text. Out: whether it is a placeholder. It never judges whether a real
//! value is a good one.

/// Whole values that never mean themselves, in lower case.
const WORDS: &[&str] =
    &["changeme", "change-me", "change_me", "todo", "tbd", "fixme", "replaceme", "replace-me"];

/// Whether the text as a whole is a placeholder.
pub(crate) fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
    let lower = text.to_lowercase();
    WORDS.contains(&lower.as_str())
        || lower.starts_with("your-")
        || lower.starts_with("your_")
        || (lower.len() >= 3 && lower.chars().all(|c| c == 'x'))
        || text.ends_with('…')
        || in_brackets(text).is_some_and(is_name)
}

/// Whether a `<name>` stands anywhere in the text.
pub(crate) fn holds_placeholder(text: &str) -> bool {
    let mut pieces = text.split('<');
    pieces.next();
    pieces.any(|piece| piece.split_once('>').is_some_and(|(name, _)| is_name(name)))
}

fn in_brackets(text: &str) -> Option<&str> {
    text.strip_prefix('<')?.strip_suffix('>')
}

/// Words joined by blanks, hyphens or underscores, such as `your-client-id`.
fn is_name(name: &str) -> bool {
    let ends_well = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '…');
    ends_well(name.chars().next())
        && ends_well(name.chars().last())
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '…' | '.'))
}
