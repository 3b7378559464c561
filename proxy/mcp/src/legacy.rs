//! Everything that 2026-07-28 has no use for: sessions, what they wish, and servers that ask by
//! requests.
//!
//! Enters: `initialize`, `Mcp-Session-Id`, GET and DELETE. Leaves: sealed ids, and checked
//! sessions. Never: a table of sessions: the id itself is the state, and only wishes are kept.

mod ask;
mod cancel;
mod rounds;
mod seal;
mod table;

pub(crate) use ask::{Asks, Relayed};
pub(crate) use cancel::{Cancels, cancelled, request_id};
pub(crate) use rounds::Rounds;
pub use seal::{SessionConfig, Sessions};
pub(crate) use table::{Table, full};
