//! Servers as the gateway uses them.
//!
//! In: nothing; `resolve` fills it. Out: typed values, complete. It never holds a default of its own.

use toolgate_mcp::Sieve;

use crate::config::choice::{Prefix, Search};

/// A part of what the targets offer, at a path of its own.
#[derive(Debug, Clone)]
pub struct Server {
    /// Name, unique; the end of its path.
    pub name: String,
    /// The targets it has something of, in the order of [`Config::targets`](super::Config::targets).
    pub targets: Vec<String>,
    /// Which of their tools, by full name.
    pub tools: Sieve,
    /// Which of their prompts, by full name.
    pub prompts: Sieve,
    /// Which of their resources and templates, by URI.
    pub resources: Sieve,
    /// How names are kept apart here.
    pub prefix: Prefix,
    /// Whether the tools here can be searched.
    pub search: Search,
    /// Tokens that the definitions on the list of tools here may weigh before that is told; `None`: any.
    pub warn_tokens: Option<usize>,
    /// Scopes every call here needs, besides [`Auth::scopes`](super::Auth::scopes).
    pub scopes: Vec<String>,
    /// What models are told, before what the targets say of themselves.
    pub instructions: Option<String>,
}
