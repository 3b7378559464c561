//! Whose answer was that, in a message that cannot be read.
//!
//! Enters: the first and the last bytes of a line. Leaves: the id of the request that it answers, if
//! it can be seen there. Never: a guess; a message that names a method answers nothing.

use toolgate_call::id_at_ends;

use crate::progress::id_number;

/// The id that an answer, of which only the ends are known, gives at its top level.
pub(super) fn answered_id(head: &[u8], tail: &[u8]) -> Option<u64> {
    id_at_ends(head, tail, &[b"method"]).and_then(id_number)
}

/// Whether a line is meant to be a message.
pub(super) fn looks_like_json(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"{")
}
