//! Whose request was that, in a line that was too long to keep.
//!
//! Enters: the first and the last bytes of the line. Leaves: the id of the request, if it can be
//! seen there. Never: a guess; never the id of an answer, which is not the client's.

use serde_json::value::RawValue;

/// The id that a request, of which only the ends are known, gives at its top level.
pub(super) fn id_of(head: &[u8], tail: &[u8]) -> Option<Vec<u8>> {
    let head = head.trim_ascii_start().strip_prefix(b"{")?;
    match begins(head) {
        Seen::Id(id) => Some(id),
        Seen::Nothing => last_id(tail),
        Seen::Answer => None,
    }
}

enum Seen {
    Id(Vec<u8>),
    Answer,
    Nothing,
}

/// Looks at the members of an object, as far as it goes.
fn begins(inner: &[u8]) -> Seen {
    let (mut rest, mut depth, mut seen) = (inner, 0_usize, Seen::Nothing);
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let Some((text, after)) = string(rest) else { break };
                rest = after;
                match (depth, text, value(rest)) {
                    (0, b"id", Some(value)) => seen = id(value).map_or(Seen::Nothing, Seen::Id),
                    (0, b"result" | b"error", Some(_)) => return Seen::Answer,
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
fn last_id(tail: &[u8]) -> Option<Vec<u8>> {
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
fn id(text: &[u8]) -> Option<Vec<u8>> {
    let end = match text.strip_prefix(b"\"") {
        Some(inner) => string(inner)?.0.len() + 2,
        None => text.iter().position(|byte| matches!(byte, b',' | b'}' | b' ' | b'\t'))?,
    };
    whole(text.get(..end)?)
}

/// An id, if that is all it is.
fn whole(text: &[u8]) -> Option<Vec<u8>> {
    let raw: &RawValue = serde_json::from_slice(text).ok()?;
    let is_id =
        raw.get().starts_with(['"', '-']) || raw.get().starts_with(|c: char| c.is_ascii_digit());
    is_id.then(|| raw.get().as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    //! Ids at either end, and what only looks like one.

    use super::id_of;

    fn found(head: &str, tail: &str) -> Option<String> {
        id_of(head.as_bytes(), tail.as_bytes()).map(|id| String::from_utf8(id).unwrap())
    }

    #[test]
    fn an_id_is_found_at_either_end() {
        let some = |id: &str| Some(id.to_owned());
        let nothing = "aaaa\"}}";
        assert_eq!(found(r#"{"id":7,"method":"x","params":{"a":"aa"#, nothing), some("7"));
        assert_eq!(found(r#" {"method":"x", "id" : "a,\"b" ,"#, nothing), some(r#""a,\"b""#));
        assert_eq!(found(r#"{"params":{"id":1,"a":"aa"#, r#"aa"},"id":-2.5}"#), some("-2.5"));
        assert_eq!(found(r#"{"params":{"a":"aa"#, r#"aa"},"id":"x:y"} "#), some(r#""x:y""#));
    }

    #[test]
    fn what_only_looks_like_an_id_is_none() {
        let nothing = "aaaa\"}}";
        assert_eq!(found(r#"{"params":{"id":1,"a":"aa"#, nothing), None);
        assert_eq!(found(r#"{"params":{"a":"aa"#, r#"aa,\"id\":1}"#), None);
        assert_eq!(found(r#"{"params":{"a":"aa"#, r#"aa"},"id":{}}"#), None);
        assert_eq!(found(r#"{"id":7,"result":{"a":"aa"#, nothing), None);
        assert_eq!(found(r#"[{"id":7,"method":"aa"#, nothing), None);
        assert_eq!(found(r#"{"id":1234"#, nothing), None);
    }
}
