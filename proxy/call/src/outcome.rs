//! What happened, said once.
//!
//! Enters: the answer or the refusal that ended a call. Leaves: `Outcome`, which metrics, log,
//! breaker, retry and the answer to the caller all read. Never: decided twice.

use crate::{Answer, Blame, Reason, Refusal};

/// How a call, or one attempt of it, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Why it failed; `None` when it succeeded.
    pub reason: Option<Reason>,
    /// Whether the caller may repeat the call without doing it twice.
    pub retry_safe: bool,
}

/// JSON-RPC codes by which a target says that the caller is wrong.
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
const RESOURCE_NOT_FOUND: i64 = -32002;

// === impl Outcome ===

impl Outcome {
    /// Success.
    pub const OK: Self = Self { reason: None, retry_safe: false };

    /// Reads the ending of a call.
    #[must_use]
    pub fn of(ending: Result<&Answer, &Refusal>) -> Self {
        match ending {
            Ok(Answer::Result { is_error: false, .. }) => Self::OK,
            Ok(Answer::Result { is_error: true, .. }) => Self::failed(Reason::ToolError, false),
            Ok(Answer::Error { code, .. }) => Self::failed(Self::of_code(*code), false),
            Err(refusal) => Self::failed(refusal.reason(), refusal.is_retry_safe()),
        }
    }

    /// A failure with that reason.
    #[must_use]
    pub const fn failed(reason: Reason, retry_safe: bool) -> Self {
        Self { reason: Some(reason), retry_safe }
    }

    /// Whom it counts against.
    #[must_use]
    pub fn blame(self) -> Option<Blame> {
        self.reason.map(Reason::blame)
    }

    /// `ok`, or the kind of failure: the coarse label of the request counters.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self.blame() {
            None => "ok",
            Some(blame) => blame.as_str(),
        }
    }

    /// Whether the target is in bad health by this: a caller's or a tool's failure says nothing
    /// about it, nor does anything the gateway decided without asking the target.
    #[must_use]
    pub fn counts_against_target(self) -> bool {
        match self.reason {
            None
            | Some(
                Reason::CircuitOpen
                | Reason::Quarantined
                | Reason::UpstreamJsonrpc
                | Reason::Upstream4xx,
            ) => false,
            Some(reason) => matches!(reason.blame(), Blame::Network | Blame::Target),
        }
    }

    const fn of_code(code: i64) -> Reason {
        match code {
            METHOD_NOT_FOUND => Reason::MethodNotFound,
            INVALID_PARAMS | RESOURCE_NOT_FOUND => Reason::InvalidParams,
            _ => Reason::UpstreamJsonrpc,
        }
    }
}
