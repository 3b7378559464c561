//! The one who writes: a thread with the only connection that may.
//!
//! In: jobs. Out: what came of each, once it is on the disk. Never: more jobs that wait than agreed;
//! half a job; a job forgotten because the memory was closed while it waited.
//!
//! Jobs that wait together are written together: a sync of the disk is what costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot, watch};

use super::fault::{closed, fault};
use super::keep::Swept;
use crate::{MemoryError, Why};

/// Jobs that may wait.
const WAITING: usize = 256;
/// Jobs that are written together.
const TOGETHER: usize = 64;

/// Something to write. Without a transaction it is not done.
type Job = Box<dyn FnOnce(Option<&mut Transaction<'_>>) -> Done + Send>;
/// Tells who waits how it ended, once it is on the disk or is known not to be.
type Finish = Box<dyn FnOnce(Option<&MemoryError>) + Send>;
/// What comes of a job.
type Answer<T> = oneshot::Receiver<Result<T, MemoryError>>;

/// A job that is done, or not.
struct Done {
    /// Why it could not be done by itself.
    failed: Option<MemoryError>,
    finish: Finish,
}

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Turns that are on their way to the disk.
    pub(super) queued: AtomicU64,
    /// Turns from which nothing was concluded yet.
    outbox: AtomicU64,
    /// Turns that could not be written.
    pub(super) lost: AtomicU64,
    /// Events that had to go for newer ones.
    pub(super) evicted_events: AtomicU64,
    /// Records that had to go for newer ones.
    pub(super) evicted_records: AtomicU64,
    /// Events and records that reached their age.
    pub(super) expired: AtomicU64,
    /// When the oldest that is kept was said; `i64::MAX` if there is none.
    pub(super) oldest: AtomicI64,
    /// The last write failed.
    pub(super) failing: AtomicU64,
    /// Something was forgotten that the journal still has.
    clean: AtomicBool,
    /// Changes with every batch.
    written: watch::Sender<()>,
}

/// A turn that is on its way to the disk, as long as somebody waits for it.
#[derive(Debug)]
pub(super) struct Queued<'a>(&'a Counts);

/// Takes jobs.
#[derive(Clone, Debug)]
pub(super) struct Jobs(mpsc::Sender<Job>);

// === impl Counts ===

impl Counts {
    /// Counts what had to go.
    pub(super) fn swept(&self, swept: Swept) {
        let expired = swept.expired_events + swept.expired_records;
        self.expired.fetch_add(expired, Ordering::Relaxed);
        self.evicted_events.fetch_add(swept.evicted_events, Ordering::Relaxed);
        self.evicted_records.fetch_add(swept.evicted_records, Ordering::Relaxed);
    }

    /// Turns from which nothing was concluded yet.
    pub(super) fn outbox(&self) -> u64 {
        self.outbox.load(Ordering::Acquire)
    }

    /// Something goes that has to go from the journal, too, before one hears of it.
    pub(super) fn to_clean(&self) {
        self.clean.store(true, Ordering::Relaxed);
    }

    /// Changes when something was written.
    pub(super) fn learnt(&self) -> watch::Receiver<()> {
        self.written.subscribe()
    }
}

// === impl Queued ===

