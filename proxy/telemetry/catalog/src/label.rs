//! The label keys, and what each may be set to.
//!
//! Enters: the closed enums of the call vocabulary. Leaves: keys and domains. Never: a domain that
//! a caller can widen.

use toolgate_call::{Blame, Method, Outcome, Reason, Version};

use crate::words::TokenKind;

/// What a value outside its domain becomes.
pub const OTHER: &str = "_OTHER";

/// The values of an outcome label, in the order of [`outcome_index`].
pub const OUTCOMES: &[&str] = &["ok", "caller", "gateway", "network", "target", "tool"];

/// Why a tool was not called, or not well, besides the reasons of the gateway.
pub const TOOL_ENDS: &[&str] = &["not_approved", "other"];

/// One label of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// The key.
    pub key: Key,
    /// What it may be set to.
    pub values: Values,
}

/// The only label keys there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// What was asked.
    Method,
    /// The configured target.
    Target,
    /// The tool's name at its target.
    Tool,
    /// The reason of a failure, empty on success.
    ErrorType,
    /// How it ended.
    Outcome,
    /// Why.
    Reason,
    /// A part of a whole.
    Phase,
    /// Whose limit it was.
    Scope,
    /// Which kind of telemetry.
    Signal,
    /// What decided.
    Source,
    /// Which way.
    Direction,
    /// Which of several conditions holds.
    State,
    /// What took place.
    Event,
    /// Of which kind it was.
    Kind,
    /// What was done about it.
    Action,
    /// The protocol revision.
    ProtocolVersion,
    /// The configured name of an issuer.
    Issuer,
    /// The model that was asked.
    Model,
    /// A kind of tokens.
    TokenType,
    /// What was asked of memory.
    Operation,
    /// What there was not.
    Missing,
    /// The version of the program.
    Version,
}

/// Where the values of a label come from; each is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// These words.
    Words(&'static [&'static str]),
    /// Every [`Method`].
    Methods,
    /// The configured targets; empty when none was involved, [`OTHER`] when unknown.
    Targets,
    /// The tools that the targets list; empty when none was involved, [`OTHER`] when unknown or
    /// when the budget of series is used up.
    Tools,
    /// Every [`Reason`]; empty on success.
    Reasons,
    /// Every [`Reason`], and [`TOOL_ENDS`]; empty on success.
    ToolEnds,
    /// The configured models; [`OTHER`] when unknown.
    Models,
    /// Every protocol revision that is spoken here.
    Revisions,
    /// The configured issuers; empty when the token named none of them.
    Issuers,
    /// One value for the life of the process.
    Constant,
}

// === impl Label ===

impl Label {
    /// `mcp_method_name`.
    pub const METHOD: Self = Self { key: Key::Method, values: Values::Methods };
    /// `target`.
    pub const TARGET: Self = Self { key: Key::Target, values: Values::Targets };
    /// `gen_ai_tool_name`.
    pub const TOOL: Self = Self { key: Key::Tool, values: Values::Tools };
    /// `error_type`.
    pub const ERROR_TYPE: Self = Self { key: Key::ErrorType, values: Values::Reasons };
    /// `outcome` of calls: `ok` or whom the failure counts against.
    pub const OUTCOME: Self = Self { key: Key::Outcome, values: Values::Words(OUTCOMES) };
    /// `mcp_protocol_version`.
    pub const REVISION: Self = Self { key: Key::ProtocolVersion, values: Values::Revisions };
    /// `issuer`.
    pub const ISSUER: Self = Self { key: Key::Issuer, values: Values::Issuers };
    /// `reason`, one of the call's reasons.
    pub const CAUSE: Self = Self { key: Key::Reason, values: Values::Reasons };
    /// `gen_ai_request_model`.
    pub const MODEL: Self = Self { key: Key::Model, values: Values::Models };
    /// `gen_ai_token_type`.
    pub const TOKEN_KIND: Self = Self::of(Key::TokenType, TokenKind::TEXTS);
    /// `version`.
    pub const VERSION: Self = Self { key: Key::Version, values: Values::Constant };

    /// `error_type` of what the agent sees of a tool.
    pub(crate) const fn of_tools_end() -> Self {
        Self { key: Key::ErrorType, values: Values::ToolEnds }
    }

    /// A label with a list of words of its own.
    pub(crate) const fn of(key: Key, words: &'static [&'static str]) -> Self {
        Self { key, values: Values::Words(words) }
    }
}

// === impl Key ===

impl Key {
    /// Every key.
    pub const ALL: &'static [Self] = &[
        Self::Method,
        Self::Target,
        Self::Tool,
        Self::ErrorType,
        Self::Outcome,
        Self::Reason,
        Self::Phase,
        Self::Scope,
        Self::Signal,
        Self::Source,
        Self::Direction,
        Self::State,
        Self::Event,
        Self::Kind,
        Self::Action,
        Self::ProtocolVersion,
        Self::Issuer,
        Self::Model,
        Self::TokenType,
        Self::Operation,
        Self::Missing,
        Self::Version,
    ];

    /// The key as Prometheus shows it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Method => "mcp_method_name",
            Self::Target => "target",
            Self::Tool => "gen_ai_tool_name",
            Self::ErrorType => "error_type",
            Self::Outcome => "outcome",
            Self::Reason => "reason",
            Self::Phase => "phase",
            Self::Scope => "scope",
            Self::Signal => "signal",
            Self::Source => "source",
            Self::Direction => "direction",
            Self::State => "state",
            Self::Event => "event",
            Self::Kind => "kind",
            Self::Action => "action",
            Self::ProtocolVersion => "mcp_protocol_version",
            Self::Issuer => "issuer",
            Self::Model => "gen_ai_request_model",
            Self::TokenType => "gen_ai_token_type",
            Self::Operation => "operation",
            Self::Missing => "missing",
            Self::Version => "version",
        }
    }
}

// === impl Values ===

impl Values {
    /// The values when they are known beforehand; `None` when configuration or a target's list
    /// decides.
    #[must_use]
    pub fn listed(self) -> Option<Vec<&'static str>> {
        match self {
            Self::Words(words) => Some(words.to_vec()),
            Self::Methods => Some(Method::labels().collect()),
            Self::Reasons => {
                Some(std::iter::once("").chain(Reason::ALL.iter().map(|r| r.as_str())).collect())
            }
            Self::ToolEnds => {
                let reasons = Reason::ALL.iter().map(|reason| reason.as_str());
                Some(std::iter::once("").chain(reasons).chain(TOOL_ENDS.iter().copied()).collect())
            }
            Self::Revisions => Some(Version::ALL.iter().map(|v| v.as_str()).collect()),
            Self::Targets | Self::Tools | Self::Issuers | Self::Models | Self::Constant => None,
        }
    }
}

/// Where the label of an outcome stands in [`OUTCOMES`].
#[must_use]
pub fn outcome_index(outcome: Outcome) -> usize {
    match outcome.blame() {
        None => 0,
        Some(Blame::Caller) => 1,
        Some(Blame::Gateway) => 2,
        Some(Blame::Network) => 3,
        Some(Blame::Target) => 4,
        Some(Blame::Tool) => 5,
    }
}
