//! Families of the targets themselves.
//!
//! Enters: nothing. Leaves: constants. Never: a value.

use crate::words::{
    ConnectPhase, ContractAction, ContractChange, Flow, Health, ListCause, PoolState, Refresh,
    Restart, SchemaChange, TokenFetch,
};
use crate::{Dimension, Key, Label, Metric, Published, Unit, buckets};

families! {
    /// Attempts by duration.
    OPERATION_DURATION = Metric::histogram(
        "mcp_client_operation_duration_seconds",
        Unit::Seconds,
        buckets::OPERATION,
        "Duration of attempts at a target, one observation per attempt.",
    )
    .by(&[Label::METHOD, Label::TARGET, Label::ERROR_TYPE])
    .otel("mcp.client.operation.duration")
    .published(&[Published::milliseconds("TargetExecutionTime", "Duration of attempts at a target.")
        .by(&[&[], &[Dimension::Target]])]);

    /// Health.
    UP = Metric::gauge(
        "toolgate_target_up",
        Unit::One,
        "1 while the target is healthy, 0 while it is not.",
    )
    .by(&[Label::TARGET])
    .published(&[Published::count("TargetUp", "1 or 0 of each target; its minimum tells of any.")]);

    /// Health checks.
    HEALTH_CHECKS = Metric::counter(
        "toolgate_target_health_checks_total",
        "Health checks of the target.",
    )
    .by(&[Label::TARGET, Label::of(Key::Outcome, Health::TEXTS)]);

    /// Connecting.
    CONNECT_DURATION = Metric::histogram(
        "toolgate_target_connect_duration_seconds",
        Unit::Seconds,
        buckets::CONNECTION,
        "Duration of the steps of connecting to the target.",
    )
    .by(&[Label::TARGET, Label::of(Key::Phase, ConnectPhase::TEXTS)]);

    /// Pooled connections.
    POOL_CONNECTIONS = Metric::gauge(
        "toolgate_target_pool_connections",
        Unit::One,
        "Connections to the target that are kept open.",
    )
    .by(&[Label::TARGET, Label::of(Key::State, PoolState::TEXTS)]);

    /// Bytes.
    BYTES = Metric::counter(
        "toolgate_target_bytes_total",
        "Body bytes sent to and received from the target.",
    )
    .in_unit(Unit::Bytes)
    .by(&[Label::TARGET, Label::of(Key::Direction, Flow::TEXTS)]);

    /// Refreshes of the list.
    LIST_REFRESH = Metric::counter(
        "toolgate_target_list_refresh_total",
        "Refreshes of the target's list of tools.",
    )
    .by(&[
        Label::TARGET,
        Label::of(Key::Outcome, Refresh::TEXTS),
        Label::of(Key::Reason, ListCause::TEXTS),
    ]);

    /// Tools listed.
    TOOLS = Metric::gauge(
        "toolgate_target_tools",
        Unit::One,
        "Tools in the target's list.",
    )
    .by(&[Label::TARGET]);

    /// Size of the list.
    LIST_SIZE = Metric::gauge(
        "toolgate_target_list_size_bytes",
        Unit::Bytes,
        "Size of the target's list of tools: what it costs of an agent's context.",
    )
    .by(&[Label::TARGET]);

    /// Weight of the list.
    LIST_TOKENS = Metric::gauge(
        "toolgate_target_list_tokens",
        Unit::One,
        "Tokens of the definitions in the target's list of tools, by estimate: a quarter of their bytes, rounded up; models count each in their own way.",
    )
    .by(&[Label::TARGET]);

    /// Changes of the list.
    TOOL_SCHEMA_CHANGES = Metric::counter(
        "toolgate_target_tool_schema_changes_total",
        "Tools that a later list of the target has added, removed or described differently.",
    )
    .by(&[Label::TARGET, Label::of(Key::Kind, SchemaChange::TEXTS)]);

    /// Differences from what was approved.
    CONTRACT_CHANGES = Metric::counter(
        "toolgate_target_contract_changes_total",
        "Tools found to differ from their approved definitions (without a pins file: from the first ones seen), by how they differ and what is done about it; one for each class of a difference.",
    )
    .by(&[
        Label::TARGET,
        Label::of(Key::Kind, ContractChange::TEXTS),
        Label::of(Key::Action, ContractAction::TEXTS),
    ]);

    /// Tools held back.
    TOOLS_QUARANTINED = Metric::gauge(
        "toolgate_target_tools_quarantined",
        Unit::One,
        "Tools that are neither listed nor called, because they differ from their approved definitions.",
    )
    .by(&[Label::TARGET]);

    /// Definitions forgotten.
    CONTRACTS_FORGOTTEN = Metric::counter(
        "toolgate_target_contracts_forgotten_total",
        "First definitions of tools that are gone, forgotten to bound memory; only without a pins file.",
    )
    .by(&[Label::TARGET]);

    /// Tools left out.
    TOOLS_LEFT_OUT = Metric::counter(
        "toolgate_target_tools_left_out_total",
        "Tools left out of a list that was fetched, because their `x-mcp-header` annotations are wrong.",
    )
    .by(&[Label::TARGET]);

    /// The child process.
    PROCESS_UP = Metric::gauge(
        "toolgate_target_process_up",
        Unit::One,
        "1 while the target's process runs, 0 while it does not.",
    )
    .by(&[Label::TARGET]);

    /// Restarts of the child process.
    PROCESS_RESTARTS = Metric::counter(
        "toolgate_target_process_restarts_total",
        "Restarts of the target's process, by what ended it.",
    )
    .by(&[Label::TARGET, Label::of(Key::Reason, Restart::TEXTS)]);

    /// Runs of a function.
    FUNCTION_DURATION = Metric::histogram(
        "toolgate_target_function_duration_seconds",
        Unit::Seconds,
        buckets::OPERATION,
        "Duration of runs of the target's Lambda function, as Lambda says at the end of its log.",
    )
    .by(&[Label::TARGET]);

    /// Cold starts of a function.
    FUNCTION_INIT = Metric::histogram(
        "toolgate_target_function_init_duration_seconds",
        Unit::Seconds,
        buckets::OPERATION,
        "Duration of cold starts of the target's Lambda function; their number is that of the runs that had to wait for one.",
    )
    .by(&[Label::TARGET]);

    /// Sessions made again.
    REESTABLISHED = Metric::counter(
        "toolgate_target_sessions_reestablished_total",
        "Sessions at the target that were lost and made again.",
    )
    .by(&[Label::TARGET]);

    /// Tokens fetched.
    CREDENTIALS_FETCHES = Metric::counter(
        "toolgate_target_credentials_fetches_total",
        "Requests to the token endpoint for credentials to show the target, by what they came to.",
    )
    .by(&[Label::TARGET, Label::of(Key::Outcome, TokenFetch::TEXTS)]);

    /// Callers' tokens held.
    CREDENTIALS_CACHED = Metric::gauge(
        "toolgate_target_credentials_cached",
        Unit::One,
        "Callers for whom a token was exchanged that is held.",
    )
    .by(&[Label::TARGET]);

    /// Times that the target did not take what it was shown.
    CREDENTIALS_REFUSED = Metric::counter(
        "toolgate_target_credentials_refused_total",
        "Times that the target answered 401 to what the gateway showed it; each asks for something newer.",
    )
    .by(&[Label::TARGET]);

    /// When the newest token ends.
    CREDENTIALS_EXPIRY = Metric::gauge(
        "toolgate_target_credentials_expiry_timestamp_seconds",
        Unit::Timestamp,
        "When the newest of the gateway's own tokens for the target ends; a target that is not called keeps an old one.",
    )
    .by(&[Label::TARGET]);

    /// Tokens exchanged for callers that were forgotten.
    CREDENTIALS_EVICTED = Metric::counter(
        "toolgate_target_credentials_evicted_total",
        "Exchanged tokens of callers that were forgotten before they ended, to bound memory.",
    )
    .by(&[Label::TARGET]);
}
