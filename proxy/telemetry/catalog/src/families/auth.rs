//! Families of authentication, key sets and authorization.
//!
//! Enters: nothing. Leaves: constants. Never: a value.

use crate::words::{
    AuthCheck, AuthResult, CacheEvent, Decision, RefreshCause, RefreshOutcome, Verdict,
};
use crate::{Key, Label, Metric, Unit, buckets};

families! {
    /// Tokens checked.
    REQUESTS = Metric::counter(
        "toolgate_auth_requests_total",
        "Requests by what the check of their token came to.",
    )
    .by(&[
        Label::ISSUER,
        Label::of(Key::Outcome, Verdict::TEXTS),
        Label::of(Key::Reason, AuthResult::TEXTS),
    ]);

    /// Checks by duration.
    DURATION = Metric::histogram(
        "toolgate_auth_duration_seconds",
        Unit::Seconds,
        buckets::OVERHEAD,
        "Duration of token checks, those answered from memory apart from those that verified a signature.",
    )
    .by(&[Label::of(Key::Outcome, AuthCheck::TEXTS)]);

    /// The memory of verified tokens.
    CACHE = Metric::counter(
        "toolgate_auth_cache_total",
        "What the memory of verified tokens did.",
    )
    .by(&[Label::of(Key::Outcome, CacheEvent::TEXTS)]);

    /// Refreshes of keys.
    JWKS_REFRESH = Metric::counter(
        "toolgate_jwks_refresh_total",
        "Refreshes of an issuer's keys, by what they came to and why they were made.",
    )
    .by(&[
        Label::ISSUER,
        Label::of(Key::Outcome, RefreshOutcome::TEXTS),
        Label::of(Key::Reason, RefreshCause::TEXTS),
    ]);

    /// Refreshes by duration.
    JWKS_REFRESH_DURATION = Metric::histogram(
        "toolgate_jwks_refresh_duration_seconds",
        Unit::Seconds,
        buckets::CONNECTION,
        "Duration of refreshes of an issuer's keys.",
    )
    .by(&[Label::ISSUER]);

    /// When keys were last loaded.
    JWKS_LAST_SUCCESS = Metric::gauge(
        "toolgate_jwks_last_success_timestamp_seconds",
        Unit::Timestamp,
        "When an issuer's keys were last loaded; their age is time() minus this.",
    )
    .by(&[Label::ISSUER]);

    /// Keys in use.
    JWKS_KEYS = Metric::gauge(
        "toolgate_jwks_keys",
        Unit::One,
        "Keys of an issuer that are in use.",
    )
    .by(&[Label::ISSUER]);

    /// Decisions.
    DECISIONS = Metric::counter(
        "toolgate_authz_decisions_total",
        "Decisions on whether a principal may do what it asks.",
    )
    .by(&[
        Label::TARGET,
        Label::of(Key::Outcome, Decision::TEXTS),
        Label::of(Key::Reason, Decision::REASONS),
    ]);

    /// The memory of what policies said.
    POLICY_CACHE = Metric::counter(
        "toolgate_policy_cache_total",
        "What the memory of policies' decisions did.",
    )
    .by(&[Label::of(Key::Outcome, CacheEvent::TEXTS)]);

    /// Policies that could not be judged.
    POLICY_FAILURES = Metric::counter(
        "toolgate_policy_failures_total",
        "Decisions that were refused since a policy could not be judged.",
    );
}
