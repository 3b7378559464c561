//! Why there is no reply.
//!
//! In: what a provider answered, or that it did not. Out: a closed reason, whether a
//! repetition makes sense, a sentence. Never: a prompt, a reply, a key.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// No reply, or only the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ModelError {
    /// Why.
    pub fault: Fault,
    /// A sentence for people: what happened and, if somebody can do something about it, what.
    pub message: String,
    /// How long the provider wants to be left alone.
    pub retry_after: Option<Duration>,
    /// The provider's own id of the request, if it gave one.
    pub request_id: Option<String>,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// No connection.
    Unreachable,
    /// It took too long.
    TimedOut,
    /// Too many requests, or too many tokens a minute.
    Throttled,
    /// The provider has a failure of its own, or is overloaded.
    Unavailable,
    /// No credentials, wrong ones, or no access to this model.
    Denied,
    /// There is no such model.
    NotFound,
    /// The provider does not take the request as it is.
    Rejected,
    /// The conversation is longer than the model reads.
    TooLong,
    /// What came back makes no sense.
    Protocol,
}

// === impl ModelError ===

impl ModelError {
    /// An error with nothing but a sentence.
    #[must_use]
    pub fn new(fault: Fault, message: impl Into<String>) -> Self {
        Self { fault, message: message.into(), retry_after: None, request_id: None }
    }
}

// === impl Fault ===

impl Fault {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Unreachable,
        Self::TimedOut,
        Self::Throttled,
        Self::Unavailable,
        Self::Denied,
        Self::NotFound,
        Self::Rejected,
        Self::TooLong,
        Self::Protocol,
    ];

    /// The word of logs, metrics and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::Rejected => "rejected",
            Self::TooLong => "too_long",
            Self::Protocol => "protocol",
        }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn is_passing(self) -> bool {
        matches!(self, Self::Unreachable | Self::TimedOut | Self::Throttled | Self::Unavailable)
    }
}
