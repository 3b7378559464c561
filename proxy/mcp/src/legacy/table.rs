//! What sessions have asked for beyond their calls: resources to watch, and a log level.
//!
//! Enters: `resources/subscribe`, `resources/unsubscribe` and `logging/setLevel` on a session.
//! Leaves: what its stream and its calls need of that. Never: what would make a session: an id is
//! still its own state, and one without wishes has no entry here. The table is this replica's own;
//! a session that moves to another one asks there again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use toolgate_call::{Case, LogLevel, Refusal};

use crate::watches::{Watcher, Watches};

/// Sessions with wishes, or with an open stream.
const MOST: usize = 10_000;
/// How often expired sessions are looked for.
const SWEEP: Duration = Duration::from_secs(30);
/// No level was set.
const UNSET: u8 = u8::MAX;

/// See the module.
#[derive(Debug)]
pub(crate) struct Table {
    watches: Arc<Watches>,
    entries: Mutex<HashMap<String, Entry>>,
}

#[derive(Debug)]
struct Entry {
    wishes: Arc<Wishes>,
    /// In seconds since the epoch.
    expires: u64,
}

/// What one session wishes.
#[derive(Debug)]
pub(crate) struct Wishes {
    pub(crate) watcher: Arc<Watcher>,
    level: AtomicU8,
}

// === impl Table ===

impl Table {
    pub(crate) fn new(watches: Arc<Watches>) -> Self {
        Self { watches, entries: Mutex::default() }
    }

    /// The wishes of a session; none at first.
    ///
    /// # Errors
    /// When too many sessions have wishes.
    pub(crate) fn of(&self, session: &str, expires: u64) -> Result<Arc<Wishes>, Refusal> {
        let mut entries = self.entries();
        if let Some(entry) = entries.get(session) {
            return Ok(Arc::clone(&entry.wishes));
        }
        if entries.len() >= MOST {
            sweep(&mut entries);
        }
        if entries.len() >= MOST {
            return Err(full());
        }
        let watcher = Arc::new(self.watches.watcher());
        let wishes = Arc::new(Wishes { watcher, level: AtomicU8::new(UNSET) });
        let entry = Entry { wishes: Arc::clone(&wishes), expires };
        entries.insert(session.to_owned(), entry);
        Ok(wishes)
    }

    /// The wishes of a session, if it has any.
    pub(crate) fn find(&self, session: &str) -> Option<Arc<Wishes>> {
        self.entries().get(session).map(|entry| Arc::clone(&entry.wishes))
    }

    /// The session has ended.
    pub(crate) fn end(&self, session: &str) {
        let gone = self.entries().remove(session);
        if let Some(entry) = gone {
            // Its stream may be open still.
            entry.wishes.watcher.clear();
        }
    }

    /// Forgets sessions that have expired, again and again.
    pub(crate) async fn keep(&self) {
        loop {
            tokio::time::sleep(SWEEP).await;
            sweep(&mut self.entries());
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes out what has expired, and what nobody would miss.
fn sweep(entries: &mut HashMap<String, Entry>) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    entries.retain(|_, entry| entry.expires > now && !entry.wishes.is_idle());
}

pub(crate) fn full() -> Refusal {
    let message = "the gateway keeps as many subscriptions as it can; try again later";
    Refusal::new(Case::Overloaded, message).retry_after(Duration::from_secs(1)).safe_to_retry(true)
}

// === impl Wishes ===

impl Wishes {
    /// From which level on the session wants log messages, if it has said so.
    pub(crate) fn level(&self) -> Option<LogLevel> {
        LogLevel::ALL.get(usize::from(self.level.load(Relaxed))).copied()
    }

    pub(crate) fn set_level(&self, level: LogLevel) {
        self.level.store(level as u8, Relaxed);
    }

    /// Whether there is nothing in it, and no stream that looks at it.
    fn is_idle(&self) -> bool {
        let unused = Arc::strong_count(&self.watcher) == 1;
        unused && self.level().is_none() && self.watcher.is_idle()
    }
}
