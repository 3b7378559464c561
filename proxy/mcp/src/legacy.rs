//! Everything that 2026-07-28 has no use for: sessions and what they wish.
//!
//! Enters: `initialize`, `Mcp-Session-Id`, GET and DELETE. Leaves: sealed ids, and checked
//! sessions. Never: a table of sessions: the id itself is the state, and only wishes are kept.

mod cancel;
mod seal;
mod table;

pub(crate) use cancel::{Cancels, cancelled, request_id};
pub use seal::{SessionConfig, Sessions};
pub(crate) use table::{Table, full};
