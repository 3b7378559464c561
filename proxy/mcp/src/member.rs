//! One member of an object, found and taken out as bytes.
//!
//! Enters: the bytes of an object and where the value of a member is. Leaves: the range to leave
//! out, with one of the commas beside it. Never: a re-serialised value; a key spelled with escapes
//! is not recognised.

use toolgate_call::Span;

/// The member `key` whose value is at `value`, with one of the commas beside it.
pub(crate) fn member_around(bytes: &[u8], value: Span, key: &str) -> Option<Span> {
    let before = bytes.get(..value.start)?.trim_ascii_end().strip_suffix(b":")?.trim_ascii_end();
    let before = before.strip_suffix(b"\"")?.strip_suffix(key.as_bytes())?;
    let before = before.strip_suffix(b"\"")?.trim_ascii_end();
    let after = bytes.get(value.end..)?.trim_ascii_start();
    let end = |rest: &[u8]| bytes.len() - rest.len();
    Some(match (after.strip_prefix(b","), before.strip_suffix(b",")) {
        (Some(after), _) => Span { start: before.len(), end: end(after) },
        (None, Some(before)) => Span { start: before.len(), end: end(after) },
        (None, None) => Span { start: before.len(), end: end(after) },
    })
}
