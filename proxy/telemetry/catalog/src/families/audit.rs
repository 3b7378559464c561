//! Families of the audit log.
//!
//! Enters: nothing. Leaves: constants. Never: a value.

use crate::words::{AuditKind, AuditLoss};
use crate::{Key, Label, Metric, Published, Unit, buckets};

families! {
    /// Records written.
    RECORDS = Metric::counter(
        "toolgate_audit_records_total",
        "Records that were written to the audit log, by what they are about.",
    )
    .by(&[Label::of(Key::Kind, AuditKind::TEXTS)]);

    /// Records lost.
    LOST = Metric::counter(
        "toolgate_audit_records_lost_total",
        "Records that the audit log could not take, by why; with `audit.required` their calls were refused.",
    )
    .by(&[Label::of(Key::Reason, AuditLoss::TEXTS)])
    .published(&[Published::count("AuditLost", "Records that the audit log could not take.")]);

    /// Making records durable.
    SYNC_DURATION = Metric::histogram(
        "toolgate_audit_sync_duration_seconds",
        Unit::Seconds,
        buckets::CONNECTION,
        "Duration of making written records durable (fdatasync); many records share one.",
    );

    /// The file.
    FILE_SIZE = Metric::gauge(
        "toolgate_audit_file_size_bytes",
        Unit::Bytes,
        "Size of the file that the audit log is being written to.",
    );

    /// Records that wait.
    QUEUE_SIZE = Metric::gauge(
        "toolgate_audit_queue_size_bytes",
        Unit::Bytes,
        "Bytes of records that were waiting when the writer last took them.",
    );

    /// The last number.
    LAST_SEQUENCE = Metric::gauge(
        "toolgate_audit_last_sequence",
        Unit::One,
        "Number of the last record that was written; 0 without an audit log.",
    );
}
