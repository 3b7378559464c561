//! The MCP plane's gate: a `Call` becomes a `Permitted`, or is refused.
//!
//! Enters: a decoded `Call`. Leaves: `Permitted` with the tool it is for, and a permit that lives
//! as long as the reply. Never: talks to the network itself, and never decides anywhere else.

mod audit;
pub mod cedar;
mod concurrency;
mod loops;
mod meant;
mod rate;
mod scope;

pub use audit::{Audit, AuditLayer, Explain, Plainly};
pub use concurrency::{Concurrency, ConcurrencyLayer};
pub use loops::{LoopLayer, LoopRule, Loops};
pub use meant::{Meant, MeantLayer};
pub use rate::{
    Buckets, LocalBuckets, NoToken, Rate, RateLayer, RateLimit, RateRule, Take, Taken, Taking, Wait,
};
pub use scope::{Scope, ScopeLayer};

use std::future::Future;
use std::pin::Pin;

use toolgate_call::{Refusal, Reply};

/// A reply on its way.
pub(crate) type Replying = Pin<Box<dyn Future<Output = Result<Reply, Refusal>> + Send>>;

#[cfg(test)]
mod tests;
