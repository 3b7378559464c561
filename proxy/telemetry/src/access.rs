//! The access log: one JSON line a call, through a bounded buffer.
//!
//! Enters: records of calls. Leaves: lines in a sink, and counts of those written, dropped and left
//! out.
//! Never: waits for the sink on the way of a call, or wakes a thread for one line.

mod line;
mod redact;
mod sample;
mod sink;
mod stamp;
mod text;

use std::cell::RefCell;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::SystemTime;

use toolgate_telemetry_catalog::{Delivery, Word, access as family};

use crate::handles::Counters;
use crate::registry::Registry;
use crate::{AccessLogTo, CallRecord};
pub(crate) use line::{Line, micros, push_millis, subject_hash};
pub use redact::redact;
pub(crate) use sample::Sample;
use sink::{Failed, Sink};
pub(crate) use stamp::push as push_time;
pub(crate) use text::{push_hex, push_number, push_text};

thread_local! {
    /// Where a line is put together, so that the lock is held for a copy only.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(1024));
}

/// The log of one gateway.
#[derive(Debug)]
pub(crate) struct AccessLog {
    waiting: Mutex<Waiting>,
    outlet: Mutex<Outlet>,
    capacity: usize,
    sample: Option<Sample>,
    off: bool,
    called: AtomicBool,
    /// The sink is to be opened again before the next write.
    stale: AtomicBool,
    writer: OnceLock<Thread>,
    items: Counters<Delivery>,
}

/// Whole lines that wait to be written.
#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    lines: u64,
}

/// The sink, and the buffer that the next swap gives back.
#[derive(Debug)]
struct Outlet {
    sink: Sink,
    spare: Vec<u8>,
    /// The last write failed, and that was said.
    failing: bool,
}

// === impl AccessLog ===

impl AccessLog {
    /// Opens the log.
    ///
    /// # Errors
    /// When its file cannot be opened for appending.
    pub(crate) fn open(registry: &Registry, to: &AccessLogTo, capacity: usize) -> io::Result<Self> {
        Self::counted_as(family::ACCESS_LOG, registry, to, capacity)
    }

    /// The same for lines of another kind.
    ///
    /// # Errors
    /// See above.
    pub(crate) fn counted_as(
        signal: &'static str,
        registry: &Registry,
        to: &AccessLogTo,
        capacity: usize,
    ) -> io::Result<Self> {
        let item = |delivery: Delivery| {
            let labels = [signal, delivery.outcome(), delivery.word()];
            registry.counter(&family::ITEMS, &labels)
        };
        let sink = Sink::open(to)?;
        Ok(Self {
            waiting: Mutex::default(),
            off: sink.is_off(),
            outlet: Mutex::new(Outlet { sink, spare: Vec::new(), failing: false }),
            capacity,
            sample: None,
            called: AtomicBool::new(false),
            stale: AtomicBool::new(false),
            writer: OnceLock::new(),
            items: Counters::with(item),
        })
    }

    /// With lines for some of the successes only.
    pub(crate) fn sampled(self, sample: Option<Sample>) -> Self {
        Self { sample, ..self }
    }

    /// Whether no line is ever made.
    pub(crate) const fn is_off(&self) -> bool {
        self.off
    }

    /// Says which thread to call when the buffer is half full.
    pub(crate) fn woken_by(&self, writer: Thread) {
        self.writer.get_or_init(|| writer);
    }

    /// Makes the line of a call and leaves it to be written. `unusual`: it took longer than its tool
    /// usually does.
    pub(crate) fn record(&self, record: &CallRecord<'_>, unusual: bool, now: SystemTime) {
        if self.off {
            return;
        }
        let chosen = self.sample.as_ref().map(|sample| sample.stands_for(record, unusual));
        if chosen == Some(None) {
            self.items.add(Delivery::SampledOut);
            return;
        }
        let stands_for = chosen.flatten();
        self.line(|line| line::write(line, record, stands_for, now));
    }

    /// Leaves a line to be written, which ends in a line feed.
    pub(crate) fn line(&self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.off {
            return;
        }
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            write(scratch);
            self.push(scratch);
        });
    }

    /// Opens the file again before the next write: it may have been renamed.
    pub(crate) fn reopen(&self) {
        self.stale.store(true, Relaxed);
    }

    /// Writes what waits. Lines keep their order: the sink is held from before the swap.
    pub(crate) fn drain(&self) {
        let mut outlet = self.outlet.lock().unwrap_or_else(PoisonError::into_inner);
        if self.stale.swap(false, Relaxed)
            && let Err(error) = outlet.sink.reopen()
        {
            tracing::error!(%error, "the access log cannot be opened again; the old file is kept");
        }
        let lines = self.take(&mut outlet.spare);
        if lines == 0 {
            return;
        }
        let written = outlet.write(lines);
        self.items.add_many(Delivery::Exported, written);
        self.items.add_many(Delivery::Io, lines - written);
        outlet.spare.clear();
    }

    /// The lines of a log in memory.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.outlet.lock().unwrap_or_else(PoisonError::into_inner).sink.lines()
    }

    fn push(&self, line: &[u8]) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let size = waiting.bytes.len() + line.len();
        if size > self.capacity {
            drop(waiting);
            self.items.add(Delivery::QueueFull);
            return;
        }
        waiting.bytes.extend_from_slice(line);
        waiting.lines += 1;
        drop(waiting);
        if size > self.capacity / 2 && !self.called.swap(true, Relaxed) {
            self.call_writer();
        }
    }

    fn call_writer(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    /// Swaps the full buffer for the empty one.
    fn take(&self, empty: &mut Vec<u8>) -> u64 {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut waiting.bytes, empty);
        self.called.store(false, Relaxed);
        std::mem::take(&mut waiting.lines)
    }
}

// === impl Outlet ===

impl Outlet {
    /// Writes the buffer. Gives back how many lines are whole in the sink. A failure is said once,
    /// until a write succeeds again.
    fn write(&mut self, lines: u64) -> u64 {
        let written = self.sink.write(&self.spare);
        let was_failing = std::mem::replace(&mut self.failing, written.is_err());
        match written {
            Ok(()) => {
                if was_failing {
                    tracing::info!("the access log can be written again");
                }
                lines
            }
            Err(Failed { whole, error }) => {
                if !was_failing {
                    tracing::error!(%error, "the access log cannot be written; lines are lost");
                }
                whole.min(lines)
            }
        }
    }
}

#[cfg(test)]
mod tests;
