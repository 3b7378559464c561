//! Families by which telemetry watches itself.
//!
//! Enters: nothing. Leaves: constants. Never: a value.

use crate::words::{Kept, RulesAsked, SampleSource, Sampled};
use crate::{Key, Label, Metric, Published, Unit, buckets};

/// The access log, as a value of the `signal` label.
pub const ACCESS_LOG: &str = "access_log";
/// The agent's interaction log, as a value of the `signal` label.
pub const INTERACTIONS: &str = "interaction_log";
/// Spans, as a value of the `signal` label.
pub const TRACES: &str = "traces";
/// Copies of audit records, as a value of the `signal` label.
pub const AUDIT_COPY: &str = "audit_copy";
/// Numbers for CloudWatch, as a value of the `signal` label.
pub const CLOUDWATCH: &str = "cloudwatch";

/// What becomes of items: [`crate::Delivery`] of log lines, [`crate::Export`] of spans,
/// [`crate::CloudFate`] of numbers for CloudWatch.
const OUTCOMES: &[&str] = &["exported", "dropped", "rejected", "skipped", "sampled_out"];
const REASONS: &[&str] = &[
    "ok",
    "queue_full",
    "io",
    "sampled_out",
    "http_4xx",
    "http_5xx",
    "throttled",
    "timeout",
    "connect",
    "partial",
    "oversize",
    "credentials",
    "shutdown",
    "invalid",
    "tool_limit",
];

families! {
    /// Items of telemetry.
    ITEMS = Metric::counter(
        "toolgate_telemetry_items_total",
        "Items of telemetry by what became of them.",
    )
    .by(&[
        Label::of(Key::Signal, &[ACCESS_LOG, INTERACTIONS, TRACES, CLOUDWATCH, AUDIT_COPY]),
        Label::of(Key::Outcome, OUTCOMES),
        Label::of(Key::Reason, REASONS),
    ])
    .published(&[Published::count("TelemetryDropped", "Items of telemetry that were lost.")
        .only(&[(Key::Outcome, &["dropped"])])]);

    /// Exports by duration.
    EXPORT_DURATION = Metric::histogram(
        "toolgate_telemetry_export_duration_seconds",
        Unit::Seconds,
        buckets::CONNECTION,
        "Duration of handing a batch to its backend, repetitions included.",
    )
    .by(&[Label::of(Key::Signal, &[TRACES, CLOUDWATCH]), Label::of(Key::Outcome, OUTCOMES)]);

    /// Batches by size.
    BATCH_SIZE = Metric::histogram(
        "toolgate_telemetry_batch_size",
        Unit::One,
        buckets::BATCH,
        "Items in a batch that was handed to its backend.",
    )
    .by(&[Label::of(Key::Signal, &[TRACES, CLOUDWATCH])]);

    /// Items that wait.
    QUEUE_DEPTH = Metric::gauge(
        "toolgate_telemetry_queue_depth",
        Unit::One,
        "Items that wait to be exported, as of the last look at the queue.",
    )
    .by(&[Label::of(Key::Signal, &[TRACES, CLOUDWATCH])]);

    /// Items that may wait.
    QUEUE_CAPACITY = Metric::gauge(
        "toolgate_telemetry_queue_capacity",
        Unit::One,
        "Items that may wait to be exported; what comes on top is dropped and counted.",
    )
    .by(&[Label::of(Key::Signal, &[TRACES])]);

    /// When an export last worked.
    LAST_SUCCESS = Metric::gauge(
        "toolgate_telemetry_last_success_timestamp_seconds",
        Unit::Timestamp,
        "When a backend last took a batch; 0 if it never has.",
    )
    .by(&[Label::of(Key::Signal, &[TRACES, CLOUDWATCH])]);

    /// Sampling decisions.
    SAMPLING_DECISIONS = Metric::counter(
        "toolgate_sampling_decisions_total",
        "Decisions at the beginning of a call about its trace, by what decided.",
    )
    .by(&[
        Label::of(Key::Source, SampleSource::TEXTS),
        Label::of(Key::Outcome, Sampled::TEXTS),
    ]);

    /// Sampling rules asked for.
    RULE_REFRESHES = Metric::counter(
        "toolgate_sampling_rule_refreshes_total",
        "Times that X-Ray was asked for its sampling rules, by how that ended.",
    )
    .by(&[Label::of(Key::Outcome, RulesAsked::TEXTS)]);

    /// Documents trimmed.
    TRIMMED = Metric::counter(
        "toolgate_trace_documents_trimmed_total",
        "X-Ray documents of which metadata, events or causes were left out, because they were larger than X-Ray takes.",
    );

    /// Traces kept.
    TRACES_KEPT = Metric::counter(
        "toolgate_traces_kept_total",
        "Calls whose spans were kept, by why.",
    )
    .by(&[Label::of(Key::Reason, Kept::TEXTS)]);

    /// Failures not kept.
    TRACES_SKIPPED = Metric::counter(
        "toolgate_traces_skipped_total",
        "Failed, denied or slow calls whose spans were not kept, because too many of them came at once.",
    );

    /// Histogram series.
    SERIES_ACTIVE = Metric::gauge(
        "toolgate_series_active",
        Unit::One,
        "Label sets of histograms that exist; each costs about twenty lines of exposition.",
    );

    /// Histogram series refused.
    SERIES_OVERFLOW = Metric::counter(
        "toolgate_series_overflow_total",
        "Label sets that were folded into _OTHER because a limit of series was reached; a tool again with each list that names it.",
    );

    /// Rendering.
    SCRAPE_DURATION = Metric::histogram(
        "toolgate_scrape_render_duration_seconds",
        Unit::Seconds,
        buckets::OVERHEAD,
        "Duration of rendering the metrics for one scrape; a scrape shows those before it.",
    );
}
