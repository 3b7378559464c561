//! Whose message was that, of which only the ends are known.
//!
//! Enters: the first and the last bytes of a JSON-RPC message. Leaves: its id, if it can be seen
//! there. Never: a guess; what stands within a string or deeper inside is not taken for the id.

/// The beginning of a message, as far as it was looked at.
enum Seen<'a> {
    Id(&'a [u8]),
    Other,
    Nothing,
}

/// The id that a message gives at its top level, as it is spelled: a string or a number, whole.
/// Nothing if the beginning shows a member by one of the names in `unless`: then it is a message of
/// another kind.
#[must_use]
pub fn id_at_ends<'a>(head: &'a [u8], tail: &'a [u8], unless: &[&[u8]]) -> Option<&'a [u8]> {
    match begins(head.trim_ascii_start().strip_prefix(b"{")?, unless) {
        Seen::Id(id) => Some(id),
        Seen::Other => None,
        Seen::Nothing => last_id(tail),
    }
}

/// Looks at the members of an object, as far as it goes.
fn begins<'a>(inner: &'a [u8], unless: &[&[u8]]) -> Seen<'a> {
    let (mut rest, mut depth, mut seen) = (inner, 0_usize, Seen::Nothing);
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let Some((text, after)) = string(rest) else { break };
                rest = after;
                match (depth, value(rest)) {
                    (0, Some(value)) if text == b"id" => {
                        seen = id(value).map_or(Seen::Nothing, Seen::Id);
                    }
                    (0, Some(_)) if unless.contains(&text) => return Seen::Other,
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
fn last_id(tail: &[u8]) -> Option<&[u8]> {
    const KEY: &[u8] = b"\"id\"";
    let inner = tail.trim_ascii_end().strip_suffix(b"}")?;
    let at = inner.windows(KEY.len()).rposition(|window| window == KEY)?;
    // Within a string the quotes would be escaped.
    let before = inner.get(..at)?.trim_ascii_end();
    let raw = value(inner.get(at + KEY.len()..)?)?.trim_ascii_end();
    matches!(before.last(), Some(b',' | b'{')).then(|| whole(raw)).flatten()
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

/// The string or number at the start of `text`, if its end is there as well.
fn id(text: &[u8]) -> Option<&[u8]> {
    let ends = |byte: &u8| matches!(byte, b',' | b'}') || byte.is_ascii_whitespace();
    let end = match text.strip_prefix(b"\"") {
        Some(inner) => string(inner)?.0.len() + 2,
        None => text.iter().position(ends)?,
    };
    whole(text.get(..end)?)
}

/// An id, if that is all it is.
fn whole(text: &[u8]) -> Option<&[u8]> {
    let raw: &serde_json::value::RawValue = serde_json::from_slice(text).ok()?;
    let is_id =
        raw.get().starts_with(['"', '-']) || raw.get().starts_with(|c: char| c.is_ascii_digit());
    is_id.then(|| raw.get().as_bytes())
}
