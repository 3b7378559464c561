//! Spans that wait to be sent.
//!
//! Enters: the spans of calls that have ended. Leaves: batches. Never: more than its capacity, and
//! a wake-up only when it has become half full: otherwise time wakes the one who sends.

use std::sync::{Mutex, PoisonError};

use opentelemetry_sdk::trace::SpanData;
use tokio::sync::Notify;
use toolgate_telemetry_catalog::{Export, access as family};

use crate::cells::Counter;
use crate::registry::Registry;

/// Spans that may wait. Half a kilobyte each, so a backend that is gone costs about 4 MiB.
const CAPACITY: usize = 8192;
/// Spans in one batch.
pub(super) const BATCH: usize = 512;

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    woken: Notify,
    full: Counter,
    late: Counter,
    depth: metrics::Gauge,
}

#[derive(Debug, Default)]
struct Waiting {
    spans: Vec<SpanData>,
    closed: bool,
}

/// What a look at the queue finds.
#[derive(Debug)]
pub(super) struct Taken {
    /// At most [`BATCH`] spans, the oldest ones.
    pub(super) batch: Vec<SpanData>,
    /// Whether nothing more will come.
    pub(super) closed: bool,
}

// === impl Queue ===

impl Queue {
    pub(super) fn new(registry: &Registry) -> Self {
        let capacity = registry.gauge(&family::QUEUE_CAPACITY, &[family::TRACES]);
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        capacity.set(CAPACITY as f64);
        Self {
            waiting: Mutex::default(),
            woken: Notify::new(),
            full: dropped(registry, Export::QueueFull),
            late: dropped(registry, Export::Shutdown),
            depth: registry.gauge(&family::QUEUE_DEPTH, &[family::TRACES]),
        }
    }

    /// Takes the spans of one call in, if there is room for more; they are only made then.
    pub(super) fn push(&self, spans: impl FnOnce() -> Vec<SpanData>) -> bool {
        if self.is_full() {
            self.full.increment(spans().len() as u64);
            return false;
        }
        let mut spans = spans();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.closed {
            self.late.increment(spans.len() as u64);
            return false;
        }
        let (before, half) = (waiting.spans.len(), CAPACITY / 2);
        waiting.spans.append(&mut spans);
        let crossed = before < half && waiting.spans.len() >= half;
        drop(waiting);
        if crossed {
            self.woken.notify_one();
        }
        true
    }

    /// The oldest spans.
    pub(super) fn take(&self) -> Taken {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let many = waiting.spans.len().min(BATCH);
        let batch: Vec<SpanData> = waiting.spans.drain(..many).collect();
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        self.depth.set(waiting.spans.len() as f64);
        Taken { batch, closed: waiting.closed }
    }

    /// Ready when the queue is half full or closed.
    pub(super) async fn woken(&self) {
        self.woken.notified().await;
    }

    /// Takes nothing more in.
    pub(super) fn close(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.woken.notify_one();
    }

    fn is_full(&self) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).spans.len() >= CAPACITY
    }
}

/// The counter of spans with that fate.
pub(super) fn dropped(registry: &Registry, fate: Export) -> Counter {
    use toolgate_telemetry_catalog::Word as _;
    registry.counter(&family::ITEMS, &[family::TRACES, fate.outcome(), fate.word()])
}
