//! A copy of the audit log elsewhere, where nobody on this machine can change it.
//!
//! Enters: records that stand in the file. Leaves: batches at a sink, in order, and a count of every
//! record by what became of its copy. Never: a call that waits for a copy; more bytes than the limit.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use toolgate_telemetry_catalog::{CloudFate, Word, access as family};

use crate::cells::Counter;
use crate::registry::Registry;
use crate::{Refusal, Retry};

/// Bytes of records that may wait for the sink: an outage of some minutes.
const WAITING: usize = 16 * 1024 * 1024;
/// The most records, and bytes, of a batch (`PutLogEvents`: 10,000 and 1 MiB, 26 bytes more each).
const RECORDS: usize = 1_000;
const BYTES: usize = 1_000_000;
const OVERHEAD: usize = 26;
/// The first pause after a batch that was not taken, and the longest.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long one attempt may take, whatever the sink promises.
const PATIENCE: Duration = Duration::from_secs(10);

/// A record on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLine {
    /// When it was written, in milliseconds since 1970; never before that of the line before.
    pub millis: i64,
    /// The line as it stands in the file, without its newline.
    pub text: String,
}

/// A batch under way.
pub type Copying<'a> = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send + 'a>>;

/// Where copies go. One call is one attempt, and ends by itself.
pub trait AuditSink: fmt::Debug + Send + Sync + 'static {
    /// Hands a batch over; it is within the limits of `PutLogEvents`.
    fn put<'a>(&'a self, batch: &'a [AuditLine]) -> Copying<'a>;
}

/// Copies that wait.
#[derive(Debug)]
pub(super) struct Copies {
    waiting: Mutex<Waiting>,
    state: watch::Sender<State>,
    fates: Vec<Counter>,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<AuditLine>,
    bytes: usize,
    last: i64,
}

/// What the sender looks at.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Something waits.
    some: bool,
    /// Nothing more will come.
    closed: bool,
}

// === impl Copies ===

impl Copies {
    pub(super) fn new(registry: &Registry) -> Self {
        let fate = |fate: &CloudFate| {
            registry.counter(&family::ITEMS, &[family::AUDIT_COPY, fate.outcome(), fate.word()])
        };
        let fates = CloudFate::ALL.iter().map(fate).collect();
        Self { waiting: Mutex::default(), state: watch::Sender::default(), fates }
    }

    /// Takes lines, each with its newline. Those that there is no room for are counted.
    pub(super) fn push(&self, lines: &[u8], now: SystemTime) {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        let mut waiting = self.waiting();
        waiting.last = waiting.last.max(millis);
        let millis = waiting.last;
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            if waiting.bytes + line.len() > WAITING {
                self.count(CloudFate::QueueFull, 1);
                continue;
            }
            waiting.bytes += line.len();
            let text = String::from_utf8_lossy(line).into_owned();
            waiting.lines.push_back(AuditLine { millis, text });
        }
        drop(waiting);
        self.state.send_if_modified(|state| !std::mem::replace(&mut state.some, true));
    }

    /// Nothing more will come.
    pub(super) fn close(&self) {
        self.state.send_modify(|state| state.closed = true);
    }

    /// Sends what comes, until nothing more will.
    pub(super) async fn send(self: Arc<Self>, sink: Arc<dyn AuditSink>) {
        let mut state = self.state.subscribe();
        loop {
            // The sender of the state lives in `self`: it cannot be gone.
            let woken = state.wait_for(|state| state.some || state.closed).await;
            let closed = woken.is_ok_and(|state| state.closed);
            while let Some(batch) = self.next() {
                if !self.deliver(&*sink, &batch, &mut state).await {
                    self.give_up(batch.len());
                    return;
                }
            }
            if closed {
                return;
            }
        }
    }

    /// Sends a batch until it has its fate; `false`: the gateway stops, one more attempt did not help,
    /// and it has none.
    async fn deliver(
        &self,
        sink: &dyn AuditSink,
        batch: &[AuditLine],
        state: &mut watch::Receiver<State>,
    ) -> bool {
        let (mut pause, mut complained, mut last) = (PAUSE, false, false);
        loop {
            let refusal = match tokio::time::timeout(PATIENCE, sink.put(batch)).await {
                Ok(Ok(())) => {
                    self.count(CloudFate::Exported, batch.len());
                    return true;
                }
                Ok(Err(refusal)) => refusal,
                Err(_) => Refusal {
                    fate: CloudFate::Timeout,
                    again: Retry::Soon,
                    detail: "no answer in time".to_owned(),
                },
            };
            if !std::mem::replace(&mut complained, true) {
                tracing::warn!(detail = refusal.detail, "the copy of the audit log is not taken");
            }
            if refusal.again == Retry::Never {
                self.count(refusal.fate, batch.len());
                return true;
            }
            let closed = state.wait_for(|state| state.closed);
            if tokio::time::timeout(pause, closed).await.is_ok()
                && std::mem::replace(&mut last, true)
            {
                return false;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn next(&self) -> Option<Vec<AuditLine>> {
        let mut waiting = self.waiting();
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(line) = waiting.lines.front() {
            bytes += line.text.len() + OVERHEAD;
            if !batch.is_empty() && (batch.len() == RECORDS || bytes > BYTES) {
                break;
            }
            waiting.bytes -= line.text.len();
            batch.extend(waiting.lines.pop_front());
        }
        if batch.is_empty() {
            // While nothing can be pushed.
            self.state.send_if_modified(|state| {
                state.some = false;
                false
            });
        }
        (!batch.is_empty()).then_some(batch)
    }

    fn give_up(&self, under_way: usize) {
        let left = std::mem::take(&mut self.waiting().lines).len();
        self.count(CloudFate::Shutdown, under_way + left);
    }

    fn count(&self, fate: CloudFate, copies: usize) {
        if let Some(counter) = self.fates.get(fate.index()) {
            counter.increment(copies as u64);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
