//! The agent's AWS: Bedrock, AgentCore Memory, the Parameter Store.
//!
//! Enters: where AWS is. Leaves: a [`toolgate_agent_model::Model`], a
//! [`toolgate_agent_memory::Memory`], settings. Never: a credential of the configuration file.
