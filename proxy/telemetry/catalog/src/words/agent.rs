//! Words for turns of the agent: how they and their parts end, and what they do without.
//!
//! Enters: nothing. Leaves: enums, each value with its word. Never: free text.

use super::Word;

words! {
    /// How a turn ended.
    TurnEnd {
        /// The model has answered.
        Answered = "answered",
        /// The answer was cut off at the most tokens of a reply.
        CutOff = "cut_off",
        /// A limit was reached; what there was is the answer.
        Limit = "limit",
        /// The user stopped it.
        Stopped = "stopped",
        /// A guardrail or filter of the provider refused.
        Refused = "refused",
        /// The model could not be asked.
        ModelFailed = "model_failed",
        /// A fault of the agent's own.
        Internal = "internal",
    }
}

words! {
    /// The limit that a turn met.
    Budget {
        /// Times that the model is asked.
        Steps = "steps",
        /// Tools that are called.
        Calls = "calls",
        /// Tokens.
        Tokens = "tokens",
        /// Money.
        Cost = "cost",
        /// Time.
        Time = "time",
    }
}

words! {
    /// The parts of a turn; they sum to the whole.
    TurnPart {
        /// Memory was asked.
        Memory = "memory_retrieval",
        /// Models thought.
        Model = "llm_inference",
        /// Tools were called.
        Tool = "tool_execution",
        /// The user was asked whether a tool may run.
        Approval = "approval",
        /// Everything else: the agent's own time.
        Overhead = "overhead",
    }
}

words! {
    /// How the call of a tool ended, as the agent sees it.
    StepEnd {
        /// It did what it should.
        Ok = "ok",
        /// The tool said no.
        ToolError = "tool_error",
        /// It broke.
        Failed = "failed",
        /// It was not allowed: by the gateway, or by the user.
        Denied = "denied",
        /// It was stopped before it had ended.
        Cancelled = "cancelled",
        /// It was stopped, or broke off, and nobody knows whether it was carried out.
        Unknown = "unknown",
    }
}

words! {
    /// Why a request to a model was sent again.
    ModelRetry {
        /// No connection, or one that broke before an answer had begun.
        Unreachable = "unreachable",
        /// It took too long.
        TimedOut = "timed_out",
        /// Too many requests, or too many tokens a minute.
        Throttled = "throttled",
        /// The provider has a failure of its own.
        Unavailable = "unavailable",
    }
}

words! {
    /// Why a model's reply is none, or is cut short; the first is that of a good one.
    ModelEnd {
        /// It is a good one.
        Ok = "",
        /// No connection.
        Unreachable = "unreachable",
        /// It took too long.
        TimedOut = "timed_out",
        /// Too many requests, or too many tokens a minute.
        Throttled = "throttled",
        /// The provider has a failure of its own.
        Unavailable = "unavailable",
        /// No credentials, wrong ones, or no access to this model.
        Denied = "denied",
        /// There is no such model.
        NotFound = "not_found",
        /// The provider does not take the request as it is.
        Rejected = "rejected",
        /// The conversation is longer than the model reads.
        TooLong = "too_long",
        /// What came back makes no sense.
        Protocol = "protocol",
        /// Cut off at the most tokens.
        MaxTokens = "max_tokens",
        /// A guardrail stepped in.
        Guardrail = "guardrail_intervened",
        /// The provider's filter stepped in.
        Filtered = "content_filtered",
        /// The reply makes no sense to the provider.
        MalformedOutput = "malformed_output",
        /// The wish for a tool makes no sense to the provider.
        MalformedToolUse = "malformed_tool_use",
        /// The conversation became too long for the model.
        ContextExceeded = "context_window_exceeded",
        /// The turn was stopped.
        Cancelled = "client_cancelled",
        /// A word that is not known here.
        Other = "other",
    }
}

words! {
    /// What memory is asked to do.
    MemoryOperation {
        /// To find what bears on a question.
        Search = "search",
        /// To keep a turn, after the reply.
        Create = "create",
    }
}

words! {
    /// Why memory did not do what it was asked; the first is that of success.
    MemoryEnd {
        /// It did.
        Ok = "",
        /// The disk, or the connection.
        Unavailable = "unavailable",
        /// Too many requests.
        Throttled = "throttled",
        /// Not allowed.
        Denied = "denied",
        /// It took longer than an answer waits for it.
        TimedOut = "timed_out",
        /// What is kept makes no sense.
        Corrupt = "corrupt",
        /// There is no room.
        Full = "full",
        /// The backend has no such thing.
        NotSupported = "not_supported",
        /// The turn was stopped.
        Cancelled = "client_cancelled",
        /// A word that is not known here.
        Other = "other",
    }
}

words! {
    /// What an answer has to do without.
    Missing {
        /// What was said before.
        Memory = "memory",
        /// The gateway, and so every tool.
        Gateway = "gateway",
        /// Some tools, or a fresh list of them.
        Tools = "tools",
        /// Logs, traces or metrics.
        Telemetry = "telemetry",
        /// Something else.
        Other = "other",
    }
}

words! {
    /// What came of reading the settings of the Parameter Store again.
    SettingsRefresh {
        /// They are what they were.
        Same = "same",
        /// They differ: what can be applied at once is, the rest waits for a restart.
        Changed = "changed",
        /// They could not be read.
        Failed = "failed",
        /// They were read and make no sense; those in force stay.
        Invalid = "invalid",
    }
}

words! {
    /// Kinds of tokens.
    TokenKind {
        /// Read by the model, without those from a cache.
        Input = "input",
        /// Written by it.
        Output = "output",
        /// Read from the provider's cache.
        CacheRead = "cache_read",
        /// Written to it.
        CacheWrite = "cache_write",
    }
}

// === impl TurnEnd ===

impl TurnEnd {
    /// The ends that count against the agent or the model, not against the one who asked.
    pub const FAILED: &'static [&'static str] = &["model_failed", "internal"];

    /// The ends, as the label of an error: empty for an answer.
    pub(crate) const ERRORS: &'static [&'static str] =
        &["", "cut_off", "limit", "stopped", "refused", "model_failed", "internal"];

    /// The word, empty for an answer.
    #[must_use]
    pub fn error(self) -> &'static str {
        if self == Self::Answered { "" } else { self.word() }
    }

    /// Whether it counts against the agent or the model.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::ModelFailed | Self::Internal)
    }
}

/// The value with that word; `None` when the list has no such word.
#[must_use]
pub fn of_word<W: Word>(word: &str) -> Option<W> {
    W::ALL.iter().copied().find(|value| value.word() == word)
}
