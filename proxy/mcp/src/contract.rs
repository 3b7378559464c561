//! What a target promised of its tools, and how far it has gone from that.
//!
//! Enters: definitions of tools as targets sent them, and those that an operator approved. Leaves: a
//! hash of each, the classes of a difference, and what a policy does about them (ADR 24). Never: I/O,
//! and never belief: a difference that is not understood is the worst there is.

mod canonical;
mod change;
mod classify;
mod definition;
mod pins;
mod schema;
mod strict;
mod survey;
mod words;

pub use canonical::canonical;
pub use change::{Change, Classes, Difference};
pub use classify::classify;
pub use definition::{Definition, Digest, Unreadable};
pub use pins::{Actions, Contract, Contracts, Pin};
pub use strict::read_once;
pub use survey::{Surveyed, survey};
pub use words::printable;

#[cfg(test)]
mod tests;
