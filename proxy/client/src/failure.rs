//! Why there is no result.
//!
//! Enters: what happened on the wire. Leaves: one case each for what a person, or a script, would
//! do differently. Never: a guess about the tool when the answer was lost.

use std::time::Duration;

use serde_json::Value;

use super::answer::{Answer, Head};

/// Why a request has no result.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The URL cannot be asked.
    #[error("`{url}` cannot be asked: {problem}")]
    Url {
        /// The URL as written.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No connection: nothing was sent.
    #[error("nothing answers at {url}: {cause}")]
    Unreachable {
        /// Where it was tried.
        url: String,
        /// What the connection came to.
        cause: String,
    },
    /// Hands were not shaken: nothing was carried out.
    #[error("no TLS with {url}: {cause}")]
    Tls {
        /// Where it was tried.
        url: String,
        /// What the handshake came to.
        cause: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The time that the caller gave was up.
    #[error("no answer within {after:?}")]
    TimedOut {
        /// The time that was given.
        after: Duration,
        /// Whether there was a connection, so that the request may have been carried out.
        was_sent: bool,
    },
    /// The connection broke after the request had gone out.
    #[error("the connection broke before the answer was complete: {cause}")]
    Lost {
        /// What broke.
        cause: String,
    },
    /// The answer is larger than a terminal has use for.
    #[error("the answer is larger than {limit} bytes; it was not read to its end")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// What answered does not speak MCP, or not of this revision.
    #[error("HTTP {}: {detail}", head.status)]
    NotMcp {
        /// Status and headers.
        head: Box<Head>,
        /// What came instead.
        detail: String,
    },
    /// A JSON-RPC error.
    #[error("{}", .0.message)]
    Refused(Box<Refused>),
    /// A result with `isError: true`.
    #[error("the tool said that it failed")]
    Tool(Box<Answer>),
    /// The user pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

/// A JSON-RPC error and what came with it.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Status and headers.
    pub head: Head,
    /// The JSON-RPC error code.
    pub code: i64,
    /// The sentence.
    pub message: String,
    /// The `data` member; `Null` when there is none.
    pub data: Value,
}

// === impl Failure ===

impl Failure {
    /// The URL that is none, and why.
    #[must_use]
    pub fn url_problem(&self) -> Option<(&str, &str)> {
        if let Self::Url { url, problem } = self { Some((url, problem)) } else { None }
    }

    /// What came with the answer, if there was one.
    #[must_use]
    pub fn head(&self) -> Option<&Head> {
        match self {
            Self::NotMcp { head, .. } => Some(head),
            Self::Refused(refused) => Some(&refused.head),
            Self::Tool(answer) => Some(&answer.head),
            Self::Url { .. }
            | Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::TimedOut { .. }
            | Self::Lost { .. }
            | Self::TooLarge { .. }
            | Self::Interrupted => None,
        }
    }
}

// === impl Refused ===

impl Refused {
    /// A text member of `data`.
    #[must_use]
    pub fn text(&self, member: &str) -> Option<&str> {
        self.data.get(member).and_then(Value::as_str)
    }

    /// Whether the gateway says that the call may have been carried out.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        self.text("outcome") == Some("unknown")
    }

    /// Whether repeating the call is safe, if the gateway says so.
    #[must_use]
    pub fn is_retry_safe(&self) -> Option<bool> {
        self.data.get("retry_safe").and_then(Value::as_bool)
    }

    /// How long to wait before another try, if the gateway says so, in milliseconds.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u64> {
        self.data.get("retry_after_ms").and_then(Value::as_u64)
    }
}
