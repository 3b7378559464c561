//! Whose answer was that, in a message that cannot be read.
//!
//! Enters: the first bytes of a line. Leaves: the id of the request that it answers, if it can be
//! seen there. Never: a guess; a message that names a method answers nothing.

use crate::progress::id_number;

/// The id that an answer, of which only the beginning is known, gives at its top level.
pub(super) fn answered_id(start: &[u8]) -> Option<u64> {
    let mut rest = start;
    let mut depth = 0_usize;
    let mut id = None;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let Some((text, after)) = string(rest) else { break };
                rest = after;
                match (depth, text, value(rest)) {
                    (1, b"id", Some(value)) => id = number(value),
                    (1, b"method", Some(_)) => return None,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    id
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
