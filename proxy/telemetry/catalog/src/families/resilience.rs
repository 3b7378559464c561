//! Families of retries, timeouts, the breaker and the limits of concurrency.
//!
//! Enters: nothing. Leaves: constants. Never: a value.

use crate::words::{Circuit, RetryResult, StoreTake, Suppressed, TimeoutPhase};
use crate::{Key, Label, Metric, Unit, buckets};

families! {
    /// Retries.
    RETRIES = Metric::counter(
        "toolgate_retries_total",
        "Retries by the failure that caused them and whether they helped; first attempts do not count.",
    )
    .by(&[Label::TARGET, Label::CAUSE, Label::of(Key::Outcome, RetryResult::TEXTS)]);

    /// Attempts.
    ATTEMPTS = Metric::histogram(
        "toolgate_call_attempts",
        Unit::One,
        buckets::COUNT,
        "Attempts per call.",
    )
    .by(&[Label::TARGET]);

    /// Retries not made.
    RETRY_SUPPRESSED = Metric::counter(
        "toolgate_retry_suppressed_total",
        "Failed attempts that were not repeated, by why not.",
    )
    .by(&[Label::TARGET, Label::of(Key::Reason, Suppressed::TEXTS)]);

    /// The budget for retries.
    RETRY_BUDGET = Metric::gauge(
        "toolgate_retry_budget_available_ratio",
        Unit::Ratio,
        "The part of the budget for retries that is left.",
    )
    .by(&[Label::TARGET]);

    /// Timeouts.
    TIMEOUTS = Metric::counter(
        "toolgate_timeouts_total",
        "Attempts given up because a limit of time was met.",
    )
    .by(&[Label::TARGET, Label::of(Key::Phase, TimeoutPhase::TEXTS)]);

    /// The breaker.
    CIRCUIT_STATE = Metric::gauge(
        "toolgate_circuit_state",
        Unit::One,
        "1 for the state that the target's breaker is in, 0 for the others.",
    )
    .by(&[Label::TARGET, Label::of(Key::State, Circuit::TEXTS)]);

    /// Changes of the breaker.
    CIRCUIT_TRANSITIONS = Metric::counter(
        "toolgate_circuit_transitions_total",
        "Changes of the target's breaker, by the state it went to.",
    )
    .by(&[Label::TARGET, Label::of(Key::State, Circuit::TEXTS)]);

    /// How long the breaker kept a target alone.
    CIRCUIT_OPEN_DURATION = Metric::histogram(
        "toolgate_circuit_open_duration_seconds",
        Unit::Seconds,
        buckets::STREAM,
        "Time from the opening of the target's breaker to its closing, trials in between included.",
    )
    .by(&[Label::TARGET]);

    /// Calls that the breaker refused.
    CIRCUIT_REJECTED = Metric::counter(
        "toolgate_circuit_rejected_total",
        "Attempts that the target's open breaker refused.",
    )
    .by(&[Label::TARGET]);

    /// The limit of concurrency.
    CONCURRENCY_LIMIT = Metric::gauge(
        "toolgate_concurrency_limit",
        Unit::One,
        "Calls that may be at the target at once.",
    )
    .by(&[Label::TARGET]);

    /// Permits in use.
    CONCURRENCY_IN_USE = Metric::gauge(
        "toolgate_concurrency_in_use",
        Unit::One,
        "Calls that are at the target.",
    )
    .by(&[Label::TARGET]);

    /// Tokens out of buckets that gateways share.
    STORE_TAKES = Metric::counter(
        "toolgate_rate_store_takes_total",
        "Calls whose rate buckets are in the store that gateways share, by what came of asking it. All but `taken` and `empty` were decided by `limits.shared.on_failure`.",
    )
    .by(&[Label::of(Key::Outcome, StoreTake::TEXTS)]);

    /// How long the store takes.
    STORE_DURATION = Metric::histogram(
        "toolgate_rate_store_duration_seconds",
        Unit::Seconds,
        buckets::CONNECTION,
        "How long calls waited for the store of shared rate buckets, at most its timeout.",
    );

    /// Whether the store can be asked.
    STORE_UP = Metric::gauge(
        "toolgate_rate_store_up",
        Unit::One,
        "1 while the store of shared rate buckets can be asked, 0 while calls go by `limits.shared.on_failure`.",
    );
}
