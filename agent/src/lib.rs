//! The DevOps agent that lives beside the gateway.
//!
//! Enters: a question of a verified actor. Leaves: an answer made with tools that were called through
//! the gateway, while it can be seen thinking. Never: calls a tool past the gateway; shows a model
//! or a tool's words as anything but text; forgets to say what was missing.

pub mod assembly;
pub mod cli;
pub mod commands;
pub mod event;
pub mod exit;
pub mod gateway;
pub mod host;
pub mod hosted;
pub mod http;
pub mod ids;
pub mod models;
pub mod settings;
pub mod store;
pub mod telemetry;
pub mod terminal;
pub mod tools;
pub mod turn;
pub mod turns;
pub mod when;
