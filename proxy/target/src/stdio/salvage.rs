//! Whose answer was that, in a message that cannot be read.
//!
//! Enters: the first and the last bytes of a line. Leaves: the id of the request that it answers, if
//! it can be seen there. Never: a guess; a message that names a method answers nothing.

use crate::progress::id_number;

/// What the beginning of a message shows.
enum Seen {
    Id(u64),
    Method,
    Nothing,
}

/// The id that an answer, of which only the ends are known, gives at its top level.
pub(super) fn answered_id(head: &[u8], tail: &[u8]) -> Option<u64> {
    match begins(head) {
        Seen::Id(id) => Some(id),
        Seen::Method => None,
        Seen::Nothing => last_id(tail),
    }
}

/// Whether a line is meant to be a message.
pub(super) fn looks_like_json(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"{")
}

fn begins(head: &[u8]) -> Seen {
    let mut rest = head;
    let mut depth = 0_usize;
    let mut seen = Seen::Nothing;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let Some((text, after)) = string(rest) else { break };
                rest = after;
                match (depth, text, value(rest)) {
                    (1, b"id", Some(value)) => seen = number(value).map_or(Seen::Nothing, Seen::Id),
                    (1, b"method", Some(_)) => return Seen::Method,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    seen
}

/// The id of a message that ends in it: the last brace closes the message itself, so that a member
/// right before it is one of the message's own.
fn last_id(tail: &[u8]) -> Option<u64> {
    let inner = tail.trim_ascii_end().strip_suffix(b"}")?.trim_ascii_end();
    let colon = inner.iter().rposition(|byte| *byte == b':')?;
    let key = inner.get(..colon)?.trim_ascii_end().strip_suffix(b"\"id\"")?.trim_ascii_end();
    // Within a string the quote before `id` would be escaped.
    let is_key = matches!(key.last(), Some(b',' | b'{'));
    is_key.then(|| id_number(inner.get(colon + 1..)?.trim_ascii())).flatten()
}

/// A string up to its closing quote, and what follows.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut escaped = false;
    let end = text.iter().position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    })?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// The value behind a colon; `None` if there is no colon, so that the string was not a key.
fn value(text: &[u8]) -> Option<&[u8]> {
    Some(text.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start())
}

/// The number at the start of `text`, if its end is there as well.
fn number(text: &[u8]) -> Option<u64> {
    let end =
        text.iter().position(|byte| matches!(byte, b',' | b'}') || byte.is_ascii_whitespace())?;
    id_number(text.get(..end)?)
}
