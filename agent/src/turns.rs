//! Turns that go on, and those that have just ended.
//!
//! Enters: questions of verified actors. Leaves: events by number, for whoever is there and whoever
//! comes back; where the time of each went, to memory. Never: more turns than agreed; a turn of another
//! actor; an event that is kept for ever.

mod keep;
mod timeline;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};
use toolgate_agent_memory::Actor;

use crate::event::Event;
use keep::{Keeping, timeline};
use timeline::Told;

use crate::turn::{Agent, Chosen, Report, Request, Talk, Waiting};

/// Turns that have ended and can still be read, and the bytes of their events together.
const ENDED: usize = 128;
const ENDED_BYTES: usize = if cfg!(test) { 1 << 20 } else { 64 << 20 };
/// Events of one turn; what is beyond is counted and not kept.
const EVENTS: usize = 20_000;

/// All turns.
#[derive(Debug)]
pub struct Turns {
    most: usize,
    inner: Mutex<Inner>,
    changed: watch::Sender<usize>,
    keeping: Keeping,
}

#[derive(Debug, Default)]
struct Inner {
    all: HashMap<String, Arc<Running>>,
    ended: VecDeque<(String, usize)>,
    /// Of those that have ended.
    bytes: usize,
    going: usize,
}

/// One turn.
pub struct Running {
    /// Its id.
    pub id: String,
    /// The id that logs of every part have in common.
    pub request_id: String,
    /// Whose.
    pub actor: Actor,
    /// Whether somebody can be asked.
    asks: bool,
    events: Mutex<Events>,
    count: watch::Sender<(usize, bool)>,
    stop: watch::Sender<bool>,
    asked: Mutex<HashMap<u32, Answering>>,
}

#[derive(Default)]
struct Events {
    kept: Vec<Arc<str>>,
    dropped: u64,
    told: Told,
    report: Option<Report>,
}

/// Somebody is asked whether a tool may run.
struct Answering {
    tell: Option<oneshot::Sender<bool>>,
    hear: Option<oneshot::Receiver<bool>>,
}

/// As many turns go on as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("as many turns go on as may: {0}; try again in a moment")]
pub struct Busy(pub usize);

// === impl Turns ===

impl Turns {
    /// At most so many at the same time.
    #[must_use]
    pub fn new(most: usize) -> Arc<Self> {
        let (inner, keeping) = <_>::default();
        Arc::new(Self { most, inner, changed: watch::Sender::new(0), keeping })
    }

    /// Begins a turn. It goes on whoever listens. Unless somebody can be asked, no tool that changes
    /// something is allowed.
    ///
    /// # Errors
    /// As many go on as may.
    pub fn begin(
        self: &Arc<Self>,
        agent: &Arc<Agent>,
        request: Request,
        chosen: Chosen,
        asks: bool,
    ) -> Result<Arc<Running>, Busy> {
        let running = Arc::new(Running { asks, ..Running::new(&request) });
        {
            let mut inner = self.inner();
            if inner.going >= self.most {
                return Err(Busy(self.most));
            }
            inner.going += 1;
            inner.all.insert(running.id.clone(), Arc::clone(&running));
            self.changed.send_replace(inner.going);
        }
        let (turns, agent, turn) = (Arc::clone(self), Arc::clone(agent), Arc::clone(&running));
        tokio::spawn(async move {
            let place = Place(&turns, &turn);
            let report = Box::pin(agent.turn(&request, &chosen, turn.as_ref())).await;
            let told = {
                let mut events = turn.events();
                events.report = Some(report);
                std::mem::take(&mut events.told).text()
            };
            let memory = agent.memory().filter(|memory| memory.archive().is_some());
            let kept = memory.zip(told.map(|told| timeline(&request, told)));
            let keeping = kept.and_then(|kept| Some((kept, turns.keeping.begin()?)));
            drop(place);
            if let Some(((memory, timeline), going)) = keeping {
                going.write(memory, &request.actor, timeline).await;
            }
        });
        Ok(running)
    }

    /// That turn of that actor.
    #[must_use]
    pub fn get(&self, actor: &Actor, id: &str) -> Option<Arc<Running>> {
        self.inner().all.get(id).filter(|turn| turn.actor == *actor).cloned()
    }

