//! Calls at older targets that wait for their modern callers to come back with an answer.
//!
//! Enters: a call in the middle of which the target asked something. Leaves: a result that asks the
//! caller, and the call again when the caller repeats it with the answers (2026-07-28
//! `basic/patterns/mrtr`). Never: more of them than a limit, in all and of one principal; one that
//! is taken up twice, by somebody else, or for something else than was called; one that waits for
//! ever: it ends as a call ends whose caller has left. A call that ends at its target meanwhile
//! counts as parked no more; its end is kept for the caller.

mod course;
mod state;

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{Context, SHA256};
use tokio::task::JoinHandle;
use toolgate_call::{
    Answer, Call, Case, Holder, Members, PATIENCE, Principal, Question, RawJson, Refusal, Said,
    Server,
};
use toolgate_telemetry::{ParkedCall, Telemetry};

pub(crate) use course::{Live, follow};
use state::State;
pub(crate) use state::States;

use crate::ask::input_required;
use crate::bridge::Way;

/// Parked calls in all; and so many ends of calls that are over.
const MOST: usize = 1024;
/// Of one principal, with the ends: a further call takes the place of its own oldest end.
const EACH: usize = 64;

/// The calls that are parked.
#[derive(Clone, Debug)]
pub(crate) struct Parked(Arc<Table>);

#[derive(Debug)]
struct Table {
    /// Tells this process from others that share the key.
    node: u64,
    states: Arc<States>,
    telemetry: Arc<Telemetry>,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    parked: HashMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    round: u64,
    owner: String,
    waiting: Cell,
    timer: Timer,
    /// `None` once the call is over at its target.
    gauge: Option<ParkedCall>,
}

/// A call that waits, until it is taken up.
type Cell = Arc<Mutex<Option<Waiting>>>;

/// A call that waits, with what it waits for.
#[derive(Debug)]
pub(crate) struct Waiting {
    live: Live,
    /// Each under the key by which the client is asked.
    questions: Vec<(String, Question)>,
}

/// Who calls, and what.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    principal: Arc<Principal>,
    server: Option<Arc<Server>>,
    digest: [u8; 32],
    /// Under which the caller hears of progress.
    token: Option<RawJson>,
    way: Way,
}

/// Hears what becomes of a call at its target, and ends it when its time is up.
#[derive(Debug)]
struct Timer(JoinHandle<()>);

// === impl Caller ===

impl Caller {
    /// `full`: the full name of what is called. The caller's name for it may be another's later.
    pub(crate) fn of(call: &Call, full: &str, way: Way) -> Self {
        let mut digest = Context::new(&SHA256);
        let arguments = call.frame.arguments().unwrap_or_default();
        for part in [call.method.label(), full, call.name.as_deref().unwrap_or_default()] {
            digest.update(part.as_bytes());
            digest.update(b"\0");
        }
        digest.update(arguments);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.finish().as_ref());
        let token = call.meta.progress_token.clone();
        let (principal, server) = (Arc::clone(&call.principal), call.server.clone());
        Self { principal, server, digest: bytes, token, way }
    }

    fn holder(&self) -> Holder<'_> {
        Holder { principal: &self.principal, server: self.server.as_deref() }
    }
}

// === impl Parked ===

impl Parked {
    pub(crate) fn new(states: Arc<States>, telemetry: Arc<Telemetry>) -> Self {
        let (node, entries) = (fastrand::u64(..), Mutex::default());
        Self(Arc::new(Table { node, states, telemetry, entries }))
    }

    /// Parks a call, and gives back the result that asks its caller.
    ///
    /// # Errors
    /// When there is no room for another: the call as it came.
    pub(crate) fn park(&self, waiting: Waiting, caller: &Caller) -> Result<Answer, Box<Waiting>> {
        let owner = caller.principal.key();
        let round = fastrand::u64(..);
        let mut entries = self.0.entries();
        let parked = || entries.parked.values().filter(|entry| entry.gauge.is_some());
        let own = parked().filter(|entry| entry.owner == owner).count();
        if own >= EACH || parked().count() >= MOST {
            return Err(Box::new(waiting));
        }
        entries.next += 1;
        let number = entries.next;
        let (node, digest) = (self.0.node, caller.digest);
        let expires = seconds().saturating_add(PATIENCE.as_secs());
        let state = State { node, number, round, expires, digest };
        let Ok(text) = self.0.states.seal(&state, caller.holder()) else {
            return Err(Box::new(waiting));
        };
        let answer = Answer::result(input_required(&waiting.questions, &text));
        let waiting = Arc::new(Mutex::new(Some(waiting)));
        let timer = Timer::start(&self.0, number, Arc::clone(&waiting));
        let gauge = Some(self.0.telemetry.gateway.parked());
        let forgotten = entries.make_room(&owner);
        entries.parked.insert(number, Entry { round, owner, waiting, timer, gauge });
        drop(entries);
        drop(forgotten);
        Ok(answer)
    }

