//! One target's lists, and how old they are.
//!
//! Enters: reasons to ask the target. Leaves: what it offers; the last good lists while it is down.
//! Never: two questions at once, and never a question a second after one that failed.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use toolgate_call::{Deadline, Ledger, Listed, Op, Outbound, Reason, Refusal};
use toolgate_telemetry::ListCause;
use tower::ServiceExt as _;

use super::TargetSpec;
use super::guard::Guard;
use super::weight;
use crate::contract::Contract;
use crate::list::{self, About, Item, Offer, Standing};

/// The shortest time between two questions that a caller's unknown name may cause.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The longest that a target may take over its list.
const LONGEST: Duration = Duration::from_secs(10);

/// The longest that a target which does not answer is left alone, if it names no time itself.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What a target says of its list's age counts from here on. (0, which SDKs send when nobody has
/// thought about it, says nothing.)
const SHORTEST_TTL: Duration = Duration::from_secs(1);

/// What it offers, or why that could not be had.
pub(super) type Fetched = Result<Offer, Refusal>;

/// A target and its lists.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) spec: TargetSpec,
    state: Mutex<State>,
    guard: Guard,
    turn: tokio::sync::Mutex<()>,
    is_being_asked: AtomicBool,
    /// Whether its tools were approved one by one.
    is_pinned: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    about: Arc<About>,
    /// In the order of [`Listed::ALL`].
    lists: [Arc<[Item]>; 4],
    known: bool,
    due: Option<Instant>,
    /// When the last question was put: its answer says nothing of what came later.
    begun: Option<Instant>,
    /// When it was answered.
    asked: Option<Instant>,
    failure: Option<Refusal>,
    failures: u32,
    /// When it was asked last because it had refused a call by its list.
    looked: Option<Instant>,
}

/// A question on its way. However it ends, also by being dropped, it is on its way no more.
struct Asking<'a>(&'a AtomicBool);

// === impl Entry ===

impl Entry {
    pub(super) fn new(spec: TargetSpec) -> Self {
        Self {
            spec,
            state: Mutex::default(),
            guard: Guard::new(),
            turn: tokio::sync::Mutex::default(),
            is_being_asked: AtomicBool::new(false),
            is_pinned: AtomicBool::new(false),
        }
    }

    /// One of its lists.
    pub(crate) fn list(&self, what: Listed) -> Arc<[Item]> {
        let state = self.state();
        let mut lists = state.lists.iter().zip(Listed::ALL);
        lists.find(|(_, of)| *of == what).map(|(list, _)| Arc::clone(list)).unwrap_or_default()
    }

    /// Whether callers are not given that tool. What is not listed was not looked at: where tools
    /// are approved one by one, it is held back too.
    pub(super) fn holds_back(&self, tool: &str) -> bool {
        let tools = self.list(Listed::Tools);
        let mut named = tools.iter().filter(|item| *item.name == *tool).peekable();
        let is_listed = named.peek().is_some();
        let is_held = named.any(|item| item.standing != Standing::Offered);
        is_held || (!is_listed && self.is_pinned.load(Relaxed))
    }

    /// What it says of itself.
    pub(crate) fn about(&self) -> Arc<About> {
        Arc::clone(&self.state().about)
    }

    /// Whether the target has ever told what it offers.
    pub(super) fn is_known(&self) -> bool {
        self.state().known
    }

    /// Why the last question failed, if it did.
    pub(super) fn failure(&self) -> Option<Refusal> {
        self.state().failure.clone()
    }

    /// Whether the list has grown old, or was never had.
    pub(super) fn is_due(&self) -> bool {
        self.state().due.is_none_or(|due| due <= Instant::now())
    }

    /// Whether it is time to ask without anybody's wish: soon after a failure, and otherwise no
    /// sooner than so long after the last answer.
    pub(super) fn is_neglected(&self, leisure: Duration) -> bool {
        let state = self.state();
        let rested = state.asked.is_none_or(|asked| asked.elapsed() >= leisure);
        let due = state.due.is_none_or(|due| due <= Instant::now());
        due && (state.failures > 0 || rested)
    }

