//! A memory of one's own: SQLite, and the embedded model.
//!
//! In: turns and questions. Out: what was said before. Never: needs an account or a network; a
//! record of another actor; blocks a worker of the runtime.
//!
//! A turn is on the disk when [`Memory::remember`] returns. What is concluded from it comes after,
//! by a thread that reads the outbox; a process that ends before goes on there at its next start.

mod archive;
mod calendar;
mod config;
mod cursor;
mod extract;
mod fault;
mod file;
mod keep;
mod learn;
mod list;
mod rank;
mod recall;
mod shelf;
#[cfg(test)]
mod tests;
mod time;
mod vector;
mod when;
mod write;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use toolgate_search::Model;

use crate::{
    Actor, Archive, Asking, Event, Forget, Health, Memory, MemoryError, Namespace, Page, Question,
    Record, Session, SessionSummary, Turn, Why,
};
pub use config::Config;
use cursor::Cursor;
use fault::{closed, fault};
use file::Place;
use keep::Bounds;
pub use keep::Swept;
use learn::Learner;
use recall::{Asked, meant};
use shelf::Shelves;
use time::{millis, time};
use write::{Counts, Jobs, Queued};

/// Questions that are answered at a time.
const READERS: usize = 4;

/// What a local memory has counted since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Turns that could not be written.
    pub lost: u64,
    /// Events that went for newer ones.
    pub evicted_events: u64,
    /// Records that went for newer ones.
    pub evicted_records: u64,
    /// Events and records that reached their age.
    pub expired: u64,
    /// Times that an actor's records were read into memory.
    pub loaded: u64,
}

/// A memory in a file, or in memory.
#[derive(Debug)]
pub struct Local {
    inner: Arc<Inner>,
    bounds: Bounds,
    jobs: Option<Jobs>,
    nudge: SyncSender<()>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// What threads share that read.
#[derive(Debug)]
struct Inner {
    place: Place,
    model: &'static Model,
    shelves: Shelves,
    counts: Arc<Counts>,
    readers: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

// === impl Local ===

impl Local {
    /// Opens a memory, makes it if it is not there, and removes what is too old.
    ///
    /// # Errors
    /// The file cannot be opened, is damaged, or is of a newer version.
    pub fn open(config: Config) -> Result<Self, MemoryError> {
        let bounds = config.bounds();
        let Config { path, search_bytes, sync, .. } = config;
        let place = Place::new(path.as_deref())?;
        let model = Model::embedded()
            .map_err(|flaw| MemoryError::new(Why::Corrupt, format!("the model: {flaw}")))?;
        let writer = place.writer(sync)?;
        let counts = Arc::new(Counts::default());
        let swept = keep::sweep(&writer, SystemTime::now(), bounds);
        counts.swept(swept.map_err(|error| fault(&error))?);
        let (nudge, nudges) = sync_channel(1);
        let (jobs, writing) = write::spawn(writer, Arc::clone(&counts), nudge.clone())?;
        let stop = Arc::new(AtomicBool::new(false));
        let learner = Learner {
            connection: place.reader()?,
            model,
            jobs: jobs.clone(),
            bounds,
            counts: Arc::clone(&counts),
            stop: Arc::clone(&stop),
        };
        let thread = thread::Builder::new().name("memory-learner".to_owned());
        let learning = thread.spawn(move || learner.run(&nudges));
        let learning = learning.map_err(|error| {
            MemoryError::new(Why::Unavailable, format!("no thread for the memory: {error}"))
        })?;
        let shelves = Shelves::new(search_bytes, model.width());
        let readers = Mutex::default();
        let permits = Arc::new(Semaphore::new(READERS));
        let inner = Arc::new(Inner { place, model, shelves, counts, readers, permits });
        let threads = vec![learning, writing];
        Ok(Self { inner, bounds, jobs: Some(jobs), nudge, stop, threads })
    }

    /// Removes what is past its retention at that time, or above a limit. It is done every hour
    /// anyway.
    ///
    /// # Errors
    /// The disk.
    pub async fn sweep(&self, now: SystemTime) -> Result<Swept, MemoryError> {
        let bounds = self.bounds;
        let counts = Arc::clone(&self.inner.counts);
        let swept = self.jobs()?.run(move |connection| {
            counts.to_clean();
            keep::sweep(connection, now, bounds)
        });
        let swept = swept.await?;
        self.inner.counts.swept(swept);
        Ok(swept)
    }

    /// Waits until something was concluded from all that is remembered.
    pub async fn settled(&self) {
        let mut learnt = self.inner.counts.learnt();
        while self.inner.counts.outbox() > 0 && learnt.changed().await.is_ok() {}
    }

    /// What was counted since it was opened.
    #[must_use]
    pub fn counted(&self) -> Counted {
        let counts = &self.inner.counts;
        let of = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
        Counted {
            lost: of(&counts.lost),
            evicted_events: of(&counts.evicted_events),
            evicted_records: of(&counts.evicted_records),
            expired: of(&counts.expired),
            loaded: self.inner.shelves.filled().0,
        }
    }

    fn jobs(&self) -> Result<&Jobs, MemoryError> {
        self.jobs.as_ref().ok_or_else(closed)
    }

    /// What was said before that is past the retention.
    fn since(&self, now: SystemTime) -> i64 {
        millis(now).saturating_sub(self.bounds.retention)
    }

