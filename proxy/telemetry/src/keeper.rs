//! The one thread of telemetry: writes the access log and tidies the histograms.
//!
//! Enters: time, and at most one wake-up each time the log passes half its room. Leaves: bytes in
//! the sink. Never: woken for a single call.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::access::AccessLog;
use crate::registry::Registry;

/// How long a line waits at most.
const DRAIN_EVERY: Duration = Duration::from_millis(100);
/// How long observations wait at most to be put into buckets.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// The thread; dropping this ends it after a last write.
#[derive(Debug)]
pub(crate) struct Keeper {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

// === impl Keeper ===

impl Keeper {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(crate) fn start(registry: &Arc<Registry>, log: &Arc<AccessLog>) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopping, registry, its_log) =
            (Arc::clone(&stop), Arc::clone(registry), Arc::clone(log));
        let body = move || keep(&stopping, &registry, &its_log);
        let thread = thread::Builder::new().name("telemetry".to_owned()).spawn(body)?;
        log.woken_by(thread.thread().clone());
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the telemetry thread had panicked; access lines may be missing");
            }
        }
    }
}

fn keep(stop: &AtomicBool, registry: &Registry, log: &AccessLog) {
    let mut tidied = Instant::now();
    while !stop.load(Ordering::Acquire) {
        thread::park_timeout(if log.is_off() { UPKEEP_EVERY } else { DRAIN_EVERY });
        log.drain();
        if tidied.elapsed() >= UPKEEP_EVERY {
            registry.upkeep();
            tidied = Instant::now();
        }
    }
    log.drain();
}
