//! The DevOps agent that lives beside the gateway.
//!
//! Enters: a question of a verified actor. Leaves: an answer made with tools that were called through
//! the gateway, while it can be seen thinking. Never: calls a tool past the gateway; shows a model
//! or a tool's words as anything but text; forgets to say what was missing.

pub mod event;
pub mod host;
pub mod tools;
pub mod turn;
pub mod when;