impl<'a> Queued<'a> {
    /// One more.
    pub(super) fn new(counts: &'a Counts) -> Self {
        counts.queued.fetch_add(1, Ordering::Relaxed);
        Self(counts)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.queued.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Jobs ===

impl Jobs {
    /// Hands in a job, when there is room, and waits until it is on the disk.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, MemoryError> {
        let (job, answer) = job(work);
        self.0.send(job).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// The same, for a thread that may wait.
    pub(super) fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, MemoryError> {
        let (job, answer) = job(work);
        self.0.blocking_send(job).map_err(|_| closed())?;
        answer.blocking_recv().map_err(|_| closed())?
    }
}

/// A job whose work is done wholly or not at all.
fn job<T: Send + 'static>(
    work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
) -> (Job, Answer<T>) {
    let (reply, answer) = oneshot::channel();
    let job: Job = Box::new(move |transaction| {
        let made = transaction.map(|transaction| {
            let savepoint = transaction.savepoint()?;
            let made = work(&savepoint)?;
            savepoint.commit()?;
            Ok(made)
        });
        let made = made.map(|made| made.map_err(|error: rusqlite::Error| fault(&error)));
        let failed = made.as_ref().and_then(|made| made.as_ref().err().cloned());
        let finish = Box::new(move |all: Option<&MemoryError>| {
            let made = match (made, all) {
                (Some(Err(own)), _) => Err(own),
                (_, Some(error)) => Err(error.clone()),
                (Some(made), None) => made,
                (None, None) => Err(closed()),
            };
            // Whoever asked may have left.
            drop(reply.send(made));
        });
        Done { failed, finish }
    });
    (job, answer)
}

/// Begins to write. `nudge` is told when something was written.
pub(super) fn spawn(
    connection: Connection,
    counts: Arc<Counts>,
    nudge: SyncSender<()>,
) -> Result<(Jobs, JoinHandle<()>), MemoryError> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let writer = Writer { connection, counts, nudge };
    writer.counted();
    let thread = thread::Builder::new().name("memory-writer".to_owned());
    let handle = thread.spawn(move || writer.run(receiver));
    let handle = handle.map_err(|error| {
        MemoryError::new(Why::Unavailable, format!("no thread for the memory: {error}"))
    })?;
    Ok((Jobs(sender), handle))
}

struct Writer {
    connection: Connection,
    counts: Arc<Counts>,
    nudge: SyncSender<()>,
}

// === impl Writer ===

impl Writer {
    fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut waiting = Vec::with_capacity(TOGETHER);
        while jobs.blocking_recv_many(&mut waiting, TOGETHER) > 0 {
            self.write(waiting.drain(..));
            // If it is full, the other has been told already.
            let _told = self.nudge.try_send(());
        }
        if let Err(error) = self.connection.execute_batch("PRAGMA optimize") {
            tracing::debug!(%error, "the memory's statistics");
        }
    }

    fn write(&mut self, jobs: impl Iterator<Item = Job>) {
        let mut done = Vec::new();
        let all = self.together(jobs, &mut done).err();
        self.clean();
        self.counted();
        let failed = all.is_some() || done.iter().any(|done| done.failed.is_some());
        self.counts.failing.store(u64::from(failed), Ordering::Relaxed);
        done.into_iter().for_each(|done| (done.finish)(all.as_ref()));
    }

    /// Does jobs in one transaction. An error is that of all that have none of their own.
    fn together(
        &mut self,
        jobs: impl Iterator<Item = Job>,
        done: &mut Vec<Done>,
    ) -> Result<(), MemoryError> {
        let behavior = TransactionBehavior::Immediate;
        let begun = self.connection.transaction_with_behavior(behavior);
        let mut transaction = match begun {
            Ok(transaction) => transaction,
            Err(error) => {
                done.extend(jobs.map(|job| job(None)));
                return Err(fault(&error));
            }
        };
        for job in jobs {
            // Of a full disk SQLite may give up the whole transaction, not the statement alone.
            let goes_on = !transaction.is_autocommit();
            done.push(job(goes_on.then_some(&mut transaction)));
        }
        if transaction.is_autocommit() {
            let why = done.iter().find_map(|done| done.failed.clone());
            return Err(why.unwrap_or_else(closed));
        }
        transaction.commit().map_err(|error| fault(&error))
    }

    /// Moves what is in the journal to where it belongs, if something has to go from it.
    fn clean(&self) {
        if !self.counts.clean.swap(false, Ordering::Relaxed) {
            return;
        }
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy = self.connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        if busy != Ok(0) {
            tracing::debug!(?busy, "the memory's journal could not be emptied yet");
            self.counts.to_clean();
        }
    }

    /// What there is now.
    fn counted(&self) {
        let read = self.connection.query_row(
            "SELECT (SELECT count(*) FROM outbox),
                    min(ifnull((SELECT min(at) FROM events), 9223372036854775807),
                        ifnull((SELECT min(at) FROM records), 9223372036854775807))",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
        );
        if let Ok((outbox, oldest)) = read {
            self.counts.oldest.store(oldest, Ordering::Relaxed);
            self.counts.outbox.store(outbox.unsigned_abs(), Ordering::Release);
            self.counts.written.send_replace(());
        }
    }
}
