//! Minutes that wait, and the count of what becomes of their numbers.
//!
//! Enters: minutes. Leaves: the oldest first. Never: more than 15 of them; a datum without a fate,
//! also when everything is cut off.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metrics::Gauge;
use tokio::sync::Notify;
use toolgate_telemetry_catalog::{CloudFate, Word as _, access as family};

use super::fold::Taken;
use super::{Datum, limits};
use crate::cells::{Counter, Histogram};
use crate::registry::Registry;

/// Minutes that may wait.
pub(super) const MINUTES: usize = 15;

/// What is counted.
#[derive(Debug)]
pub(super) struct Fates {
    fates: Vec<Counter>,
    exported: Histogram,
    dropped: Histogram,
    size: Histogram,
    last: Gauge,
    depth: Gauge,
}

/// Minutes that wait.
#[derive(Debug)]
pub(super) struct Backlog {
    waiting: Mutex<Waiting>,
    woken: Notify,
    fates: Arc<Fates>,
}

#[derive(Debug, Default)]
struct Waiting {
    minutes: VecDeque<Minute>,
    /// Nothing more will come.
    over: bool,
}

#[derive(Debug)]
struct Minute {
    datums: Vec<Datum>,
    /// Why it was not taken the last time.
    refused: Option<CloudFate>,
}

/// Datums that are on their way; those that are cut off are counted.
#[derive(Debug)]
pub(super) struct UnderWay {
    pub(super) datums: Vec<Datum>,
    fates: Arc<Fates>,
}

// === impl Fates ===

impl Fates {
    pub(super) fn new(registry: &Registry) -> Self {
        let signal = family::CLOUDWATCH;
        let fate = |fate: &CloudFate| {
            registry.counter(&family::ITEMS, &[signal, fate.outcome(), fate.word()])
        };
        let took = |outcome| registry.histogram(&family::EXPORT_DURATION, &[signal, outcome]);
        Self {
            fates: CloudFate::ALL.iter().map(fate).collect(),
            exported: took("exported"),
            dropped: took("dropped"),
            size: registry.histogram(&family::BATCH_SIZE, &[signal]),
            last: registry.gauge(&family::LAST_SUCCESS, &[signal]),
            depth: registry.gauge(&family::QUEUE_DEPTH, &[signal]),
        }
    }

    pub(super) fn count(&self, fate: CloudFate, datums: usize) {
        if let Some(counter) = self.fates.get(fate.index()) {
            counter.increment(datums as u64);
        }
    }

    /// A batch was taken.
    pub(super) fn worked(&self, datums: usize, took: Duration) {
        self.count(CloudFate::Exported, datums);
        self.size.record(many(datums));
        self.exported.record(took.as_secs_f64());
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last.set(since.as_secs_f64());
    }

    /// A batch was not taken; it may still be.
    pub(super) fn failed(&self, datums: usize, took: Duration) {
        self.size.record(many(datums));
        self.dropped.record(took.as_secs_f64());
    }
}

// === impl Backlog ===

impl Backlog {
    pub(super) fn new(fates: Arc<Fates>) -> Self {
        Self { waiting: Mutex::default(), woken: Notify::new(), fates }
    }

    /// Takes a minute in, without what CloudWatch would refuse. The oldest one goes if there are too
    /// many. `last` says that it is the last.
    pub(super) fn push(&self, taken: Taken, last: bool) {
        let Taken { datums, beyond } = taken;
        self.fates.count(CloudFate::ToolLimit, usize::try_from(beyond).unwrap_or(usize::MAX));
        let (fit, odd): (Vec<_>, Vec<_>) =
            datums.into_iter().partition(|datum| limits::fault(datum).is_none());
        self.fates.count(CloudFate::Invalid, odd.len());
        if let Some((datum, fault)) =
            odd.first().and_then(|datum| Some((datum, limits::fault(datum)?)))
        {
            tracing::debug!(metric = datum.name, fault, "CloudWatch does not take this");
        }
        let mut waiting = self.lock();
        waiting.minutes.push_back(Minute { datums: fit, refused: None });
        waiting.over |= last;
        drop(waiting);
        self.trim();
        self.woken.notify_one();
    }

    /// The oldest minute.
    pub(super) fn next(&self) -> Option<UnderWay> {
        let Minute { datums, .. } = self.lock().minutes.pop_front()?;
        self.show();
        Some(UnderWay { datums, fates: Arc::clone(&self.fates) })
    }

    /// What was not taken waits again, as the oldest.
    pub(super) fn put_back(&self, mut under_way: UnderWay, why: CloudFate) {
        let datums = std::mem::take(&mut under_way.datums);
        self.lock().minutes.push_front(Minute { datums, refused: Some(why) });
        self.trim();
    }

    /// Ready once a minute has come since the last time.
    pub(super) async fn woken(&self) {
        self.woken.notified().await;
    }

    /// Whether no other minute will come.
    pub(super) fn is_over(&self) -> bool {
        self.lock().over
    }

    fn trim(&self) {
        let mut waiting = self.lock();
        while waiting.minutes.len() > MINUTES
            && let Some(Minute { datums, refused }) = waiting.minutes.pop_front()
        {
            self.fates.count(refused.unwrap_or(CloudFate::QueueFull), datums.len());
        }
        drop(waiting);
        self.show();
    }

    fn show(&self) {
        let waiting: usize = self.lock().minutes.iter().map(|minute| minute.datums.len()).sum();
        self.fates.depth.set(many(waiting));
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Backlog {
    fn drop(&mut self) {
        while let Some(left) = self.next() {
            drop(left);
        }
    }
}

// === impl UnderWay ===

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.fates.count(CloudFate::Shutdown, self.datums.len());
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand")]
const fn many(datums: usize) -> f64 {
    datums as f64
}