    /// Reads, where it holds up no one.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection, &Inner) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, MemoryError> {
        let permits = Arc::clone(&self.inner.permits);
        let permit = permits.acquire_owned().await.map_err(|_| closed())?;
        let inner = Arc::clone(&self.inner);
        let done = spawn_blocking(move || {
            let done = inner.with_reader(work);
            drop(permit);
            done
        });
        done.await.map_err(|_| closed())?
    }

    async fn keep(&self, turn: &Turn) -> Result<(), MemoryError> {
        let counts = &self.inner.counts;
        let (turn, bounds) = (turn.clone(), self.bounds);
        let queued = Queued::new(counts);
        let written = match self.jobs() {
            Ok(jobs) => jobs.run(move |connection| keep::remember(connection, &turn, bounds)).await,
            Err(error) => Err(error),
        };
        drop(queued);
        match written {
            Ok(evicted) => {
                counts.evicted_events.fetch_add(evicted, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                counts.lost.fetch_add(1, Ordering::Relaxed);
                Err(error)
            }
        }
    }
}

impl Drop for Local {
    /// All that was handed in is written.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // If it is full, the learner wakes anyway.
        let _told = self.nudge.try_send(());
        self.jobs = None;
        // The last connection that closes empties the journal, and one that reads cannot.
        self.inner.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the memory has failed");
            }
        }
    }
}

impl Memory for Local {
    fn backend(&self) -> &'static str {
        "local"
    }

    fn recall<'a>(&'a self, question: &'a Question<'a>) -> Asking<'a, Vec<Record>> {
        let asked = Asked {
            actor: question.actor.as_str().to_owned(),
            text: question.text.to_owned(),
            most: question.most,
            threshold: question.threshold,
            now: millis(question.now),
            since: self.since(question.now),
        };
        Box::pin(self.read(move |connection, inner| {
            let meant = meant(&asked, inner.model);
            recall::recall(connection, &inner.shelves, &asked, &meant)
        }))
    }

    fn remember<'a>(&'a self, turn: &'a Turn) -> Asking<'a, ()> {
        Box::pin(self.keep(turn))
    }

    fn events<'a>(
        &'a self,
        actor: &'a Actor,
        session: &'a Session,
        from: Option<&'a str>,
    ) -> Asking<'a, Page<Event>> {
        let (actor, session, since) =
            (actor.clone(), session.clone(), self.since(SystemTime::now()));
        Box::pin(async move {
            let before = Cursor::read(from)?;
            self.read(move |connection, _| {
                list::events(connection, (actor.as_str(), &session), before, since)
            })
            .await
        })
    }

    fn sessions<'a>(
        &'a self,
        actor: &'a Actor,
        from: Option<&'a str>,
    ) -> Asking<'a, Page<SessionSummary>> {
        let (actor, since) = (actor.clone(), self.since(SystemTime::now()));
        Box::pin(async move {
            let before = Cursor::read(from)?;
            self.read(move |connection, _| {
                list::sessions(connection, actor.as_str(), (before, since), None)
            })
            .await
        })
    }

    fn records<'a>(
        &'a self,
        actor: &'a Actor,
        namespace: Namespace,
        from: Option<&'a str>,
    ) -> Asking<'a, Page<Record>> {
        let (actor, since) = (actor.clone(), self.since(SystemTime::now()));
        Box::pin(async move {
            let before = Cursor::read(from)?;
            self.read(move |connection, _| {
                list::records(connection, (actor.as_str(), namespace), before, since)
            })
            .await
        })
    }

    fn forget<'a>(&'a self, actor: &'a Actor, what: &'a Forget) -> Asking<'a, u64> {
        let (actor, what) = (actor.clone(), what.clone());
        let counts = Arc::clone(&self.inner.counts);
        Box::pin(async move {
            let forgotten = self.jobs()?.run(move |connection| {
                counts.to_clean();
                keep::forget(connection, actor.as_str(), &what)
            });
            forgotten.await
        })
    }

    fn archive(&self) -> Option<&dyn Archive> {
        Some(self)
    }

    fn health(&self) -> Health {
        let counts = &self.inner.counts;
        let of = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
        let ok = of(&counts.failing) == 0;
        let evicted = of(&counts.evicted_events) + of(&counts.evicted_records);
        let detail = match (ok, evicted) {
            (false, _) => "the last write failed".to_owned(),
            (true, 0) => "all that was said is on the disk".to_owned(),
            (true, evicted) => format!("{evicted} events and records had to go for newer ones"),
        };
        let oldest = counts.oldest.load(Ordering::Relaxed);
        Health {
            ok,
            detail,
            waiting: of(&counts.queued) + counts.outbox(),
            lost: of(&counts.lost),
            oldest: (oldest != i64::MAX)
                .then(|| SystemTime::now().duration_since(time(oldest)).unwrap_or_default()),
        }
    }
}

// === impl Inner ===

impl Inner {
    fn with_reader<T>(
        &self,
        work: impl FnOnce(&mut Connection, &Self) -> rusqlite::Result<T>,
    ) -> Result<T, MemoryError> {
        let free = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match free {
            Some(connection) => connection,
            None => self.place.reader()?,
        };
        let done = work(&mut connection, self).map_err(|error| fault(&error))?;
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(done)
    }
}
