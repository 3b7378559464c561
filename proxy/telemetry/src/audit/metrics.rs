//! The numbers of the audit log.
//!
//! Enters: what became of records. Leaves: counters, gauges and a histogram. Never: a value of a record.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use metrics::Gauge;
use toolgate_telemetry_catalog::{AuditKind, AuditLoss, Word, audit as family};

use crate::cells::Histogram;
use crate::handles::Counters;
use crate::registry::Registry;

/// See the module.
#[derive(Debug)]
pub(crate) struct AuditMetrics {
    records: Counters<AuditKind>,
    lost: Counters<AuditLoss>,
    sync: Histogram,
    size: Gauge,
    queue: Gauge,
    last: Gauge,
}

/// Losses that stand in no record yet.
#[derive(Debug, Default)]
pub(super) struct Losses([AtomicU64; AuditLoss::ALL.len()]);

/// How many, by why.
pub(super) type Counts = [u64; AuditLoss::ALL.len()];

// === impl AuditMetrics ===

impl AuditMetrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            records: Counters::new(registry, &family::RECORDS, &[]),
            lost: Counters::new(registry, &family::LOST, &[]),
            sync: registry.histogram(&family::SYNC_DURATION, &[]),
            size: registry.gauge(&family::FILE_SIZE, &[]),
            queue: registry.gauge(&family::QUEUE_SIZE, &[]),
            last: registry.gauge(&family::LAST_SEQUENCE, &[]),
        }
    }

    pub(super) fn written(&self, kind: AuditKind) {
        self.records.add(kind);
    }

    pub(super) fn lost(&self, loss: AuditLoss) {
        self.lost.add(loss);
    }

    pub(super) fn synced(&self, took: Duration) {
        self.sync.record(took.as_secs_f64());
    }

    #[expect(clippy::cast_precision_loss, reason = "a file of 8 PiB is not expected")]
    pub(super) fn file_size(&self, bytes: u64) {
        self.size.set(bytes as f64);
    }

    pub(super) fn queued(&self, bytes: usize) {
        self.queue.set(bytes as f64);
    }

    pub(super) fn last(&self, seq: u64) {
        self.last.set(seq as f64);
    }
}

#[cfg(test)]
impl AuditMetrics {
    pub(super) fn syncs(&self) -> u64 {
        self.sync.count()
    }

    pub(super) fn losses(&self) -> u64 {
        self.lost.total()
    }
}

// === impl Losses ===

impl Losses {
    pub(super) fn add(&self, loss: AuditLoss) {
        if let Some(count) = self.0.get(loss.index()) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// What there is, if anything.
    pub(super) fn take(&self) -> Option<Counts> {
        let counts = self.0.each_ref().map(|count| count.swap(0, Relaxed));
        counts.iter().any(|count| *count > 0).then_some(counts)
    }

    /// It could not be written either.
    pub(super) fn give_back(&self, counts: Option<&Counts>) {
        for (count, back) in self.0.iter().zip(counts.into_iter().flatten()) {
            count.fetch_add(*back, Relaxed);
        }
    }
}