    /// The parked call that this one takes further; `None` if it does not say so.
    ///
    /// # Errors
    /// [`Case::ParamsInvalid`] when it says so, and there is none that it may take up.
    pub(crate) fn claim(&self, call: &Call, caller: &Caller) -> Result<Option<Waiting>, Refusal> {
        let text = call.frame.state().and_then(|raw| serde_json::from_slice::<String>(raw).ok());
        let Some(text) = text.filter(|text| self.0.states.claims(text)) else { return Ok(None) };
        let state = self.0.states.open(&text, caller.holder()).ok_or_else(spent)?;
        if state.node != self.0.node {
            return Err(elsewhere());
        }
        if state.digest != caller.digest {
            return Err(another());
        }
        let entry = self.0.take(&state).filter(|_| state.expires > seconds());
        let waiting = entry.and_then(|entry| lock(&entry.waiting).take());
        waiting.map(Some).ok_or_else(spent)
    }
}

// === impl Table ===

impl Table {
    fn take(&self, state: &State) -> Option<Entry> {
        let mut entries = self.entries();
        let fits =
            entries.parked.get(&state.number).is_some_and(|entry| entry.round == state.round);
        fits.then(|| entries.parked.remove(&state.number)).flatten()
    }

    /// The call is over at its target.
    fn over(&self, number: u64) {
        let mut entries = self.entries();
        let gauge = entries.parked.get_mut(&number).and_then(|entry| entry.gauge.take());
        drop(entries);
        drop(gauge);
    }

    /// The caller has not come back.
    fn expire(&self, number: u64) {
        let entry = self.entries().parked.remove(&number);
        let Some(Entry { waiting, timer, gauge, .. }) = entry else { return };
        if let Some(Waiting { live, questions }) = lock(&waiting).take() {
            for (_, question) in questions {
                question.respond.say(Said::Expired);
            }
            // Which cancels the call at the target.
            drop(live);
        }
        drop((gauge, timer));
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        lock(&self.entries)
    }
}

// === impl Entries ===

impl Entries {
    /// Takes out the oldest of the calls that are over, if there are many: of those of the owner,
    /// who has no more of both kinds than it may park; else of all.
    fn make_room(&mut self, owner: &str) -> Option<Entry> {
        let own = |entry: &Entry| entry.owner == owner;
        let full = self.parked.values().filter(|entry| own(entry)).count() >= EACH;
        if !full && self.parked.len() < 2 * MOST {
            return None;
        }
        let over = self.parked.iter().filter(|(_, entry)| entry.gauge.is_none());
        let over = over.filter(|(_, entry)| !full || own(entry));
        let oldest = over.map(|(number, _)| *number).min()?;
        self.parked.remove(&oldest)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Waiting ===

impl Waiting {
    fn new(live: Live, questions: Vec<(String, Question)>) -> Self {
        Self { live, questions }
    }

    /// Hands the answers to the target, if all are there; else the call as it is.
    pub(crate) fn answer(self, responses: Option<&[u8]>) -> Result<Live, Box<Self>> {
        if self.live.is_over() {
            return Ok(self.live);
        }
        let Members(given) = Members::of(responses.unwrap_or_default());
        let find = |key: &str| {
            let found = given.iter().find(|(name, _)| name == key).map(|(_, value)| value.get());
            found.filter(|value| value.starts_with('{'))
        };
        if !self.questions.iter().all(|(key, _)| find(key).is_some()) {
            return Err(Box::new(self));
        }
        for (key, question) in self.questions {
            let raw = find(&key).unwrap_or_default().to_owned();
            question.respond.say(Said::Result(RawJson::built(raw.into())));
        }
        Ok(self.live)
    }

    fn apart(self) -> (Live, Vec<(String, Question)>) {
        (self.live, self.questions)
    }
}

// === impl Timer ===

impl Timer {
    fn start(table: &Arc<Table>, number: u64, cell: Cell) -> Self {
        let table: Weak<Table> = Arc::downgrade(table);
        Self(tokio::spawn(async move {
            let over = poll_fn(|cx| match &mut *lock(&cell) {
                Some(waiting) => waiting.live.poll_over(cx),
                None => Poll::Ready(()),
            });
            let mut late = pin!(tokio::time::sleep(PATIENCE));
            tokio::select! {
                () = &mut late => {}
                () = over => {
                    if let Some(table) = table.upgrade() {
                        table.over(number);
                    }
                    late.await;
                }
            }
            if let Some(table) = table.upgrade() {
                table.expire(number);
            }
        }))
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn refuse(message: &'static str) -> Refusal {
    Refusal::new(Case::ParamsInvalid, message)
}

fn spent() -> Refusal {
    refuse(
        "this `requestState` was used already, has expired, or was not given to you; start anew, \
         without `requestState` and `inputResponses`",
    )
}

fn another() -> Refusal {
    refuse(
        "this `requestState` belongs to a call with another name or other arguments; repeat that \
         call, or start anew without `requestState` and `inputResponses`",
    )
}

fn elsewhere() -> Refusal {
    refuse(
        "the call that this `requestState` belongs to waits at another replica of the gateway, or \
         was lost with one that was restarted; send it there, or start anew without it",
    )
}

#[cfg(test)]
mod tests;
