//! What is remembered.
//!
//! In and out: plain data, the same for every backend. Never: what a prompt was made of
//! beside the user's own words.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::{Actor, Session};

/// A turn that has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// Its id: the same turn is kept once, however often it is handed in.
    pub id: String,
    /// Whose.
    pub actor: Actor,
    /// In which conversation.
    pub session: Session,
    /// What the user said, as it was said.
    pub asked: String,
    /// What the agent answered.
    pub answered: String,
    /// The tools that were called, in order.
    pub tools: Vec<String>,
    /// How long the answer took.
    pub took: Duration,
    /// The model's key in the catalogue.
    pub model: String,
    /// When the user said it.
    pub at: SystemTime,
}

/// One thing said in a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// The turn it belongs to.
    pub turn: String,
    /// Who said it.
    pub role: Role,
    /// The words.
    pub text: String,
    /// When.
    pub at: SystemTime,
    /// Of an answer: the tools that were called.
    pub tools: Vec<String>,
    /// Of an answer: how long it took.
    pub took: Option<Duration>,
    /// Of an answer: the model's key.
    pub model: Option<String>,
}

/// Who says something (AgentCore Memory's `Role`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// The user.
    User,
    /// The agent.
    Assistant,
    /// A tool.
    Tool,
    /// Anybody else.
    Other,
}

/// The kinds of things that are remembered, each with a path of its own under its actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Namespace {
    /// What was said.
    Conversation,
    /// What the actor wants. A later preference supersedes an earlier one about the same.
    Preferences,
    /// What is so.
    Semantic,
}

/// Something remembered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// Of which kind.
    pub namespace: Namespace,
    /// The words.
    pub content: String,
    /// When it was said.
    pub at: SystemTime,
    /// The conversation it comes from, where that is known.
    pub session: Option<Session>,
    /// How relevant it is to the question, from 0 to 1; 0 where none was asked.
    pub score: f32,
}

/// A conversation in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionSummary {
    /// Which.
    pub session: Session,
    /// What it was called, or the beginning of its first question.
    pub title: String,
    /// When it began.
    pub began: SystemTime,
    /// When the last thing was said.
    pub last: SystemTime,
    /// How many turns it has.
    pub turns: u64,
}

// === impl Namespace ===

impl Namespace {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::Conversation, Self::Preferences, Self::Semantic];

    /// The word of paths, logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conversation => "conversation",
            Self::Preferences => "preferences",
            Self::Semantic => "semantic",
        }
    }
}
