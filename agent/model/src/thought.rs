//! A model's whole reply.
//!
//! In: what a provider sent, put together. Out: plain data. Never: a provider's own words for
//! why it ended.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A whole reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thought {
    /// The text.
    pub text: String,
    /// The tools it wants called, in its order.
    pub uses: Vec<ToolUse>,
    /// Why it ended.
    pub stop: Stop,
    /// What it cost.
    pub usage: Usage,
}

/// A wish to call a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolUse {
    /// The provider's id, by which the result is matched.
    pub id: String,
    /// The tool's name, as it was offered. A model can ask for one that was not.
    pub name: String,
    /// The arguments.
    pub input: Input,
}

/// Arguments as a model wrote them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Input {
    /// An object.
    Object(Map<String, Value>),
    /// Something else: the model is told so, and nothing is called.
    Malformed(String),
}

/// Why a reply ended (Bedrock's `StopReason`; other providers' words are mapped to these).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// It has said what it wanted.
    #[default]
    EndTurn,
    /// It waits for tools.
    ToolUse,
    /// Cut off at the most tokens.
    MaxTokens,
    /// A sequence that ends replies.
    StopSequence,
    /// A guardrail stepped in.
    GuardrailIntervened,
    /// The provider's filter stepped in.
    ContentFiltered,
    /// The reply makes no sense to the provider.
    MalformedOutput,
    /// The wish for a tool makes no sense to the provider.
    MalformedToolUse,
    /// The conversation is too long for the model.
    ContextWindowExceeded,
    /// A word that is not known here.
    Other,
}

/// Tokens, as the provider counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Read, without those from a cache.
    pub input: u64,
    /// Written.
    pub output: u64,
    /// Read from a cache of prompts.
    pub cache_read: u64,
    /// Written to it.
    pub cache_write: u64,
}

// === impl Stop ===

impl Stop {
    /// The word of logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EndTurn => "end_turn",
            Self::ToolUse => "tool_use",
            Self::MaxTokens => "max_tokens",
            Self::StopSequence => "stop_sequence",
            Self::GuardrailIntervened => "guardrail_intervened",
            Self::ContentFiltered => "content_filtered",
            Self::MalformedOutput => "malformed_model_output",
            Self::MalformedToolUse => "malformed_tool_use",
            Self::ContextWindowExceeded => "model_context_window_exceeded",
            Self::Other => "other",
        }
    }
}

// === impl Usage ===

impl Usage {
    /// All tokens.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.input + self.output + self.cache_read + self.cache_write
    }

    /// The sum of both.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            input: self.input + other.input,
            output: self.output + other.output,
            cache_read: self.cache_read + other.cache_read,
            cache_write: self.cache_write + other.cache_write,
        }
    }
}
