//! Sockets in, HTTP requests out.
//!
//! Enters: connections on a listener. Leaves: requests for the service, each with the `Peer` it
//! came from. Never: looks at a body; never accepts more connections than its limit.

mod listener;
mod local;
mod socket;

mod answer;
mod pace;

mod lanes;

mod drain;

pub use drain::{Drain, Drained, drain};
pub use lanes::Lanes;
pub use listener::{AcceptConfig, serve};
pub use local::{LocalStream, serve_local};
pub use pace::Patience;

#[cfg(test)]
mod tests;