    /// For how long the list is good, as far as is known now.
    pub(super) fn good_for(&self) -> Duration {
        let state = self.state();
        let left = state.due.map(|due| due.saturating_duration_since(Instant::now()));
        left.filter(|_| state.known).unwrap_or_default()
    }

    /// Whether a list has to wait for this target: it is due, and not one that failed and is being
    /// asked again by itself.
    pub(super) fn is_awaited(&self) -> bool {
        self.is_due() && !(self.is_being_asked() && self.state().failures > 0)
    }

    /// Whether an unknown name is a reason to ask: not a second after an answer; but a target that
    /// is being asked right now is worth waiting for.
    pub(super) fn may_ask(&self) -> bool {
        self.is_being_asked() || self.state().asked.is_none_or(|at| at.elapsed() >= ASK_AGAIN)
    }

    /// Whether a call that was refused by its list is a reason to ask: not a second after another.
    pub(super) fn may_look(&self) -> bool {
        let now = Instant::now();
        let mut state = self.state();
        let may = state.looked.is_none_or(|at| at + ASK_AGAIN <= now);
        if may {
            state.looked = Some(now);
        }
        may
    }

    /// Whether it has never answered, neither well nor badly.
    pub(super) fn is_new(&self) -> bool {
        self.state().asked.is_none()
    }

    /// Whether a question is on its way.
    pub(super) fn is_being_asked(&self) -> bool {
        self.is_being_asked.load(Relaxed)
    }

    /// Waits for the answer to the question that is on its way.
    pub(super) async fn answered(&self) {
        drop(self.turn.lock().await);
    }

    /// Why its tools are not there. Whatever befell the list, a call of one of them never left.
    pub(super) fn excuse(&self) -> Refusal {
        let excuse = self.failure().unwrap_or_else(|| {
            let target = &self.spec.name;
            let message = format!("`{target}` has not told its tools yet; try again");
            Refusal::target(Reason::TimeoutConnect, target, message)
        });
        excuse.before_send()
    }

    /// The list is not good any more.
    pub(super) fn expire(&self) {
        let mut state = self.state();
        state.due = None;
        state.asked = None;
    }

    /// Asks, unless someone else has asked since this was wanted. `publish` takes the tools into
    /// the catalog; until it has, the target counts as being asked.
    pub(super) async fn refresh(&self, cause: ListCause, publish: impl FnOnce(Fetched)) {
        let wanted = Instant::now();
        let _turn = self.turn.lock().await;
        if self.has_answered_since(wanted, cause) {
            return;
        }
        let _asking = Asking::begin(&self.is_being_asked);
        self.state().begun = Some(Instant::now());
        let fetched = list::fetch(&self.spec, self.patience()).await;
        let fetched = fetched.and_then(|offer| weight::within(&self.spec, offer));
        self.spec.metrics.list_refreshed(cause, fetched.is_ok());
        publish(fetched.map(|offer| self.judged(offer)));
    }

    /// Asks a target that is left alone for a sign of life, which lets calls go to it again.
    pub(super) async fn probe(&self) {
        let now = Instant::now().into_std();
        let outbound = Outbound {
            op: Op::Probe,
            deadline: Deadline::after(now, self.patience()),
            ledger: Arc::new(Ledger::new(now)),
            request_id: Arc::from(format!("probe-{}", self.spec.name)),
            trace: None,
            abilities: toolgate_call::Abilities::NONE,
            more: None,
        };
        // What came of it is noted by the breaker and the metrics on its way.
        let _answered = self.spec.svc.clone().oneshot(outbound).await;
    }

