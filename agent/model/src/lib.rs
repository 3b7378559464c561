//! Language models: what one is asked, what it says, and who serves it.
//!
//! Enters: an [`Ask`]: instructions, the conversation so far, tools, limits. Leaves: text as it
//! comes, and a [`Thought`]: the whole reply with the tools it wants called and what it cost. Never:
//! calls a tool; keeps a conversation; writes a prompt or a reply into an error or a log.

mod asked;
mod error;
mod openai;
mod pieces;
mod rules;
mod script;
mod thought;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use error::{Fault, ModelError};
pub use openai::{BadKey, BadUrl, Key, OpenAi};
pub use rules::Rules;
pub use script::{BadScript, Script};
pub use thought::{Input, Stop, Thought, ToolUse, Usage};

/// One request to a model.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The provider's id of the model.
    pub model: &'a str,
    /// The instructions.
    pub system: &'a str,
    /// The conversation, the oldest first. It begins with a [`Message::User`].
    pub messages: &'a [Message],
    /// What may be called, in an order that does not change from one request to the next (prompts
    /// are cached by their beginning).
    pub tools: &'a [Tool],
    /// No tool may be called any more: the model has to answer with what it has.
    pub must_answer: bool,
    /// From 0 to 1.
    pub temperature: f32,
    /// The most tokens of the reply.
    pub max_tokens: u32,
    /// How long the whole reply may take.
    pub patience: Duration,
    /// The trace it belongs to (W3C Trace Context), for providers that take one.
    pub traceparent: Option<&'a str>,
}

/// A message of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// What the user said.
    User(String),
    /// What the model replied.
    Agent(Said),
    /// What came of every tool that the reply before it asked for, in that order.
    Results(Vec<ToolResult>),
}

/// What a model said in a turn, as far as the conversation needs it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Its words; may be empty when it asks for tools.
    pub text: String,
    /// The tools it asked for.
    pub uses: Vec<ToolUse>,
}

/// What came of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The id of the use.
    pub id: String,
    /// The text for the model.
    pub text: String,
    /// Whether the tool failed, or could not be called.
    pub failed: bool,
}

/// A tool that a model may ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Its name: at most 64 of `a-z A-Z 0-9 _ -` (Bedrock's `ToolName`).
    pub name: String,
    /// What it is for.
    pub description: String,
    /// JSON Schema of its arguments, an object.
    pub schema: Value,
}

/// Hears a reply while it comes.
pub trait Heard: Send {
    /// More text.
    fn text(&mut self, delta: &str);
    /// The model has begun to ask for a tool of that name; its arguments follow.
    fn tool(&mut self, name: &str);
    /// The request was sent again, because the attempt before came to nothing for this reason. It may be
    /// said late, and even of a reply that failed or was not waited for.
    fn again(&mut self, _why: Fault) {}
}

/// A reply in the making. Dropping it stops the provider's work as far as the provider allows.
pub type Thinking<'a> = Pin<Box<dyn Future<Output = Result<Thought, ModelError>> + Send + 'a>>;

/// Whoever serves models.
pub trait Model: fmt::Debug + Send + Sync {
    /// Which one it is.
    fn provider(&self) -> Provider;

    /// Asks, and tells `heard` each piece of the reply as soon as it arrives. It has ended when the time
    /// that the ask gives has passed.
    ///
    /// # Errors
    /// A [`ModelError`] with a closed [`Fault`]. What was heard until then was said; nothing is
    /// repeated after the first piece was heard.
    fn think<'a>(&'a self, ask: &'a Ask<'a>, heard: &'a mut dyn Heard) -> Thinking<'a>;
}

/// The kinds of providers (OpenTelemetry's `gen_ai.provider.name`, where it has a word).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Provider {
    /// Amazon Bedrock, by Converse.
    #[serde(rename = "aws.bedrock")]
    Bedrock,
    /// Whatever speaks OpenAI's chat completions: llama.cpp, Ollama, vLLM.
    #[serde(rename = "openai")]
    OpenAi,
    /// Replies from a file, for tests and demonstrations.
    #[serde(rename = "scripted")]
    Scripted,
    /// Rules of ours that stand in for a model: no language model at all.
    #[serde(rename = "rules")]
    Rules,
}

// === impl Provider ===

impl Provider {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bedrock => "aws.bedrock",
            Self::OpenAi => "openai",
            Self::Scripted => "scripted",
            Self::Rules => "rules",
        }
    }
}
