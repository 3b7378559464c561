//! Whether there is a memory, and how it does.
//!
//! In: what the finder finds, how requests end. Out: the memory or why there is none, and its health.
//! Never: an answer that waits for a memory to be made; a search for it at every request.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use toolgate_agent_memory::{Health, MemoryError, Why};

use super::find::Finder;
use super::resource::Resource;

/// What is known of a memory.
#[derive(Debug)]
pub(super) struct State {
    known: watch::Sender<Known>,
    /// It may have gone.
    doubt: Notify,
    /// Why the last request came to nothing, if it did.
    failing: Mutex<Option<MemoryError>>,
    waiting: AtomicU64,
    lost: AtomicU64,
}

#[derive(Clone, Debug)]
enum Known {
    /// It is looked for, which takes a moment.
    Nothing,
    Memory(Arc<Resource>),
    /// There is none, for now.
    None(MemoryError),
}

/// A turn that is being written. It counts as lost unless it is [`Writing::done`].
#[derive(Debug)]
pub(super) struct Writing<'a> {
    state: &'a State,
    done: bool,
}

/// Looks for a memory until there is one, and again when it may have gone.
pub(super) async fn keep_found(finder: Finder, state: Arc<State>) {
    let told = |error| {
        state.known.send_replace(Known::None(error));
    };
    loop {
        match Box::pin(finder.find(&told)).await {
            Ok((resource, created)) => {
                let detail = resource.detail();
                tracing::info!(id = %resource.id, created, "AgentCore Memory: {detail}");
                state.known.send_replace(Known::Memory(Arc::new(resource)));
                state.doubt.notified().await;
            }
            Err(error) => {
                state.lacks(error);
                sleep(finder.tempo.again).await;
            }
        }
    }
}

// === impl State ===

impl Default for State {
    fn default() -> Self {
        Self {
            known: watch::Sender::new(Known::Nothing),
            doubt: Notify::new(),
            failing: Mutex::default(),
            waiting: AtomicU64::default(),
            lost: AtomicU64::default(),
        }
    }
}

impl State {
    /// The memory, once it is known whether there is one.
    pub(super) async fn resource(&self) -> Result<Arc<Resource>, MemoryError> {
        let mut known = self.known.subscribe();
        let known = known.wait_for(|known| !matches!(known, Known::Nothing)).await;
        match known.as_deref() {
            Ok(Known::Memory(resource)) => Ok(Arc::clone(resource)),
            Ok(Known::None(error)) => Err(error.clone()),
            Ok(Known::Nothing) | Err(_) => {
                Err(MemoryError::new(Why::Unavailable, "the memory is not looked for any more"))
            }
        }
    }

    /// Takes note of how a request ended.
    pub(super) fn seen<T>(&self, done: Result<T, MemoryError>) -> Result<T, MemoryError> {
        // What only this request had wrong says nothing of the memory.
        let failing = done.as_ref().err().filter(|error| error.why != Why::NotSupported).cloned();
        *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = failing;
        done
    }

    /// There is no memory for now. The same reason is told once.
    fn lacks(&self, error: MemoryError) {
        let told = matches!(&*self.known.borrow(), Known::None(before) if *before == error);
        if !told {
            tracing::warn!(%error, "there is no AgentCore Memory; the agent goes on without it");
        }
        self.known.send_replace(Known::None(error));
    }

    /// The service does not know the memory: it is looked for again.
    pub(super) fn doubt(&self) {
        self.doubt.notify_one();
    }

    pub(super) fn writing(&self) -> Writing<'_> {
        self.waiting.fetch_add(1, Relaxed);
        Writing { state: self, done: false }
    }

    pub(super) fn health(&self) -> Health {
        let known = self.known.borrow().clone();
        let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (ok, detail) = match (&known, failing) {
            (Known::Nothing, _) => (false, "the memory is being looked for".to_owned()),
            (Known::None(error), _) => (false, error.to_string()),
            (Known::Memory(_), Some(error)) => (false, format!("the last request failed: {error}")),
            (Known::Memory(it), None) => (true, it.detail()),
        };
        let (waiting, lost) = (self.waiting.load(Relaxed), self.lost.load(Relaxed));
        Health { ok, detail, waiting, lost, oldest: None }
    }
}

// === impl Writing ===

impl Writing<'_> {
    pub(super) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.state.waiting.fetch_sub(1, Relaxed);
        if !self.done {
            self.state.lost.fetch_add(1, Relaxed);
        }
    }
}
