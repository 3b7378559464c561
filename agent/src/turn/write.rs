//! The last part of a turn: it is remembered, after the reply.
//!
//! In: turns that have ended. Out: nothing; the next turn of the same session waits for it.
//! Never: keeps a reply waiting; more writes at a time than agreed: what is beyond is lost, and
//! counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use toolgate_agent_memory::{Actor, Memory, MemoryError, Session, Turn, Why};

use super::Request;
use super::report::{Report, Watcher};

/// Turns that may wait to be written.
const WAITING: usize = 256;
/// How long a write may take.
const PATIENCE: Duration = Duration::from_secs(30);

type Key = (Actor, Session);

/// The writes that go on.
#[derive(Clone, Debug)]
pub(super) struct Writes {
    waiting: Arc<Mutex<HashMap<Key, usize>>>,
    changed: watch::Sender<()>,
}

// === impl Writes ===

impl Default for Writes {
    fn default() -> Self {
        Self { waiting: Arc::default(), changed: watch::Sender::new(()) }
    }
}

impl Writes {
    /// Remembers a turn in the background.
    pub(super) fn remember(
        &self,
        memory: &Arc<dyn Memory>,
        watcher: &Arc<dyn Watcher>,
        report: &Report,
    ) {
        let turn = turn(report);
        let key = (turn.actor.clone(), turn.session.clone());
        if !self.enter(&key) {
            watcher.lost();
            tracing::warn!("a turn is not remembered: too many wait to be written");
            return;
        }
        let (writes, memory, watcher) = (self.clone(), Arc::clone(memory), Arc::clone(watcher));
        let place = report.place.clone();
        tokio::spawn(async move {
            let began = Instant::now();
            let written = timeout(PATIENCE, memory.remember(&turn)).await;
            let written = written.unwrap_or_else(|_| Err(late()));
            let why = written.as_ref().err().map(|error| error.why.as_str());
            watcher.remembered(&place, began.elapsed(), why);
            if let Err(error) = written {
                watcher.lost();
                tracing::warn!(%error, "a turn is not remembered");
            }
            writes.leave(&key);
        });
    }

    /// Waits until nothing of that session waits to be written.
    pub(super) async fn settled(&self, request: &Request) {
        let key = (request.actor.clone(), request.session.clone());
        let mut changed = self.changed.subscribe();
        while self.waiting().contains_key(&key) && changed.changed().await.is_ok() {}
    }

    /// Waits until nothing waits to be written.
    pub(super) async fn drained(&self) {
        let mut changed = self.changed.subscribe();
        while !self.waiting().is_empty() && changed.changed().await.is_ok() {}
    }

    /// Turns that wait to be written.
    pub(super) fn count(&self) -> usize {
        self.waiting().values().sum()
    }

    fn enter(&self, key: &Key) -> bool {
        let mut waiting = self.waiting();
        let room = waiting.values().sum::<usize>() < WAITING;
        if room {
            *waiting.entry(key.clone()).or_default() += 1;
        }
        room
    }

    fn leave(&self, key: &Key) {
        {
            let mut waiting = self.waiting();
            if let Some(count) = waiting.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    waiting.remove(key);
                }
            }
        }
        self.changed.send_replace(());
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Key, usize>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn late() -> MemoryError {
    MemoryError::new(Why::TimedOut, format!("it took longer than {PATIENCE:?}"))
}

/// What is kept: the user's own words, without what was put in front of them for the model.
fn turn(report: &Report) -> Turn {
    let request = &report.request;
    Turn {
        id: request.turn.clone(),
        actor: request.actor.clone(),
        session: request.session.clone(),
        asked: request.text.clone(),
        answered: report.answer.clone(),
        tools: report.end.tools_used.clone(),
        took: Duration::from_secs_f64(report.end.times.total_ms / 1e3),
        model: report.end.model.clone(),
        at: report.at,
    }
}
