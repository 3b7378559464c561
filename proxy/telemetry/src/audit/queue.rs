//! The records that wait for the writer.
//!
//! Enters: records, from every call at once. Leaves: batches for one thread, and word to those who wait
//! for their record. Never: more bytes than the limit, or a call that waits for room.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use toolgate_telemetry_catalog::{AuditKind, AuditLoss};

/// What became of a record.
pub(super) type Fate = Result<(), AuditLoss>;

/// Records in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Their bodies, one behind the other.
    pub(super) bytes: Vec<u8>,
    /// Each one's end in there, and what it is.
    pub(super) items: Vec<Waiting>,
}

/// One record.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) end: usize,
    pub(super) kind: AuditKind,
    /// Hears what became of it.
    pub(super) heard: Option<oneshot::Sender<Fate>>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    woken: Condvar,
    limit: usize,
}

#[derive(Debug, Default)]
struct State {
    batch: Batch,
    closed: bool,
    /// The writer waits to be woken.
    asleep: bool,
}

// === impl Queue ===

impl Queue {
    /// For so many bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { state: Mutex::default(), woken: Condvar::new(), limit }
    }

    /// Takes a record.
    ///
    /// # Errors
    /// There is no room, or no writer.
    pub(super) fn push(
        &self,
        body: &[u8],
        kind: AuditKind,
        heard: Option<oneshot::Sender<Fate>>,
    ) -> Fate {
        let mut state = self.state();
        if state.closed {
            return Err(AuditLoss::Stopped);
        }
        let batch = &mut state.batch;
        if batch.bytes.len() + body.len() > self.limit {
            return Err(AuditLoss::QueueFull);
        }
        batch.bytes.extend_from_slice(body);
        let end = batch.bytes.len();
        // Nobody waits for the others: they are written with what comes next, or when it is time.
        let wake = heard.is_some() || end > self.limit / 2;
        batch.items.push(Waiting { end, kind, heard });
        let wake = wake && std::mem::take(&mut state.asleep);
        drop(state);
        if wake {
            self.woken.notify_one();
        }
        Ok(())
    }

    /// All that waits, into `batch`; waits until there is something to do, at most for so long. `false`:
    /// there is nothing, and there will be nothing more.
    pub(super) fn take(&self, batch: &mut Batch, most: Duration) -> bool {
        let until = Instant::now() + most;
        let mut state = self.state();
        let urgent = |batch: &Batch| {
            let waited = batch.items.iter().any(|item| item.heard.is_some());
            waited || batch.bytes.len() > self.limit / 2
        };
        while !state.closed && !urgent(&state.batch) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state.asleep = true;
            let woken = self.woken.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
            state.asleep = false;
        }
        std::mem::swap(&mut state.batch, batch);
        !(state.closed && batch.items.is_empty())
    }

    /// Nothing is taken any more.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.woken.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Batch ===

impl Batch {
    /// Empties it; its room stays.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
    }
}
