//! Families of the agent: turns, replies of models, tools, memory.
//!
//! Enters: nothing. Leaves: constants. Never: a value; never a label that the user, a model or a tool
//! can choose.

use crate::words::{
    Budget, MemoryEnd, MemoryOperation, Missing, ModelEnd, ModelRetry, SettingsRefresh, StepEnd,
    TokenFetch, TurnEnd, TurnPart, Word,
};
use crate::{Dimension, Key, Label, Metric, Published, Unit, buckets};

/// What memory is asked to do.
const OPERATION: Label = Label::of(Key::Operation, MemoryOperation::TEXTS);

families! {
    /// Turns by duration.
    INVOKE_DURATION = Metric::histogram(
        "gen_ai_invoke_agent_duration_seconds",
        Unit::Seconds,
        buckets::OPERATION,
        "Duration of turns, from the question to the last word of the answer.",
    )
    .by(&[Label::of(Key::ErrorType, TurnEnd::ERRORS)])
    .otel("gen_ai.invoke_agent.duration")
    .published(&[Published::milliseconds("ResponseTime", "Duration of turns.")]);

    /// Turns by how they ended.
    INTERACTIONS = Metric::counter(
        "toolgate_agent_interactions_total",
        "Turns that have ended, by how.",
    )
    .by(&[Label::MODEL, Label::of(Key::Outcome, TurnEnd::TEXTS)])
    .published(&[
        Published::count("InteractionCount", "Turns that have ended."),
        Published::count("InteractionErrors", "Turns that the agent or its model made fail.")
            .only(&[(Key::Outcome, TurnEnd::FAILED)]),
    ]);

    /// Turns in flight.
    TURNS_ACTIVE = Metric::gauge(
        "toolgate_agent_turns_active",
        Unit::One,
        "Turns in flight.",
    );

    /// The parts of turns.
    PHASE_DURATION = Metric::histogram(
        "toolgate_agent_phase_duration_seconds",
        Unit::Seconds,
        buckets::OPERATION,
        "Parts of a turn in wall time, which sum to its duration; where tools overlap, their time counts once, and overhead is what no other part took.",
    )
    .by(&[Label::of(Key::Phase, TurnPart::TEXTS)])
    .published(&[
        Published::milliseconds("AgentOverhead", "The agent's own time of a turn.")
            .only(&[(Key::Phase, &["overhead"])]),
    ]);

    /// First words.
    FIRST_WORD = Metric::histogram(
        "toolgate_agent_first_word_duration_seconds",
        Unit::Seconds,
        buckets::OPERATION,
        "Time from the question to the first word of the answer, for turns that have one.",
    )
    .published(&[Published::milliseconds("FirstWord", "Time to the first word of an answer.")]);

    /// Replies by duration.
    MODEL_DURATION = Metric::histogram(
        "gen_ai_client_operation_duration_seconds",
        Unit::Seconds,
        buckets::OPERATION,
        "Duration of requests to a model, until its reply has ended.",
    )
    .by(&[Label::MODEL, Label::of(Key::ErrorType, ModelEnd::TEXTS)])
    .otel("gen_ai.client.operation.duration");

    /// Requests sent again.
    MODEL_RETRIES = Metric::counter(
        "toolgate_agent_model_retries_total",
        "Requests to a model that were sent again, by why the attempt before came to nothing.",
    )
    .by(&[Label::MODEL, Label::of(Key::ErrorType, ModelRetry::TEXTS)]);

    /// First pieces of replies.
    FIRST_CHUNK = Metric::histogram(
        "gen_ai_client_operation_time_to_first_chunk_seconds",
        Unit::Seconds,
        buckets::OPERATION,
        "Time from a request to a model to the first piece of its reply.",
    )
    .by(&[Label::MODEL])
    .otel("gen_ai.client.operation.time_to_first_chunk");

    /// Tokens of replies.
    TOKEN_USAGE = Metric::histogram(
        "gen_ai_client_token_usage",
        Unit::One,
        buckets::TOKENS,
        "Tokens of one request to a model and its reply.",
    )
    .by(&[Label::MODEL, Label::TOKEN_KIND])
    .otel("gen_ai.client.token.usage");

    /// Tokens.
    TOKENS = Metric::counter(
        "toolgate_agent_tokens_total",
        "Tokens, as the provider counts them.",
    )
    .by(&[Label::MODEL, Label::TOKEN_KIND])
    .published(&[Published::count("TokensUsed", "Tokens, as the provider counts them.")
        .by(&[&[], &[Dimension::TokenType]])]);

    /// Costs.
    COST = Metric::histogram(
        "toolgate_agent_cost_usd",
        Unit::Dollars,
        buckets::DOLLARS,
        "Estimated cost of a turn by the configured prices; models without a price are not here.",
    )
    .by(&[Label::MODEL]);

    /// Requests of a turn to models.
    INFERENCE_CALLS = Metric::histogram(
        "gen_ai_invoke_agent_inference_calls",
        Unit::One,
        buckets::COUNT,
        "Requests to models in a turn.",
    )
    .otel("gen_ai.invoke_agent.inference_calls");

    /// Calls of tools in a turn.
    TURN_TOOL_CALLS = Metric::histogram(
        "gen_ai_invoke_agent_tool_calls",
        Unit::One,
        buckets::COUNT,
        "Calls of tools in a turn.",
    )
    .otel("gen_ai.invoke_agent.tool_calls");

    /// Calls of tools by duration.
    TOOL_DURATION = Metric::histogram(
        "gen_ai_execute_tool_duration_seconds",
        Unit::Seconds,
        buckets::OPERATION,
        "Duration of calls of tools as the agent sees them, the way to the gateway included.",
    )
    .by(&[Label::TOOL, Label::of_tools_end()])
    .otel("gen_ai.execute_tool.duration");

    /// Calls of tools by how they ended.
    TOOL_CALLS = Metric::counter(
        "toolgate_agent_tool_calls_total",
        "Calls of tools that have ended, by how, as the agent sees them.",
    )
    .by(&[Label::TOOL, Label::of(Key::Outcome, StepEnd::TEXTS)]);

    /// Tools to choose from.
    TOOLS = Metric::gauge(
        "toolgate_agent_tools",
        Unit::One,
        "Tools that the model may choose from, as of the last list.",
    );

    /// What memory did, by duration.
    MEMORY_DURATION = Metric::histogram(
        "toolgate_agent_memory_duration_seconds",
        Unit::Seconds,
        buckets::CONNECTION,
        "Duration of what memory was asked to do.",
    )
    .by(&[OPERATION]);

    /// What memory did, by how it ended.
    MEMORY_OPERATIONS = Metric::counter(
        "toolgate_agent_memory_operations_total",
        "What memory was asked to do, by why it did not; empty when it did.",
    )
    .by(&[OPERATION, Label::of(Key::ErrorType, MemoryEnd::TEXTS)])
    .published(&[Published::count("MemoryErrors", "What memory was asked to do and did not.")
        .only(&[(Key::ErrorType, MemoryEnd::FAILED)])]);

    /// Records found.
    MEMORY_RECORDS = Metric::histogram(
        "toolgate_agent_memory_records",
        Unit::One,
        buckets::COUNT,
        "Records that memory had for a question.",
    );

    /// Turns forgotten.
    MEMORY_LOST = Metric::counter(
        "toolgate_agent_memory_lost_total",
        "Turns that will not be remembered, because they could not be written.",
    )
    .published(&[Published::count("MemoryLost", "Turns that will not be remembered.")]);

    /// Limits met.
    BUDGET_EXCEEDED = Metric::counter(
        "toolgate_agent_budget_exceeded_total",
        "Turns that met a limit, by which.",
    )
    .by(&[Label::of(Key::Reason, Budget::TEXTS)]);

    /// Answers that lack something.
    DEGRADED = Metric::counter(
        "toolgate_agent_degraded_total",
        "Turns that had to do without something, by what.",
    )
    .by(&[Label::of(Key::Missing, Missing::TEXTS)])
    .published(&[Published::count("Degraded", "What turns had to do without.")]);

    /// Tokens to show the gateway.
    TOKEN_RENEWALS = Metric::counter(
        "toolgate_agent_token_renewals_total",
        "Requests for a token to show the gateway, by what they came to.",
    )
    .by(&[Label::of(Key::Outcome, TokenFetch::TEXTS)])
    .published(&[Published::count("TokenRenewalErrors", "Requests for a token that gave none.")
        .only(&[(Key::Outcome, TokenFetch::FAILED)])]);

    /// Settings read again.
    SETTINGS_REFRESHES = Metric::counter(
        "toolgate_agent_settings_refreshes_total",
        "Times that the settings of the Parameter Store were read again; those that cannot be read or make no sense change nothing.",
    )
    .by(&[Label::of(Key::Outcome, SettingsRefresh::TEXTS)])
    .published(&[Published::count(
        "SettingsRefreshErrors",
        "Times that the settings were read again in vain.",
    )
    .only(&[(Key::Outcome, SettingsRefresh::FAILED)])]);

    /// The program.
    BUILD_INFO = Metric::gauge(
        "toolgate_agent_build_info",
        Unit::One,
        "1, with the version of the agent.",
    )
    .by(&[Label::VERSION]);
}

// === impl MemoryEnd ===

impl MemoryEnd {
    /// The ends that are failures of memory.
    pub const FAILED: &'static [&'static str] = &[
        "unavailable",
        "throttled",
        "denied",
        "timed_out",
        "corrupt",
        "full",
        "not_supported",
        "other",
    ];

    /// Whether it is one of them.
    #[must_use]
    pub fn is_failure(self) -> bool {
        Self::FAILED.contains(&self.word())
    }
}

// === impl TokenFetch ===

impl TokenFetch {
    /// What gives no token.
    pub const FAILED: &'static [&'static str] =
        &["refused", "revoked", "failed", "timeout", "unreachable", "malformed", "forbidden"];
}

// === impl SettingsRefresh ===

impl SettingsRefresh {
    /// What leaves the settings in force as they were although they may have changed.
    pub const FAILED: &'static [&'static str] = &["failed", "invalid"];
}
