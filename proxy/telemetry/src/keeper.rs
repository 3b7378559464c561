//! The one thread of telemetry: writes the access log, and does what is due now and then.
//!
//! Enters: time, and at most one wake-up each time the log passes half its room. Leaves: bytes in
//! the sink. Never: woken for a single call.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::access::AccessLog;

/// How long a line waits at most.
const DRAIN_EVERY: Duration = Duration::from_millis(100);
/// How long the last write may take once the thread is to end. A sink that takes longer is stuck.
const LAST_WRITE: Duration = Duration::from_secs(2);
/// How often the chore is done, and how often it looks whether it is to stop when there is no log.
const IDLE: Duration = Duration::from_secs(5);

/// The thread; dropping this ends it after a last write, which has its time.
#[derive(Debug)]
pub(crate) struct Keeper {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// Hears of the end of the thread.
    ended: Mutex<Receiver<()>>,
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
        let (ending, ended) = std::sync::mpsc::channel();
        let body = move || {
            // Dropped at the end, also by a panic.
            let _ending = ending;
            keep(&stopping, &its_log, chore);
        };
        let thread = thread::Builder::new().name("telemetry".to_owned()).spawn(body)?;
        log.woken_by(thread.thread().clone());
        Ok(Self { stop, thread: Some(thread), ended: Mutex::new(ended) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let Some(thread) = self.thread.take() else { return };
        thread.thread().unpark();
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(LAST_WRITE) == Err(RecvTimeoutError::Timeout) {
            tracing::error!("the access log takes nothing; its last lines are lost");
        } else if thread.join().is_err() {
            tracing::error!("the telemetry thread had panicked; access lines may be missing");
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
