//! The tools for people who run things: each is one module, and all are offered in the same way by
//! the gateway, by an MCP server of their own, and as a function.
//!
//! Enters: the name of a tool and its arguments, as JSON. Leaves: a result of the type that the tool
//! declares, or a `ToolError`; a failure can be nothing else. Never: the environment, a secret in an
//! error, an answer without a bound, or an invented fact.

mod context;
mod error;
mod html;
mod markdown;
mod pace;
mod schema;
mod sets;
mod tool;
mod toolset;
mod upstream;
mod when;

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "aws")]
pub mod aws_core;
pub mod aws_docs;
#[cfg(feature = "aws")]
pub mod cloudwatch;
#[cfg(feature = "aws")]
pub mod eks;
#[cfg(feature = "serve")]
pub mod front;
pub mod gateway;
pub mod k8s;
pub mod prometheus;
pub mod web_search;

#[cfg(test)]
mod testing;

pub use context::{Context, Teller};
pub use error::{Code, Source, ToolError};
pub use sets::{SEPARATOR, Sets};
pub use toolset::{Reply, Toolset};
pub use upstream::SetupError;
