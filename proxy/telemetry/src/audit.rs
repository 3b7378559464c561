//! The audit log: who was let do what, and who was not.
//!
//! Enters: decisions, and how the calls ended. Leaves: numbered lines of which each holds the hash of the
//! one before, in a file that only grows (ADR 27). Never: a call that waits for room; a loss that is not
//! counted; a token, an argument or a result.

mod chain;
mod copy;
mod entry;
mod file;
mod metrics;
mod queue;
mod verify;
mod writer;

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use tokio::sync::oneshot;
use toolgate_call::Ruling;
use toolgate_telemetry_catalog::{AuditKind, AuditLoss};

use crate::CallRecord;
use crate::registry::Registry;
pub use chain::{Flaw, Link, Sealed, unseal};
use copy::Copies;
pub use copy::{AuditLine, AuditSink, Copying};
pub use entry::{AuditContract, AuditDecision, AuditDenial};
pub use file::Rotation;
pub(crate) use metrics::AuditMetrics;
use metrics::Losses;
use queue::{Fate, Queue};
pub use verify::{Problem, Verified, Verify, files_of};
pub use writer::Fsync;
use writer::Writer;

thread_local! {
    /// Where a record is put together, so that the lock is held for a copy only.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(1024));
}

/// Where the audit log goes, and what it may cost.
#[derive(Clone, Debug)]
pub struct AuditConfig {
    /// The file.
    pub path: PathBuf,
    /// Whether a call that cannot be recorded is refused.
    pub required: bool,
    /// When records become durable.
    pub fsync: Fsync,
    /// When a file is full.
    pub rotation: Rotation,
    /// Bytes of records that may wait to be written.
    pub buffer: usize,
    /// Whether the end of each call that was let through is recorded, too.
    pub outcomes: bool,
    /// Whether a copy goes elsewhere; [`Audit::copier`] sends it.
    pub copied: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Audit {
    shared: Arc<Shared>,
    required: bool,
    waits: bool,
    outcomes: bool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the writer shares with those who make records.
#[derive(Debug)]
struct Shared {
    queue: Queue,
    metrics: Arc<AuditMetrics>,
    lost: Losses,
    copies: Option<Arc<Copies>>,
}

/// A record on its way.
#[derive(Debug)]
#[must_use = "a call that must be recorded waits for its record"]
pub struct Recording(State);

#[derive(Debug)]
enum State {
    Done(Fate),
    Waiting(oneshot::Receiver<Fate>),
}

// === impl Audit ===

impl Audit {
    /// Opens the log and starts the thread that writes it.
    ///
    /// # Errors
    /// The file cannot be opened, another gateway has it, or its last record does not hold.
    pub(crate) fn open(
        config: AuditConfig,
        metrics: &Arc<AuditMetrics>,
        registry: &Registry,
    ) -> io::Result<Arc<Self>> {
        let AuditConfig { path, required, fsync, rotation, buffer, outcomes, copied } = config;
        let (file, link, found) = file::LogFile::open(&path, rotation)?;
        let shared = Arc::new(Shared {
            queue: Queue::new(buffer),
            metrics: Arc::clone(metrics),
            lost: Losses::default(),
            copies: copied.then(|| Arc::new(Copies::new(registry))),
        });
        if let Some((bytes, _)) = found.torn {
            tracing::warn!(bytes, "the last record of the audit log was not finished; cut off");
        }
        if let Some((from, to)) = found.missing {
            tracing::error!(from, to, "records of the audit log are gone that had been written");
        }
        let mut writer = Writer::new(Arc::clone(&shared), (file, link), fsync);
        let audit = Self {
            waits: required || fsync == Fsync::Always,
            shared,
            required,
            outcomes,
            thread: Mutex::default(),
        };
        let now = SystemTime::now();
        audit.note(AuditKind::Opened, |out| entry::opened(out, &found, now));
        writer.begin(required)?;
        let thread = thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run())?;
        *audit.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(Arc::new(audit))
    }

    /// Whether a call that cannot be recorded is to be refused.
    #[must_use]
    pub const fn is_required(&self) -> bool {
        self.required
    }

    /// Records a decision. A call that was let through goes on when the record has settled.
    pub fn decided(&self, decision: &AuditDecision<'_>) -> Recording {
        let denied = decision.denied.is_some();
        let kind = if denied { AuditKind::Deny } else { AuditKind::Allow };
        let now = SystemTime::now();
        self.record(kind, self.waits, |out| entry::decision(out, decision, now))
    }

    /// Records that a tool is not what was approved. Nobody waits for it.
    pub fn contract(&self, contract: &AuditContract<'_>) {
        let now = SystemTime::now();
        self.note(AuditKind::Contract, |out| entry::contract(out, contract, now));
    }

    /// Records how a call ended, if it was let through.
    pub(crate) fn ended(&self, record: &CallRecord<'_>, now: SystemTime) {
        if self.outcomes && record.ledger.ruling() == Some(Ruling::Allowed) {
            self.note(AuditKind::Outcome, |out| entry::outcome(out, record, now));
        }
    }

    /// What sends the copy, to be polled on a runtime until it ends; it ends some time after
    /// [`Audit::close`]. `None` when none is wanted.
    pub fn copier(
        &self,
        sink: Arc<dyn AuditSink>,
    ) -> Option<impl Future<Output = ()> + Send + 'static + use<>> {
        let copies = Arc::clone(self.shared.copies.as_ref()?);
        Some(copies.send(sink))
    }

    /// Nothing is recorded any more; what waits is written. It waits for the disk: on shutdown, give it
    /// a thread and a deadline.
    pub fn close(&self) {
        self.shared.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the audit thread had panicked; records may be missing");
        }
        if let Some(copies) = &self.shared.copies {
            copies.close();
        }
    }

    fn note(&self, kind: AuditKind, write: impl FnOnce(&mut Vec<u8>)) {
        let Recording(_) = self.record(kind, false, write);
    }

    fn record(&self, kind: AuditKind, waits: bool, write: impl FnOnce(&mut Vec<u8>)) -> Recording {
        let (sender, receiver) = match waits.then(oneshot::channel) {
            Some((sender, receiver)) => (Some(sender), Some(receiver)),
            None => (None, None),
        };
        let pushed = SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            write(scratch);
            self.shared.queue.push(scratch, kind, sender)
        });
        if let Err(loss) = pushed {
            self.shared.lose(loss);
        }
        Recording(match (pushed, receiver) {
            (Ok(()), Some(receiver)) => State::Waiting(receiver),
            (fate, _) => State::Done(fate),
        })
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.close();
    }
}

// === impl Shared ===

impl Shared {
    fn lose(&self, loss: AuditLoss) {
        self.metrics.lost(loss);
        self.lost.add(loss);
    }
}

// === impl Recording ===

impl Recording {
    /// When the record is as safe as configured.
    ///
    /// # Errors
    /// Why it was lost. It was counted.
    pub async fn settled(self) -> Result<(), AuditLoss> {
        match self.0 {
            State::Done(fate) => fate,
            State::Waiting(receiver) => receiver.await.unwrap_or(Err(AuditLoss::Stopped)),
        }
    }
}

#[cfg(test)]
mod tests;
