//! What became of the gateway's own last calls.
//!
//! Enters: questions about calls, and whoever has the records. Leaves: where the time of each went and
//! whose fault it was, in data and in sentences that can be quoted. Never: an argument or a result of
//! a call, a token or a raw subject; those are in no record. A count never claims to be of all calls
//! when some were pushed out.

mod ask;
mod call;
mod errors;
mod explain;
mod find_calls;
mod page;
mod slowest;
mod top;

use std::sync::Arc;
use std::time::SystemTime;

pub use call::{Attempt, Call, Caller};

use crate::error::{Code, ToolError};
use crate::toolset::Toolset;

/// What the tools are called; a caller needs [`SCOPE`] for each.
pub const NAMES: [&str; 5] = ["find_calls", "top", "explain", "slowest", "errors"];

/// The scope of those who may read of everybody's calls.
pub const SCOPE: &str = "gateway/observe";

/// Whoever has the records of calls.
pub trait Calls: Send + Sync + 'static {
    /// The records that match, newest first. May wait for a lock, not for anything else.
    fn find(&self, wanted: &Wanted) -> Found;

    /// The words for why a call fails.
    fn reasons(&self) -> Vec<&'static str>;
}

/// Which calls are asked for. A call has to match all of it.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The id that the caller was given.
    pub request_id: Option<String>,
    /// The tool, by its full name or by its name at its target.
    pub tool: Option<String>,
    /// The configured target.
    pub target: Option<String>,
    /// Why it failed: one of [`Calls::reasons`].
    pub reason: Option<String>,
    /// Whom it counts against: caller, gateway, network, target or tool.
    pub blame: Option<&'static str>,
    /// Who called: the hash of the subject.
    pub caller: Option<u64>,
    /// It took longer.
    pub slower: Option<std::time::Duration>,
    /// It ended then or later.
    pub since: Option<SystemTime>,
}

/// Records that were found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// They, newest first.
    pub calls: Vec<Call>,
    /// When the last call ended whose record was pushed out by newer ones.
    pub lost_until: Option<SystemTime>,
}

/// The tools over these records.
#[must_use]
pub fn toolset(calls: Arc<dyn Calls>) -> Toolset {
    Toolset::default()
        .with(find_calls::FindCalls(Arc::clone(&calls)))
        .with(top::Top(Arc::clone(&calls)))
        .with(explain::Explain(Arc::clone(&calls)))
        .with(slowest::Slowest(Arc::clone(&calls)))
        .with(errors::Errors(calls))
}

/// Looks where it may wait for a lock.
async fn find(calls: &Arc<dyn Calls>, wanted: Wanted) -> Result<Found, ToolError> {
    let calls = Arc::clone(calls);
    let looking = tokio::task::spawn_blocking(move || calls.find(&wanted));
    let broken = |_| ToolError::new(Code::Internal, "the records could not be read");
    looking.await.map_err(broken)
}

#[cfg(test)]
mod tests;
