//! The access log: one JSON line a call, through a bounded buffer.
//!
//! Enters: records of calls. Leaves: lines in a sink, and counts of those written and dropped.
//! Never: waits for the sink on the way of a call, or wakes a thread for one line.

mod line;
mod redact;
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
pub(crate) use redact::redact;
use sink::Sink;

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
    off: bool,
    called: AtomicBool,
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
}

// === impl AccessLog ===

impl AccessLog {
    /// Opens the log.
    ///
    /// # Errors
    /// When its file cannot be opened for appending.
    pub(crate) fn open(registry: &Registry, to: &AccessLogTo, capacity: usize) -> io::Result<Self> {
        let item = |delivery: Delivery| {
            let labels = [family::ACCESS_LOG, delivery.outcome(), delivery.word()];
            registry.counter(&family::ITEMS, &labels)
        };
        let sink = Sink::open(to)?;
        Ok(Self {
            waiting: Mutex::default(),
            off: matches!(sink, Sink::Off),
            outlet: Mutex::new(Outlet { sink, spare: Vec::new() }),
            capacity,
            called: AtomicBool::new(false),
            writer: OnceLock::new(),
            items: Counters::with(item),
        })
    }

    /// Whether no line is ever made.
    pub(crate) const fn is_off(&self) -> bool {
        self.off
    }

    /// Says which thread to call when the buffer is half full.
    pub(crate) fn woken_by(&self, writer: Thread) {
        self.writer.get_or_init(|| writer);
    }

    /// Makes the line of a call and leaves it to be written.
    pub(crate) fn record(&self, record: &CallRecord<'_>) {
        if self.off {
            return;
        }
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            line::write(scratch, record, SystemTime::now());
            self.push(scratch);
        });
    }

    /// Writes what waits. Lines keep their order: the sink is held from before the swap.
    pub(crate) fn drain(&self) {
        let mut outlet = self.outlet.lock().unwrap_or_else(PoisonError::into_inner);
        let Outlet { sink, spare } = &mut *outlet;
        let lines = self.take(spare);
        if lines == 0 {
            return;
        }
        let delivery = match sink.write(spare) {
            Ok(()) => Delivery::Exported,
            Err(_) => Delivery::Io,
        };
        self.items.add_many(delivery, lines);
        spare.clear();
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

#[cfg(test)]
mod tests;
