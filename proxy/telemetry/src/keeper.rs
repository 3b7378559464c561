//! The one thread of telemetry: writes the access log, and does what is due now and then.
//!
//! Enters: time, and at most one wake-up each time the log passes half its room. Leaves: bytes in
//! the sink. Never: woken for a single call.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::access::AccessLog;

/// How long a line waits at most.
const DRAIN_EVERY: Duration = Duration::from_millis(100);
/// How often the chore is done, and how often it looks whether it is to stop when there is no log.
const IDLE: Duration = Duration::from_secs(5);

/// The thread; dropping this ends it after a last write.
#[derive(Debug)]
pub(crate) struct Keeper {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

// === impl Keeper ===

impl Keeper {
    /// Starts the thread; the chore is done every five seconds.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(crate) fn start(
        log: &Arc<AccessLog>,
        chore: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopping, its_log) = (Arc::clone(&stop), Arc::clone(log));
        let body = move || keep(&stopping, &its_log, chore);
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

fn keep(stop: &AtomicBool, log: &AccessLog, chore: impl Fn()) {
    let mut done = Instant::now();
    while !stop.load(Ordering::Acquire) {
        if done.elapsed() >= IDLE {
            chore();
            done = Instant::now();
        }
        thread::park_timeout(if log.is_off() { IDLE } else { DRAIN_EVERY });
        log.drain();
    }
    log.drain();
}
