//! Why a memory could not do it.
//!
//! In: failures of a backend. Out: a closed reason and a sentence. Never: the words that were
//! to be remembered.

use serde::{Deserialize, Serialize};

/// A memory could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct MemoryError {
    /// Why.
    pub why: Why,
    /// A sentence for the operator.
    pub message: String,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The disk, or the connection.
    Unavailable,
    /// Too many requests.
    Throttled,
    /// Not allowed.
    Denied,
    /// It took too long.
    TimedOut,
    /// What is kept makes no sense.
    Corrupt,
    /// There is no room: a limit was reached.
    Full,
    /// The backend has no such thing.
    NotSupported,
}

// === impl MemoryError ===

impl MemoryError {
    /// An error with a sentence.
    #[must_use]
    pub fn new(why: Why, message: impl Into<String>) -> Self {
        Self { why, message: message.into() }
    }
}

// === impl Why ===

impl Why {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Unavailable,
        Self::Throttled,
        Self::Denied,
        Self::TimedOut,
        Self::Corrupt,
        Self::Full,
        Self::NotSupported,
    ];

    /// The word of logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Throttled => "throttled",
            Self::Denied => "denied",
            Self::TimedOut => "timed_out",
            Self::Corrupt => "corrupt",
            Self::Full => "full",
            Self::NotSupported => "not_supported",
        }
    }
}