    /// How many go on.
    #[must_use]
    pub fn going(&self) -> usize {
        self.inner().going
    }

    /// How many go on, whenever that changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<usize> {
        self.changed.subscribe()
    }

    /// Stops all of them.
    pub fn stop_all(&self) {
        for turn in self.inner().all.values() {
            turn.stop();
        }
    }

    /// Waits until all timelines are kept of turns that have ended.
    pub async fn kept(&self) {
        self.keeping.done().await;
    }

    fn ended(&self, turn: &Running) {
        let mut inner = self.inner();
        inner.going = inner.going.saturating_sub(1);
        let bytes = turn.events().kept.iter().map(|event| event.len()).sum();
        inner.ended.push_back((turn.id.clone(), bytes));
        inner.bytes += bytes;
        // The last one stays, however large: somebody is reading it.
        while inner.ended.len() > ENDED || (inner.ended.len() > 1 && inner.bytes > ENDED_BYTES) {
            if let Some((oldest, bytes)) = inner.ended.pop_front() {
                inner.all.remove(&oldest);
                inner.bytes -= bytes;
            }
        }
        self.changed.send_replace(inner.going);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a turn among those that go on; given back even after a panic.
struct Place<'a>(&'a Turns, &'a Running);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.1.count.send_modify(|(_, is_over)| *is_over = true);
        self.0.ended(self.1);
    }
}

// === impl Running ===

impl Running {
    fn new(request: &Request) -> Self {
        Self {
            id: request.turn.clone(),
            request_id: request.request_id.clone(),
            actor: request.actor.clone(),
            asks: false,
            events: Mutex::default(),
            count: watch::Sender::new((0, false)),
            stop: watch::Sender::new(false),
            asked: Mutex::default(),
        }
    }

    /// The events from that number on; waits for one if there is none yet. `None` after the last.
    pub async fn next(&self, from: usize) -> Option<Vec<(usize, Arc<str>)>> {
        let mut count = self.count.subscribe();
        let there = count.wait_for(|(count, is_over)| *count > from || *is_over).await;
        drop(there);
        let events = self.events();
        let more = events.kept.iter().enumerate().skip(from);
        let more: Vec<_> = more.map(|(nth, event)| (nth, Arc::clone(event))).collect();
        (!more.is_empty()).then_some(more)
    }

    /// Waits for its end. `None` if there is no report, since the agent failed.
    pub async fn over(&self) -> Option<Report> {
        let mut count = self.count.subscribe();
        let _over = count.wait_for(|(_, is_over)| *is_over).await;
        self.events().report.clone()
    }

    /// Stops it.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// The user's word about a tool; false if nobody asked.
    pub fn answer(&self, step: u32, yes: bool) -> bool {
        let tell = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.get_mut(&step).and_then(|answering| answering.tell.take())
        };
        tell.is_some_and(|tell| tell.send(yes).is_ok())
    }

    fn events(&self) -> MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Talk for Running {
    fn say(&self, event: Event) {
        // Where nobody can be asked, nobody's word counts.
        if self.asks
            && let Event::Approval { step, .. } = &event
        {
            let (tell, hear) = oneshot::channel();
            let answering = Answering { tell: Some(tell), hear: Some(hear) };
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(*step, answering);
        }
        let json = serde_json::to_string(&event).unwrap_or_default();
        let count = {
            let mut events = self.events();
            events.told.hear(&event);
            // The end is told in any case.
            if events.kept.len() < EVENTS || matches!(event, Event::TurnEnd(_)) {
                events.kept.push(json.into());
            } else {
                events.dropped += 1;
            }
            events.kept.len()
        };
        self.count.send_modify(|seen| seen.0 = count);
    }

    fn stopped(&self) -> Waiting<'_, ()> {
        let mut stop = self.stop.subscribe();
        Box::pin(async move {
            let _stopped = stop.wait_for(|stop| *stop).await;
        })
    }

    fn approve(&self, step: u32) -> Waiting<'_, bool> {
        let hear = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.get_mut(&step).and_then(|answering| answering.hear.take())
        };
        Box::pin(async move {
            match hear {
                Some(hear) => hear.await.unwrap_or(false),
                None => false,
            }
        })
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("id", &self.id).finish_non_exhaustive()
    }
}
