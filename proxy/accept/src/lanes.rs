//! One thread a core, each with a runtime of its own; a connection stays on its lane (ADR 10).
//!
//! Enters: accepted connections. Leaves: the same, each driven by one thread for all its life.
//! Never: work that moves between cores: what a connection touches stays in one core's cache, and
//! no wake-up crosses a core for a call that does not.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// How long a lane that ends waits for work that cannot be interrupted.
const LEFTOVER: Duration = Duration::from_millis(500);

/// The lanes of a gateway. Dropping them ends what still runs on them.
#[derive(Debug)]
pub struct Lanes(Vec<Lane>);

#[derive(Debug)]
struct Lane {
    handle: Handle,
    open: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A connection that counts as open until this is dropped, by a panic too.
struct Open(Arc<AtomicUsize>);

// === impl Lanes ===

impl Lanes {
    /// Starts so many lanes, at least one.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(count: usize) -> io::Result<Self> {
        (0..count.max(1)).map(Lane::start).collect::<io::Result<_>>().map(Self)
    }

    /// Runs a connection on the lane that has the fewest.
    pub(crate) fn spawn<F>(&self, connection: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Some(lane) = self.0.iter().min_by_key(|lane| lane.open.load(Relaxed)) else { return };
        let open = Open::one_more(&lane.open);
        lane.handle.spawn(async move {
            connection.await;
            drop(open);
        });
    }
}

// === impl Open ===

impl Open {
    fn one_more(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

// === impl Lane ===

impl Lane {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread =
            std::thread::Builder::new().name(format!("lane-{number}")).spawn(move || {
                // An error means that the lane's owner is gone, which is a reason to stop as well.
                let _stopped = runtime.block_on(stopped);
                // What is left ends now, except for a look-up of a name, which nobody can stop.
                runtime.shutdown_timeout(LEFTOVER);
            })?;
        let open = Arc::default();
        Ok(Self { handle, open, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a lane ended by a panic");
        }
    }
}
