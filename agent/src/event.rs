//! What a turn says while it goes on: the one stream that the terminal, the page and callers read.
//!
//! Enters: nothing. Leaves: plain data with one JSON form (`type` names the event). Never: a
//! credential; HTML.

use serde::Serialize;
use serde_json::Value;

/// Something that happened in a turn.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type")]
pub enum Event {
    /// The turn has begun.
    #[serde(rename = "turn.start")]
    TurnStart {
        /// The turn: the id of events, of stopping it, of its record.
        turn: String,
        /// Its conversation.
        session: String,
        /// The model's key in the catalogue.
        model: String,
        /// The id that logs of every part have in common.
        request_id: String,
        /// The trace, 32 hexadecimal digits.
        trace: String,
    },
    /// A part of the turn has begun.
    #[serde(rename = "step.start")]
    StepStart {
        /// Counts from 1 within the turn.
        step: u32,
        /// What kind of part.
        kind: StepKind,
        /// The tool's or the model's name; `recall` or `remember` of memory.
        name: String,
        /// The most milliseconds that it may take.
        limit_ms: Option<u64>,
        /// Of a tool: the arguments, as text.
        arguments: Option<Value>,
    },
    /// A tool has said how far it is.
    #[serde(rename = "step.progress")]
    StepProgress {
        /// Which.
        step: u32,
        /// How far.
        progress: f64,
        /// A word.
        message: Option<String>,
    },
    /// A tool that changes something waits for the user's word.
    #[serde(rename = "approval")]
    Approval {
        /// Which.
        step: u32,
        /// The tool's name.
        tool: String,
        /// Its arguments.
        arguments: Value,
    },
    /// A part of the turn has ended.
    #[serde(rename = "step.end")]
    StepEnd(StepEnd),
    /// More of the answer.
    #[serde(rename = "text")]
    Text {
        /// The words.
        delta: String,
    },
    /// Something that the answer has to do without.
    #[serde(rename = "degraded")]
    Degraded {
        /// `memory`, `gateway`, `tools`, `telemetry`.
        what: String,
        /// A sentence for the user.
        says: String,
    },
    /// The turn has ended.
    #[serde(rename = "turn.end")]
    TurnEnd(TurnEnd),
}

/// The kinds of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Memory was asked, or written to.
    Memory,
    /// The model was asked.
    Model,
    /// A tool was called.
    Tool,
}

/// How a part ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepEnd {
    /// Which.
    pub step: u32,
    /// How long it took, in milliseconds.
    pub ms: f64,
    /// How it ended.
    pub outcome: Outcome,
    /// A closed word that says why, unless it went well.
    pub reason: Option<String>,
    /// Whom it counts against: caller, gateway, network, target, tool, model, memory.
    pub blame: Option<String>,
    /// Whether the same may be tried again.
    pub retry_safe: Option<bool>,
    /// A sentence: what was found, what the model chose, why it failed.
    pub note: Option<String>,
    /// Of a tool: its result as text, at most 50 kB.
    pub result: Option<String>,
    /// Of a tool: the id of the call at the gateway.
    pub call_id: Option<String>,
    /// Of a tool: where the time went at the gateway.
    pub ledger: Option<Value>,
}

/// How a part of a turn can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did what it should.
    Ok,
    /// The tool said no.
    ToolError,
    /// It broke.
    Failed,
    /// It was not allowed.
    Denied,
    /// It was stopped before it had ended.
    Cancelled,
    /// It was stopped, or broke off, and nobody knows whether it was carried out.
    Unknown,
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TurnEnd {
    /// Why.
    pub reason: EndReason,
    /// The limit that was reached.
    pub limit: Option<Limit>,
    /// A sentence, unless it went well.
    pub says: Option<String>,
    /// Whether the same question may be asked again.
    pub retry_safe: bool,
    /// How long it took, in milliseconds, and its parts: they sum to the whole.
    pub times: Times,
    /// Tokens.
    pub usage: Tokens,
    /// What it cost by the catalogue's prices; `None` when the model has none.
    pub cost_usd: Option<f64>,
    /// The model's key, and the provider's id that was asked.
    pub model: String,
    /// The provider's id that was asked.
    pub model_id: String,
    /// The tools that were called, in order, each as often as it was.
    pub tools_used: Vec<String>,
    /// What it had to do without.
    pub degraded: Vec<String>,
}

/// Why a turn ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The model has answered.
    Answered,
    /// The answer was cut off at the most tokens.
    CutOff,
    /// The limit of steps, calls, tokens, time or money; what there was is the answer.
    Limit,
    /// The user stopped it.
    Stopped,
    /// A guardrail or filter of the provider refused.
    Refused,
    /// The model could not be asked.
    ModelFailed,
    /// A fault of the agent's own.
    Internal,
}

/// The limit that ended a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Times that the model is asked.
    Steps,
    /// Tools that are called.
    Calls,
    /// Tokens.
    Tokens,
    /// Money.
    Cost,
    /// Time.
    Time,
}

/// The parts of a turn, in milliseconds of wall time. Where tools overlap, their time counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Times {
    /// Memory was asked.
    pub memory_retrieval_ms: f64,
    /// Models thought.
    pub llm_inference_ms: f64,
    /// Tools were called.
    pub tool_execution_ms: f64,
    /// The user was asked whether a tool may run.
    pub approval_ms: f64,
    /// Everything else.
    pub overhead_ms: f64,
    /// All of it.
    pub total_ms: f64,
}

/// Tokens of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tokens {
    /// Read.
    pub input_tokens: u64,
    /// Written.
    pub output_tokens: u64,
    /// Read from the provider's cache.
    pub cache_read_tokens: u64,
    /// All.
    pub total_tokens: u64,
}
