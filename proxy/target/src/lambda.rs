//! Lambda functions as targets, by the contract of AgentCore Gateway.
//!
//! Enters: the definitions of a function's tools, later calls. Leaves: `Invoke` with the arguments as the event
//! and the tool's name in the client context, and what the function made of it. Never: a caller's token; a
//! repeated call, unless Lambda had no room for the first.

mod answer;
mod context;
mod report;
mod service;
mod tools;

use std::fmt;

pub use service::{FunctionConfig, FunctionTarget, FunctionTools};

/// What is wrong with the definitions of a function's tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError(String);

impl fmt::Display for FunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FunctionError {}

#[cfg(test)]
mod tests;
