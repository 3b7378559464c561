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

use super::otlp::{Fate, Otlp};
use super::queue::{Queue, dropped};
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
    last: Gauge,
}

/// The task's tools.
struct Exporter {
    otlp: Otlp,
    metrics: Metrics,
    complained: std::sync::Mutex<Option<Instant>>,
}

/// Sends until the queue is closed and empty.
pub(super) async fn run(queue: Arc<Queue>, otlp: Otlp, metrics: Metrics) {
    let exporter = Arc::new(Exporter { otlp, metrics, complained: std::sync::Mutex::default() });
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
        let body = self.otlp.encode(batch);
        // A batch that is cut off by the end of the process is dropped here, and counted.
        let mut unsent = Unsent { metrics: &self.metrics, spans };
        let given_up = match self.repeat(body, began).await {
            Fate::Taken { rejected } => {
                let rejected = rejected.min(spans);
                self.metrics.count(Export::Exported, spans - rejected);
                self.metrics.count(Export::Partial, rejected);
                self.metrics.worked();
                self.metrics.ended("exported", began.elapsed());
                None
            }
            Fate::Failed { fate, detail, .. } => {
                self.metrics.count(fate, spans);
                self.metrics.ended("dropped", began.elapsed());
                Some(detail)
            }
        };
        unsent.spans = 0;
        if let Some(detail) = given_up {
            self.complain(spans, &detail);
        }
    }

    /// Sends until it is taken, refused for good, or not worth another attempt.
    async fn repeat(&self, body: bytes::Bytes, began: Instant) -> Fate {
        let mut attempt = 1;
        loop {
            let fate = self.otlp.send(body.clone()).await;
            let Fate::Failed { again: Some(wait), .. } = fate else { return fate };
            // Never sooner than the collector asked for; if that is too long, it is given up.
            let grown = PAUSE.saturating_mul(1 << (attempt - 1)).min(LONGEST_PAUSE);
            let pause = wait + grown.mul_f64(fastrand::f64());
            if attempt >= ATTEMPTS || began.elapsed() + pause > PATIENCE {
                return fate;
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

/// Counts spans that were cut off.
struct Unsent<'a> {
    metrics: &'a Metrics,
    spans: u64,
}

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        if self.spans > 0 {
            self.metrics.count(Export::Shutdown, self.spans);
        }
    }
}
