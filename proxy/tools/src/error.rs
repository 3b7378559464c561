//! The one way in which a tool fails.
//!
//! Enters: what went wrong. Leaves: a code, a sentence for the model, and whether the same call may
//! succeed later. Never: a secret, or the internals of an upstream beyond its own words.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::tool::clip;

/// The longest piece of an upstream's own words that is passed on, in characters.
const MOST_WORDS: usize = 500;

/// What kind of failure. Whether to try again is a constant of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The arguments are not what the tool takes; nothing was sent.
    InvalidArguments,
    /// What was asked for is not there.
    NotFound,
    /// The request was understood and refused, and will be again.
    Refused,
    /// Too many requests; there may be a time after which to try again.
    RateLimited,
    /// The upstream takes this for an abuse (a captcha, a ban).
    Blocked,
    /// The upstream does not let the operator's credentials do this.
    Denied,
    /// The upstream could not be connected to.
    Unreachable,
    /// The upstream did not answer in time.
    Timeout,
    /// The upstream says that it is broken.
    UpstreamError,
    /// The upstream's answer cannot be read as what it should be.
    Garbled,
    /// There is more than the tool passes on.
    TooLarge,
    /// The tool is set up in a way that cannot work.
    Misconfigured,
    /// A mistake in the tool itself.
    Internal,
}

/// Who failed, when it was not this program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// A name that operators know it by.
    pub service: String,
    /// The status of its answer, if there was one.
    pub status: Option<u16>,
    /// Its own id of the request, if it gave one.
    pub request_id: Option<String>,
}

/// Why a tool has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolError {
    code: Code,
    message: String,
    retry_after: Option<Duration>,
    source: Option<Source>,
}

// === impl Code ===

impl Code {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArguments => "invalid_arguments",
            Self::NotFound => "not_found",
            Self::Refused => "refused",
            Self::RateLimited => "rate_limited",
            Self::Blocked => "blocked",
            Self::Denied => "denied",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::UpstreamError => "upstream_error",
            Self::Garbled => "garbled",
            Self::TooLarge => "too_large",
            Self::Misconfigured => "misconfigured",
            Self::Internal => "internal",
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn retryable(self) -> bool {
        match self {
            Self::RateLimited | Self::Unreachable | Self::Timeout | Self::UpstreamError => true,
            Self::InvalidArguments
            | Self::NotFound
            | Self::Refused
            | Self::Blocked
            | Self::Denied
            | Self::Garbled
            | Self::TooLarge
            | Self::Misconfigured
            | Self::Internal => false,
        }
    }
}

// === impl Source ===

impl Source {
    fn shown(&self) -> Value {
        let mut shown = Map::new();
        shown.insert("service".into(), self.service.clone().into());
        if let Some(status) = self.status {
            shown.insert("status".into(), status.into());
        }
        if let Some(id) = &self.request_id {
            shown.insert("request_id".into(), id.clone().into());
        }
        Value::Object(shown)
    }
}

// === impl ToolError ===

impl ToolError {
    /// A failure; `message` is one or two sentences that say what to do instead.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None, source: None }
    }

    /// The argument `name` cannot be used; `why` completes "`name` …".
    #[must_use]
    pub(crate) fn argument(name: &str, why: &str) -> Self {
        Self::new(Code::InvalidArguments, format!("`{name}` {why}"))
    }

    /// Whose failure it was.
    #[must_use]
    pub(crate) fn caused_by(mut self, source: Source) -> Self {
        self.source = Some(source);
        self
    }

    /// When to try again.
    #[must_use]
    pub(crate) fn after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// What kind of failure.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The sentence for the model.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// When to try again, if that is known.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Who failed, if it was not this program.
    #[must_use]
    pub const fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// The envelope that callers get as structured content.
    #[must_use]
    pub(crate) fn envelope(&self, correlation: &str) -> Value {
        let mut envelope = Map::new();
        envelope.insert("code".into(), self.code.as_str().into());
        envelope.insert("message".into(), self.message.clone().into());
        envelope.insert("retryable".into(), self.code.retryable().into());
        if let Some(wait) = self.retry_after {
            let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            envelope.insert("retry_after_ms".into(), ms.into());
        }
        if let Some(source) = &self.source {
            envelope.insert("upstream".into(), source.shown());
        }
        envelope.insert("correlation_id".into(), correlation.into());
        Value::Object(envelope)
    }

    /// The same as text.
    #[must_use]
    pub(crate) fn text(&self) -> String {
        let advice = match (self.code.retryable(), self.retry_after) {
            (true, Some(wait)) => {
                format!(" Try again after {} s.", wait.as_secs_f64().ceil())
            }
            (true, None) => " The same call may succeed later.".to_owned(),
            (false, _) => String::new(),
        };
        format!("{}: {}{advice}", self.code.as_str(), self.message)
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for ToolError {}

/// An upstream's own words, fit to stand in a sentence: one line, bounded.
pub(crate) fn words(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain: String = line.chars().filter(|letter| !letter.is_control()).collect();
    clip(&plain, MOST_WORDS).into_owned()
}
