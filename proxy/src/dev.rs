//! What only `toolgate dev` needs.
//!
//! Enters: nothing. Leaves: an issuer on loopback, the agent as a child. Never: part of `serve`.

pub mod agent;
pub mod issuer;
