//! Timelines on their way to memory.
//!
//! In: what is told of a turn that has ended. Out: nothing; whoever stops waits for it. Never: keeps an
//! answer waiting; more at a time than agreed: what is beyond is not kept.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::timeout;
use toolgate_agent_memory::{Actor, Memory, Timeline};

/// Timelines that may wait to be written.
const WAITING: usize = 256;
/// How long a write may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The writes that go on.
#[derive(Clone, Debug)]
pub(super) struct Keeping(watch::Sender<usize>);

/// One that goes on.
pub(super) struct Going(watch::Sender<usize>);

// === impl Keeping ===

impl Default for Keeping {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Keeping {
    /// One will be written, unless too many are.
    pub(super) fn begin(&self) -> Option<Going> {
        let mut entered = false;
        self.0.send_modify(|going| {
            entered = *going < WAITING;
            *going += usize::from(entered);
        });
        if !entered {
            tracing::warn!("a timeline is not kept: too many wait to be written");
        }
        entered.then(|| Going(self.0.clone()))
    }

    /// Waits until none waits to be written.
    pub(super) async fn done(&self) {
        let mut going = self.0.subscribe();
        let _none = going.wait_for(|going| *going == 0).await;
    }
}

// === impl Going ===

impl Going {
    /// Writes it, if this memory keeps such things.
    pub(super) async fn write(self, memory: &Arc<dyn Memory>, actor: &Actor, timeline: Timeline) {
        let Some(archive) = memory.archive() else { return };
        match timeout(PATIENCE, archive.keep_timeline(actor, &timeline)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "a timeline is not kept"),
            Err(_) => tracing::warn!("a timeline is not kept: it took longer than {PATIENCE:?}"),
        }
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        self.0.send_modify(|going| *going -= 1);
    }
}

/// What is told of that turn, which has ended now.
pub(super) fn timeline(request: &crate::turn::Request, told: String) -> Timeline {
    let (turn, session) = (request.turn.clone(), request.session.clone());
    Timeline { turn, session, at: SystemTime::now(), told }
}
