//! The thread that writes the audit log.
//!
//! Enters: batches of records. Leaves: numbered and chained lines in the file, durable as configured,
//! and word of it to those who wait. Never: a number for what was not written: the numbers have no gap.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use toolgate_telemetry_catalog::{AuditKind, AuditLoss, Word};

use super::Shared;
use super::chain::{self, Link};
use super::entry;
use super::file::LogFile;
use super::queue::{Batch, Fate};

/// When written records become durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// Before their calls go on.
    Always,
    /// So often.
    Interval(Duration),
    /// When the system wants to.
    Never,
}

/// How long a record waits at most that nobody waits for, and how often it is looked at the time.
const TICK: Duration = Duration::from_millis(100);
/// How often the head is written where nothing is made durable.
const HEAD: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) file: LogFile,
    pub(super) link: Link,
    pub(super) fsync: Fsync,
    lines: Vec<u8>,
    body: Vec<u8>,
    /// Written, but not known to be durable.
    dirty: bool,
    synced: Instant,
    /// Nothing can be written any more.
    broken: bool,
    failing: bool,
}

// === impl Writer ===

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, (file, link): (LogFile, Link), fsync: Fsync) -> Self {
        Self {
            shared,
            file,
            link,
            fsync,
            lines: Vec::new(),
            body: Vec::new(),
            dirty: false,
            synced: Instant::now(),
            broken: false,
            failing: false,
        }
    }

    /// Writes what waits already.
    ///
    /// # Errors
    /// It could not be written, and `required` says that it must be.
    pub(super) fn begin(&mut self, required: bool) -> io::Result<()> {
        let mut batch = Batch::default();
        self.shared.queue.take(&mut batch, Duration::ZERO);
        let fate = self.write(&batch);
        self.tell(&mut batch, fate);
        match fate {
            Err(loss) if required => {
                Err(io::Error::other(format!("the audit log cannot be written: {}", loss.word())))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let mut batch = Batch::default();
        while self.shared.queue.take(&mut batch, TICK) {
            let fate = self.write(&batch);
            self.tell(&mut batch, fate);
            self.in_time();
        }
        // What was lost at the very end.
        let fate = self.write(&batch);
        self.tell(&mut batch, fate);
        self.settle();
    }

    /// Writes a batch, and what was lost before it.
    pub(super) fn write(&mut self, batch: &Batch) -> Fate {
        let metrics = &self.shared.metrics;
        metrics.queued(batch.bytes.len());
        let lost = self.shared.lost.take();
        if batch.items.is_empty() && lost.is_none() {
            return Ok(());
        }
        if self.broken {
            self.shared.lost.give_back(lost.as_ref());
            return Err(AuditLoss::Io);
        }
        let now = SystemTime::now();
        let more = batch.bytes.len() + batch.items.len() * 200;
        if self.file.is_full(more, now) {
            self.rotate(now);
        }
        let (first, mut link) = (self.link.seq + 1, self.link);
        self.lines.clear();
        if let Some(lost) = &lost {
            self.body.clear();
            entry::lost(&mut self.body, lost, now);
            link = chain::seal(&mut self.lines, &link, &self.body);
        }
        let mut start = 0;
        for item in &batch.items {
            let body = batch.bytes.get(start..item.end).unwrap_or_default();
            link = chain::seal(&mut self.lines, &link, body);
            start = item.end;
        }
        let written = self.append(first);
        match written {
            Ok(()) => {
                self.link = link;
                self.count(batch, lost.is_some());
                Ok(())
            }
            Err(loss) => {
                self.shared.lost.give_back(lost.as_ref());
                Err(loss)
            }
        }
        .inspect(|()| self.note_head())
    }

    fn append(&mut self, first: u64) -> Fate {
        let lines = std::mem::take(&mut self.lines);
        let mut appended = self.file.append(&lines, first);
        if appended.is_ok() && self.fsync == Fsync::Always {
            let synced = self.sync();
            appended = synced.map_err(|error| self.file.take_back(lines.len(), error));
        }
        self.lines = lines;
        self.shared.metrics.file_size(self.file.len());
        match appended {
            Ok(()) => {
                if let Some(copies) = &self.shared.copies {
                    copies.push(&self.lines, SystemTime::now());
                }
                self.dirty = self.fsync != Fsync::Always;
                self.recovered();
                Ok(())
            }
            Err((error, broken)) => {
                self.broken = broken;
                Err(self.failed(&error))
            }
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let began = Instant::now();
        let synced = self.file.sync();
        self.shared.metrics.synced(began.elapsed());
        self.synced = Instant::now();
        self.dirty = false;
        synced
    }

    /// The head follows what is durable; where nothing is made so, what is written, now and then.
    fn note_head(&mut self) {
        if self.fsync == Fsync::Always {
            self.write_head();
        }
    }

    fn write_head(&self) {
        if let Err(error) = self.file.write_head(&self.link) {
            tracing::error!(%error, "the head of the audit log cannot be written");
        }
    }

    /// What is due with time.
    fn in_time(&mut self) {
        let due = match self.fsync {
            Fsync::Always => return,
            Fsync::Interval(every) => every,
            Fsync::Never => HEAD,
        };
        if self.dirty && self.synced.elapsed() >= due {
            self.settle();
        }
    }

    /// Makes all durable as far as that is wanted, and says where the log ends.
    fn settle(&mut self) {
        if self.broken {
            return;
        }
        if self.fsync == Fsync::Never {
            (self.dirty, self.synced) = (false, Instant::now());
        } else if let Err(error) = self.sync() {
            self.failed(&error);
            return;
        }
        self.write_head();
    }

    fn rotate(&mut self, now: SystemTime) {
        if let Err(error) = self.file.rotate(now) {
            tracing::error!(%error, "the audit log cannot begin another file");
        }
    }

    fn tell(&self, batch: &mut Batch, fate: Fate) {
        for item in batch.items.drain(..) {
            if let Err(loss) = fate {
                self.shared.lose(loss);
            }
            // Whoever waited may be gone.
            item.heard.map(|heard| heard.send(fate).ok());
        }
        batch.clear();
    }

    fn count(&self, batch: &Batch, lost: bool) {
        let metrics = &self.shared.metrics;
        for item in &batch.items {
            metrics.written(item.kind);
        }
        if lost {
            metrics.written(AuditKind::Lost);
        }
        metrics.last(self.link.seq);
    }

    /// Said once, until it works again.
    fn failed(&mut self, error: &io::Error) -> AuditLoss {
        let is_full = matches!(
            error.kind(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
        );
        let loss = if is_full { AuditLoss::DiskFull } else { AuditLoss::Io };
        if !self.failing {
            let why = loss.word();
            tracing::error!(%error, why, "the audit log cannot be written; records are lost");
        }
        self.failing = true;
        loss
    }

    fn recovered(&mut self) {
        if std::mem::take(&mut self.failing) {
            tracing::warn!("the audit log can be written again");
        }
    }
}
