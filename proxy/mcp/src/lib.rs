//! The MCP of the gateway: which target, under which name, in which era.
//!
//! Enters: `Permitted`. Leaves: `Outbound` for one target or for all, and their answers as one
//! `Reply` in the caller's era. Never: knows how a target is reached.

mod one;
mod router;

mod list;
mod member;
mod naming;
mod offered;
mod page;
mod registry;
mod selection;

mod feed;
mod mirror;
mod watches;

mod discover;
mod local;

mod search;

mod ask;
mod bridge;
mod connect;
mod park;
mod script;
mod tasks;

mod sealed;

pub mod contract;

mod legacy;

pub use legacy::{SessionConfig, Sessions};
pub use mirror::HeaderParams;
pub use naming::Prefix;
pub use offered::{OfferedTool, offered, probed};
pub use registry::{Registry, Said, TargetSpec, Terms, ToolRule, Views};
pub use router::{McpConfig, Router};
pub use search::{CALL, Findable, Finder, Finding, Found, SEARCH, Search};
pub use selection::{Pattern, Selection, ServerSpec, Sieve, Unfit};
pub use watches::Watches;

use std::future::Future;
use std::pin::Pin;

use toolgate_call::{Outbound, Refusal, Reply};
use tower::util::BoxCloneSyncService;

/// One target with everything that guards it: `reach` and then `target`.
pub type TargetSvc = BoxCloneSyncService<Outbound, Reply, Refusal>;

/// A reply on its way.
pub(crate) type Replying = Pin<Box<dyn Future<Output = Result<Reply, Refusal>> + Send>>;

#[cfg(test)]
mod tests;
