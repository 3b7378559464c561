//! Sockets in, HTTP requests out.
//!
//! Enters: connections on a listener. Leaves: requests for the service, each with the `Peer` it
//! came from. Never: looks at a body; never accepts more connections than its limit.

mod drain;
mod listener;

pub use drain::{Drain, Drained, drain};
pub use listener::{AcceptConfig, serve};