    /// Takes what was fetched; says whether it is something else than before.
    pub(super) fn settle(&self, fetched: Fetched) -> bool {
        let now = Instant::now();
        // As it is judged now: what was approved may have changed meanwhile.
        let served = self.guard.served();
        let mut state = self.state();
        state.asked = Some(now);
        match fetched {
            Ok(Offer { about, lists, ttl }) => {
                let mut changed = !state.known || *state.about != about;
                for (what, list) in Listed::ALL.into_iter().zip(lists) {
                    let judged = what == Listed::Tools;
                    let list =
                        list.map(|list| if judged { Arc::clone(&served) } else { list.into() });
                    changed |= list.is_some_and(|list| put(&mut state, what, list));
                }
                state.about = Arc::new(about);
                state.known = true;
                state.failure = None;
                state.failures = 0;
                let theirs = ttl.filter(|ttl| !ttl.is_zero()).map(|ttl| ttl.max(SHORTEST_TTL));
                let own = self.spec.list_ttl;
                state.due = now.checked_add(theirs.map_or(own, |theirs| theirs.min(own)));
                changed
            }
            Err(refusal) => {
                let pause = pause(state.failures, &refusal).min(self.spec.list_ttl);
                self.report(&refusal, state.failures);
                state.failures = state.failures.saturating_add(1);
                state.failure = Some(refusal);
                // Old tools stay; a target that is down is asked again, but less and less often.
                state.due = Some(now + pause);
                false
            }
        }
    }

    /// Holds it to what was approved.
    pub(super) fn hold_to(&self, contract: &Arc<Contract>) {
        self.is_pinned.store(contract.pins.is_some(), Relaxed);
        self.guard.hold_to(contract, &self.spec);
    }

    /// Gives callers the list as it was judged last; says whether it is another one than before.
    pub(super) fn serve(&self) -> bool {
        let served = self.guard.served();
        let mut state = self.state();
        state.known && put(&mut state, Listed::Tools, served)
    }

    /// Has the list of tools judged.
    fn judged(&self, mut offer: Offer) -> Offer {
        for (list, what) in offer.lists.iter_mut().zip(Listed::ALL) {
            if what == Listed::Tools {
                list.iter_mut().for_each(|list| self.guard.judge(&self.spec, std::mem::take(list)));
            }
        }
        offer
    }

    /// How long a question of the gateway's own may take.
    fn patience(&self) -> Duration {
        self.spec.timeout.min(LONGEST)
    }

    /// Whether an answer has come that is good enough for whoever has waited since then. After a
    /// change only a question that was put later will do.
    fn has_answered_since(&self, wanted: Instant, cause: ListCause) -> bool {
        let state = self.state();
        let counts = if cause == ListCause::Notify { state.begun } else { state.asked };
        state.asked.is_some() && counts.is_some_and(|at| at > wanted)
    }

    /// The first failure in a row is worth a warning; the others are more of the same.
    fn report(&self, refusal: &Refusal, before: u32) {
        let target = &self.spec.name;
        let detail = refusal.operator_detail().unwrap_or_default();
        if before == 0 {
            tracing::warn!(%target, %refusal, detail, "the list of tools could not be had");
        } else {
            tracing::debug!(%target, %refusal, detail, "the list of tools still cannot be had");
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Asking ===

impl<'a> Asking<'a> {
    fn begin(flag: &'a AtomicBool) -> Self {
        flag.store(true, Relaxed);
        Self(flag)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}

/// Takes a list; says whether callers are given another one than before.
fn put(state: &mut State, what: Listed, new: Arc<[Item]>) -> bool {
    let mut lists = state.lists.iter_mut().zip(Listed::ALL);
    let Some((old, _)) = lists.find(|(_, of)| *of == what) else { return false };
    if **old == *new {
        return false;
    }
    *old = new;
    true
}

/// How long a target is left alone that has failed so often before: between the half and the whole
/// of 1, 2, 4 … 30 s, so that gateways which lost it together do not come back together; and as
/// long as it, or its circuit, asks for.
fn pause(failures: u32, refusal: &Refusal) -> Duration {
    let whole = ASK_AGAIN.saturating_mul(1 << failures.min(5)).min(LONGEST_PAUSE);
    let drawn = whole.mul_f64(0.5 + fastrand::f64() / 2.0);
    drawn.max(refusal.wait().unwrap_or_default().min(LONGEST_PAUSE))
}
