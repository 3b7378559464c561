//! The task that sends spans away.
//!
//! Enters: the queue. Leaves: batches at the backend, and a count of every span by what became of
//! it. Never: more than four batches under way, a batch for longer than half a minute, or a call
//! that waits for any of it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use metrics::Gauge;
use tokio::task::JoinSet;
use toolgate_telemetry_catalog::{Export, Word as _, access as family};

use super::queue::{Queue, dropped};
use super::sink::{Again, Parcel, Sent, SpanSink};
use crate::cells::{Counter, Histogram};
use crate::registry::Registry;

/// How long a span waits at most before it is sent.
const EVERY: Duration = Duration::from_secs(1);
/// Batches under way at once.
const AT_ONCE: usize = 4;
/// Attempts at a batch.
const ATTEMPTS: u32 = 4;
/// The longest first pause between two attempts, and the longest of all that we choose ourselves.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long one batch may take, pauses included.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the operator hears that it does not work.
const COMPLAIN: Duration = Duration::from_secs(60);

/// What the task counts.
#[derive(Debug)]
pub(super) struct Metrics {
    fates: Vec<Counter>,
    took: Vec<(&'static str, Histogram)>,
    size: Histogram,
    trimmed: Counter,
    last: Gauge,
}

/// The task's tools.
struct Exporter {
    sink: Arc<dyn SpanSink>,
    metrics: Metrics,
    complained: std::sync::Mutex<Option<Instant>>,
}

/// Sends until the queue is closed and empty.
pub(super) async fn run(queue: Arc<Queue>, sink: Arc<dyn SpanSink>, metrics: Metrics) {
    let exporter = Arc::new(Exporter { sink, metrics, complained: std::sync::Mutex::default() });
    let mut under_way = JoinSet::new();
    let mut closed = false;
    while !closed {
        // Woken or not: both mean to look.
        let _woken = tokio::time::timeout(EVERY, queue.woken()).await;
        loop {
            let taken = queue.take();
            closed = taken.closed;
            if taken.batch.is_empty() {
                break;
            }
            while under_way.len() >= AT_ONCE {
                under_way.join_next().await;
            }
            let exporter = Arc::clone(&exporter);
            under_way.spawn(async move { exporter.deliver(taken.batch).await });
        }
        while under_way.try_join_next().is_some() {}
    }
    while under_way.join_next().await.is_some() {}
}

// === impl Metrics ===

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let took = ["exported", "dropped"].map(|outcome| {
            (outcome, registry.histogram(&family::EXPORT_DURATION, &[family::TRACES, outcome]))
        });
        Self {
            fates: Export::ALL.iter().map(|fate| dropped(registry, *fate)).collect(),
            took: took.into(),
            trimmed: registry.counter(&family::TRIMMED, &[]),
            size: registry.histogram(&family::BATCH_SIZE, &[family::TRACES]),
            last: registry.gauge(&family::LAST_SUCCESS, &[family::TRACES]),
        }
    }

    fn count(&self, fate: Export, spans: u64) {
        if let Some(counter) = self.fates.get(fate.index()) {
            counter.increment(spans);
        }
    }

    fn ended(&self, outcome: &str, took: Duration) {
        let of = self.took.iter().find(|(word, _)| *word == outcome);
        if let Some((_, histogram)) = of {
            histogram.record(took.as_secs_f64());
        }
    }

    fn worked(&self) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last.set(since.as_secs_f64());
    }
}

// === impl Exporter ===

impl Exporter {
    async fn deliver(&self, batch: Vec<opentelemetry_sdk::trace::SpanData>) {
        let (spans, began) = (batch.len() as u64, Instant::now());
        #[expect(clippy::cast_precision_loss, reason = "at most a few hundred")]
        self.metrics.size.record(spans as f64);
        let packed = self.sink.pack(batch);
        self.metrics.trimmed.increment(packed.trimmed);
        // A batch that is cut off by the end of the process is dropped here, and counted.
        let mut open = Open { metrics: &self.metrics, spans, taken: 0 };
        open.lose(&packed.lost);
        let mut trouble = None;
        for parcel in packed.parcels {
            let detail = self.repeat(parcel, began, &mut open).await;
            trouble = trouble.or((!detail.is_empty()).then_some(detail));
        }
        let (taken, dropped) = (open.taken, spans - open.taken);
        drop(open);
        let outcome = if taken > 0 { "exported" } else { "dropped" };
        self.metrics.ended(outcome, began.elapsed());
        if taken > 0 {
            self.metrics.worked();
        }
        if dropped > 0 {
            self.complain(dropped, trouble.as_deref().unwrap_or("larger than the backend takes"));
        }
    }

    /// Sends until all is taken, refused for good, or not worth another attempt; gives back what
    /// there is to say of that.
    async fn repeat(&self, mut parcel: Parcel, began: Instant, open: &mut Open<'_>) -> String {
        let mut attempt = 1;
        loop {
            let Sent { lost, again, detail } = self.sink.send(&parcel).await;
            open.lose(&lost);
            let gone: u64 = lost.iter().map(|(_, spans)| spans).sum();
            let Some(Again { rest, fate, wait }) = again else {
                open.take(parcel.spans.saturating_sub(gone));
                return detail;
            };
            if let Some(rest) = rest {
                open.take(parcel.spans.saturating_sub(gone + rest.spans));
                parcel = rest;
            }
            // Never sooner than the backend asked for; if that is too long, it is given up.
            let grown = PAUSE.saturating_mul(1 << (attempt - 1)).min(LONGEST_PAUSE);
            let pause = wait + grown.mul_f64(fastrand::f64());
            if attempt >= ATTEMPTS || began.elapsed() + pause > PATIENCE {
                open.lose(&[(fate, parcel.spans)]);
                return detail;
            }
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    fn complain(&self, spans: u64, detail: &str) {
        let mut complained =
            self.complained.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if complained.is_none_or(|last| last.elapsed() >= COMPLAIN) {
            *complained = Some(Instant::now());
            tracing::warn!(
                spans,
                detail,
                "spans were dropped; toolgate_telemetry_items_total{{signal=\"traces\"}} counts them"
            );
        }
    }
}

/// The spans of a batch of which nobody knows yet what becomes of them.
struct Open<'a> {
    metrics: &'a Metrics,
    spans: u64,
    taken: u64,
}

// === impl Open ===

impl Open<'_> {
    fn take(&mut self, spans: u64) {
        let spans = spans.min(self.spans);
        self.metrics.count(Export::Exported, spans);
        self.spans -= spans;
        self.taken += spans;
    }

    /// No span is counted twice, whatever a backend says of how many there were.
    fn lose(&mut self, lost: &[(Export, u64)]) {
        for (fate, spans) in lost {
            let spans = (*spans).min(self.spans);
            self.metrics.count(*fate, spans);
            self.spans -= spans;
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if self.spans > 0 {
            self.metrics.count(Export::Shutdown, self.spans);
        }
    }
}

#[cfg(test)]
mod tests;
