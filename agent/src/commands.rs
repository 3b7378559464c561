//! One module a command.
//!
//! Enters: a parsed command line. Leaves: an exit code. Never: another command's work.

pub mod config;
mod outgoing;
mod refresh;
pub mod serve;
pub mod setup;
#[cfg(feature = "aws")]
pub mod store;
pub mod talk;

use std::io::Write;

/// Writes to a stream that may be closed at the other end; that is not worth an error.
pub(crate) fn say(out: &mut dyn Write, text: &str) {
    let _written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
