//! The agent's AWS: Bedrock, AgentCore Memory, the Parameter Store.
//!
//! Enters: where AWS is. Leaves: a [`toolgate_agent_model::Model`], a
//! [`toolgate_agent_memory::Memory`], settings. Never: a credential of the configuration file; a
//! prompt, a reply, a memory or a setting in an error or a log.

mod bedrock;
mod cloud;
mod memory;
mod parameters;
mod trouble;

#[cfg(test)]
mod tests;

pub use bedrock::{Bedrock, ModelOptions};
pub use cloud::{Cloud, NoCloud, Place, Service};
pub use memory::{AgentCoreMemory, FoundMemory, MemoryOptions};
pub use parameters::{
    Change, Parameter, ParameterError, ParameterFault, Parameters, Put, Snapshot,
};
