//! What the agent says of its turns.
//!
//! Enters: nothing. Leaves: plain data that borrows. Never: the words of the user, of a model or of
//! a tool; they have no field.

use std::time::{Duration, SystemTime};

use toolgate_telemetry_catalog::{Budget, ModelRetry, StepEnd, TurnEnd, TurnPart, Word as _};

/// The place of a turn in a trace (W3C Trace Context).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentPlace {
    /// 32 hexadecimal digits.
    pub trace: String,
    /// The turn's own span, 16 hexadecimal digits.
    pub span: String,
    /// The caller's span.
    pub parent: Option<String>,
    /// Whether the trace is recorded.
    pub sampled: bool,
}

/// The kinds of parts of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepKind {
    /// Memory was asked.
    Memory,
    /// The model was asked.
    Model,
    /// A tool was called.
    Tool,
}

/// A part of a turn that has ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepFacts<'a> {
    /// What kind.
    pub kind: StepKind,
    /// Of a tool: its name. Of a model: the provider's id or the key in the catalogue.
    pub name: &'a str,
    /// Its span, 16 hexadecimal digits: what the gateway's span hangs below.
    pub span: &'a str,
    /// When it began, after the turn did.
    pub began: Duration,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub end: StepEnd,
    /// A closed word that says why, unless it went well; a word that no list has counts as `other`.
    pub reason: Option<&'a str>,
    /// Whom it counts against.
    pub blame: Option<&'a str>,
    /// Of a model's reply.
    pub reply: Option<ReplyFacts<'a>>,
    /// Of a tool: the id of the call at the gateway.
    pub call_id: Option<&'a str>,
}

/// What a model's reply was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplyFacts<'a> {
    /// Why it ended, as the model's side names it.
    pub stop: Option<&'a str>,
    /// Tokens.
    pub tokens: TokenFacts,
    /// The time to its first piece.
    pub first: Option<Duration>,
    /// The request for it was sent again so often.
    pub retries: RetryFacts,
}

/// How often a request to a model was sent again, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryFacts([u32; ModelRetry::ALL.len()]);

/// Tokens, as the provider counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenFacts {
    /// Read, without those from a cache.
    pub input: u64,
    /// Written.
    pub output: u64,
    /// Read from a cache of prompts.
    pub cache_read: u64,
    /// Written to it.
    pub cache_write: u64,
}

/// The parts of a turn in milliseconds of wall time, which sum to the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TimeFacts {
    /// Memory was asked.
    pub memory: f64,
    /// Models thought.
    pub model: f64,
    /// Tools were called; where they overlap, once.
    pub tool: f64,
    /// The user was asked whether a tool may run.
    pub approval: f64,
    /// Everything else.
    pub overhead: f64,
    /// All of it.
    pub total: f64,
}

/// A turn that has ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TurnFacts<'a> {
    /// Its place in a trace.
    pub place: &'a AgentPlace,
    /// Its id.
    pub turn: &'a str,
    /// The id that logs of every part have in common.
    pub request_id: &'a str,
    /// The conversation; only a hash of it is written.
    pub session: &'a str,
    /// Who asked; only a hash of it is written.
    pub actor: &'a str,
    /// When it began.
    pub at: SystemTime,
    /// The model's key in the catalogue of models.
    pub model: &'a str,
    /// The provider's id of it.
    pub model_id: &'a str,
    /// Who serves it: `aws.bedrock`, `openai`, ….
    pub provider: &'a str,
    /// What it was asked for.
    pub temperature: f32,
    /// How it ended.
    pub end: TurnEnd,
    /// The limit that it met.
    pub budget: Option<Budget>,
    /// Where the time went.
    pub times: TimeFacts,
    /// Tokens of all replies.
    pub tokens: TokenFacts,
    /// US dollars by the catalogue's prices; `None` when the model has none.
    pub cost_usd: Option<f64>,
    /// Its parts, in the order in which they began.
    pub steps: &'a [StepFacts<'a>],
    /// Records that memory had for it.
    pub recalled: usize,
    /// The time to the first word of the answer.
    pub first_word: Option<Duration>,
    /// Characters of the question.
    pub question_chars: usize,
    /// Characters of the answer.
    pub answer_chars: usize,
    /// The tools that were called, in order, each as often as it was.
    pub tools_used: &'a [String],
    /// What it had to do without: `memory`, `gateway`, `tools`, `telemetry`.
    pub degraded: &'a [String],
}

// === impl TurnFacts ===

impl TurnFacts<'_> {
    /// The temperature without the digits that a narrower number does not have.
    pub(super) fn warmth(&self) -> f64 {
        (f64::from(self.temperature) * 1e4).round() / 1e4
    }
}

// === impl TokenFacts ===

impl RetryFacts {
    /// It was sent once more.
    pub fn add(&mut self, why: ModelRetry) {
        if let Some(times) = self.0.get_mut(why.index()) {
            *times = times.saturating_add(1);
        }
    }

    pub(super) fn of(self, why: ModelRetry) -> u32 {
        self.0.get(why.index()).copied().unwrap_or_default()
    }

    pub(super) fn all(self) -> u32 {
        self.0.iter().sum()
    }
}

impl TokenFacts {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.input
            .saturating_add(self.output)
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write)
    }
}

// === impl TimeFacts ===

impl TimeFacts {
    /// The part.
    #[must_use]
    pub const fn of(&self, part: TurnPart) -> f64 {
        match part {
            TurnPart::Memory => self.memory,
            TurnPart::Model => self.model,
            TurnPart::Tool => self.tool,
            TurnPart::Approval => self.approval,
            TurnPart::Overhead => self.overhead,
        }
    }
}
