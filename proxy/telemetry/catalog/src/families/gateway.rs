//! Families of the front door: calls, connections, streams, sessions.
//!
//! Enters: nothing. Leaves: constants. Never: a value.

use toolgate_call::AskKind;

use crate::words::{
    CertificateOf, ConnectionRejected, Direction, GrantEvent, LoopEnd, OverheadPhase, QuestionEnd,
    RateScope, Refresh, SecretRead, SecretSource, SessionEvent, Shed, StreamEnd, TlsEnd, Word,
};
use crate::{Dimension, Key, Label, Metric, Published, Slo, Unit, buckets};

/// Outcomes that count against the gateway or what lies behind it.
const SYSTEM: &[&str] = &["gateway", "network", "target"];
/// Those, and tools that said no.
const FAILED: &[&str] = &["gateway", "network", "target", "tool"];
/// Over everything, and by target.
const BY_TARGET: &[&[Dimension]] = &[&[], &[Dimension::Target]];

families! {
    /// Calls by duration.
    OPERATION_DURATION = Metric::histogram(
        "mcp_server_operation_duration_seconds",
        Unit::Seconds,
        buckets::OPERATION,
        "Duration of calls as the caller sees them, from the first byte read to the last byte written.",
    )
    .by(&[Label::METHOD, Label::TARGET, Label::TOOL, Label::ERROR_TYPE])
    .otel("mcp.server.operation.duration")
    .slo(Slo::Latency)
    .published(&[
        Published::milliseconds("Latency", "Duration of calls as the caller sees them.")
            .by(BY_TARGET),
        Published::observations("ErrorByType", "Calls that failed, by why.")
            .by(&[&[Dimension::ErrorType]]),
    ]);

    /// Calls by outcome.
    REQUESTS = Metric::counter(
        "toolgate_requests_total",
        "Calls that have ended, by whom a failure counts against.",
    )
    .by(&[Label::METHOD, Label::TARGET, Label::OUTCOME])
    .slo(Slo::Availability)
    .published(&[
        Published::count("RequestCount", "Calls that have ended.").by(BY_TARGET),
        Published::count("ErrorCount", "Calls that failed, but not by the caller's own doing.")
            .only(&[(Key::Outcome, FAILED)])
            .by(BY_TARGET),
        Published::count("SystemErrors", "Calls that gateway, network or target made fail.")
            .only(&[(Key::Outcome, SYSTEM)])
            .by(BY_TARGET),
        Published::count("UserErrors", "Calls that failed by the caller's own doing.")
            .only(&[(Key::Outcome, &["caller"])]),
    ]);

    /// Tool calls by outcome.
    TOOL_CALLS = Metric::counter(
        "toolgate_tool_calls_total",
        "Calls of tools that have ended, by tool and by whom a failure counts against.",
    )
    .by(&[Label::TARGET, Label::TOOL, Label::OUTCOME])
    .slo(Slo::ToolSuccess)
    .published(&[
        Published::count("ToolInvocation", "Calls of tools that have ended.")
            .by(&[&[], &[Dimension::ToolName]]),
        Published::count("ToolErrors", "Calls of tools that the tool itself said no to.")
            .only(&[(Key::Outcome, &["tool"])]),
    ]);

    /// Calls in flight.
    REQUESTS_ACTIVE = Metric::gauge(
        "toolgate_requests_active",
        Unit::One,
        "Calls in flight, until the last byte is written or the caller is gone.",
    );

    /// The gateway's own time.
    OVERHEAD_DURATION = Metric::histogram(
        "toolgate_overhead_duration_seconds",
        Unit::Seconds,
        buckets::OVERHEAD,
        "Time of a call in the phases authenticate, authorize (with the choice of the target) and queue (until there is a permit); total is the sum of these three, without reading, writing and the target.",
    )
    .by(&[Label::of(Key::Phase, OverheadPhase::TEXTS)])
    .slo(Slo::Overhead)
    .published(&[Published::milliseconds("Overhead", "The gateway's own time of a call.")
        .only(&[(Key::Phase, &["total"])])]);

    /// First bytes.
    FIRST_BYTE_DURATION = Metric::histogram(
        "toolgate_first_byte_duration_seconds",
        Unit::Seconds,
        buckets::OPERATION,
        "Time from the first byte read of a tool call to the first byte of the target's answer, for calls that were answered.",
    )
    .by(&[Label::TARGET]);

    /// Bodies received.
    REQUEST_BODY = Metric::histogram(
        "toolgate_request_body_size_bytes",
        Unit::Bytes,
        buckets::BYTES,
        "Body bytes read from the caller, per call.",
    )
    .by(&[Label::TARGET]);

    /// Bodies sent.
    RESPONSE_BODY = Metric::histogram(
        "toolgate_response_body_size_bytes",
        Unit::Bytes,
        buckets::BYTES,
        "Body bytes written to the caller, per call.",
    )
    .by(&[Label::TARGET]);

    /// Connections open.
    CONNECTIONS_ACTIVE = Metric::gauge(
        "toolgate_connections_active",
        Unit::One,
        "Connections from callers that are open.",
    );

    /// Connections accepted.
    CONNECTIONS_ACCEPTED = Metric::counter(
        "toolgate_connections_accepted_total",
        "Connections from callers that were accepted.",
    );

    /// Connections turned away.
    CONNECTIONS_REJECTED = Metric::counter(
        "toolgate_connections_rejected_total",
        "Connections from callers that were turned away.",
    )
    .by(&[Label::of(Key::Reason, ConnectionRejected::TEXTS)]);

    /// TLS handshakes.
    TLS_HANDSHAKES = Metric::counter(
        "toolgate_tls_handshakes_total",
        "TLS handshakes with callers, by how they ended; none without `tls`.",
    )
    .by(&[Label::of(Key::Reason, TlsEnd::TEXTS)]);

    /// Ends of certificates.
    TLS_NOT_AFTER = Metric::gauge(
        "toolgate_tls_certificate_not_after_timestamp_seconds",
        Unit::Timestamp,
        "When the certificate ends that is in use: the gateway's own, and the first to end of the authorities of callers' certificates; none without `tls`.",
    )
    .by(&[Label::of(Key::Kind, CertificateOf::TEXTS)]);

    /// Reading the certificate files again.
    TLS_RELOADS = Metric::counter(
        "toolgate_tls_reloads_total",
        "Times that the files of `tls` were read again; those that are wrong change nothing.",
    )
    .by(&[Label::of(Key::Outcome, Refresh::TEXTS)]);

    /// Streams open.
    STREAMS_ACTIVE = Metric::gauge(
        "toolgate_streams_active",
        Unit::One,
        "Event streams to callers that are open.",
    );

    /// Streams by duration.
    STREAM_DURATION = Metric::histogram(
        "toolgate_stream_duration_seconds",
        Unit::Seconds,
        buckets::STREAM,
        "How long event streams to callers were open, by why they ended.",
    )
    .by(&[Label::of(Key::Reason, StreamEnd::TEXTS)]);

    /// Requests by revision.
    PROTOCOL_REQUESTS = Metric::counter(
        "toolgate_protocol_requests_total",
        "Requests by protocol revision, on the caller's and on the target's side.",
    )
    .by(&[Label::REVISION, Label::of(Key::Direction, Direction::TEXTS)]);

    /// Translations between eras.
    TRANSLATIONS = Metric::counter(
        "toolgate_era_translations_total",
        "Messages translated between the two eras of the protocol, by the side that receives them.",
    )
    .by(&[Label::of(Key::Direction, Direction::TEXTS)]);

    /// Calls shed.
    SHED = Metric::counter(
        "toolgate_shed_total",
        "Calls refused at once because a limit of concurrency, or of subscriptions, was met; each resource that is left out of a subscription counts.",
    )
    .by(&[Label::of(Key::Scope, Shed::TEXTS)])
    .published(&[Published::count("Throttles", "Calls refused because a limit was met.")]);

    /// Calls that came too often.
    RATE_LIMITED = Metric::counter(
        "toolgate_rate_limited_total",
        "Calls refused because a limit of their rate was met, by what the limit is for.",
    )
    .by(&[Label::of(Key::Scope, RateScope::TEXTS)]);

    /// The same again.
    LOOPS = Metric::counter(
        "toolgate_repeated_calls_total",
        "Calls of a tool that went on although the same caller had got the same answer to the same arguments: slowed, stopped, or forgotten because there were too many to remember.",
    )
    .by(&[Label::of(Key::Outcome, LoopEnd::TEXTS)]);

    /// Buckets forgotten.
    BUCKETS_EVICTED = Metric::counter(
        "toolgate_rate_buckets_evicted_total",
        "Buckets of rate limits that were forgotten before they were full, because there were too many; whoever they belong to begins with a full one.",
    );

    /// Sessions of the older era.
    SESSIONS = Metric::counter(
        "toolgate_sessions_total",
        "What became of sessions of the older era of the protocol.",
    )
    .by(&[Label::of(Key::Event, SessionEvent::TEXTS)]);

    /// Questions of targets.
    QUESTIONS = Metric::counter(
        "toolgate_questions_total",
        "Questions that targets asked about calls (elicitation, sampling, roots) and that the gateway had to pass on in other words, by kind and by what became of them.",
    )
    .by(&[
        Label::of(Key::Kind, <AskKind as Word>::WORDS),
        Label::of(Key::Event, QuestionEnd::TEXTS),
    ]);

    /// Calls that wait for their callers.
    PARKED = Metric::gauge(
        "toolgate_parked_calls",
        Unit::One,
        "Calls at older targets that wait for their modern callers to come back with an answer; each holds its permits at the target.",
    );

    /// What becomes of users' grants.
    GRANT_EVENTS = Metric::counter(
        "toolgate_grant_events_total",
        "What became of what users were asked to let the gateway do for them at targets.",
    )
    .by(&[Label::of(Key::Event, GrantEvent::TEXTS)]);

    /// Grants that are held.
    GRANTS = Metric::gauge(
        "toolgate_grants",
        Unit::One,
        "Grants of users at targets that are held.",
    );

    /// Users who have not answered yet.
    GRANTS_PENDING = Metric::gauge(
        "toolgate_grants_pending",
        Unit::One,
        "Links that wait for their users, and browsers that are with an authorization server.",
    );

    /// The program.
    BUILD_INFO = Metric::gauge(
        "toolgate_build_info",
        Unit::One,
        "Always 1; the labels say what is running.",
    )
    .by(&[Label::VERSION])
    .published(&[Published::count("GatewayUp", "1 a minute from each gateway that runs.")]);

    /// Reading the pins file again.
    PINS_RELOADS = Metric::counter(
        "toolgate_pins_reloads_total",
        "Times that the pins file was read again; one that is wrong changes nothing.",
    )
    .by(&[Label::of(Key::Outcome, Refresh::TEXTS)]);

    /// Lists that weigh too much.
    LISTS_OVER_BUDGET = Metric::gauge(
        "toolgate_lists_over_budget",
        Unit::One,
        "Lists of tools, of servers and of the gateway as a whole, whose definitions weigh more by estimate than `definitions.warn_tokens`; the log says which.",
    );

    /// Reading the policies again.
    POLICY_RELOADS = Metric::counter(
        "toolgate_policy_reloads_total",
        "Times that the files of policies were read again; what is wrong in one changes nothing.",
    )
    .by(&[Label::of(Key::Outcome, Refresh::TEXTS)]);

    /// Reading the key file again.
    KEYS_RELOADS = Metric::counter(
        "toolgate_key_file_reloads_total",
        "Times that the file of API keys was read again; one that is wrong changes nothing.",
    )
    .by(&[Label::of(Key::Outcome, Refresh::TEXTS)]);

    /// Secrets read again.
    SECRET_READS = Metric::counter(
        "toolgate_secret_reads_total",
        "Re-reads of secrets, by where they are kept and what they came to.",
    )
    .by(&[
        Label::of(Key::Source, SecretSource::TEXTS),
        Label::of(Key::Outcome, SecretRead::TEXTS),
    ]);
}
