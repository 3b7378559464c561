//! Holds a target to what was approved of its tools.
//!
//! Enters: the list that a target gives, whenever it is read. Leaves: the list that callers are given,
//! and word of every difference, once. Never: a look at a call; what is held back is marked here, and
//! the mark is all that a call meets.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use toolgate_call::RawJson;
use toolgate_telemetry::audit::AuditContract;
use toolgate_telemetry::{ContractAction, ContractChange, Word as _};

use super::{TargetSpec, changes};
use crate::contract::{Change, Contract, Definition, Digest, Pin, Surveyed, printable, survey};
use crate::list::{Item, Standing};

/// Differences of a target that are told one by one in so long; the others are counted.
const TOLD: usize = 32;
const TOLD_IN: Duration = Duration::from_secs(60);
/// Places of a difference that are told.
const PLACES: usize = 8;
/// How many first definitions are kept, and how many bytes of them, beyond those that are listed.
const KEPT: usize = 20_000;
const KEPT_BYTES: usize = 32 * 1024 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Guard {
    /// Locked for as long as a judgement takes.
    state: Mutex<State>,
    /// What callers are given of the list that was judged last.
    served: Mutex<Arc<[Item]>>,
}

#[derive(Debug)]
struct State {
    contract: Arc<Contract>,
    /// The first definitions, of a target of which none are approved; `None` before the first list.
    first: Option<HashMap<String, Pin>>,
    /// What the target lists; `None` before the first list.
    seen: Option<Vec<Item>>,
    /// Differences that were told already.
    told: Told,
    lines: Lines,
}

/// Differences that were told, by tool: the hash of what was approved, and of what was seen.
type Told = HashMap<String, (Option<Digest>, Option<Digest>)>;

/// How much may be said: a target that changes all the time does not fill the log.
#[derive(Debug)]
struct Lines {
    left: usize,
    since: Instant,
}

/// What becomes of a tool that differs.
#[derive(Clone, Copy, Debug)]
struct Fate {
    action: ContractAction,
    is_new: bool,
}

// === impl Guard ===

impl Guard {
    pub(super) fn new() -> Self {
        let contract = Arc::new(Contract::on_first_use());
        let state = State {
            contract,
            first: None,
            seen: None,
            told: Told::new(),
            lines: Lines { left: TOLD, since: Instant::now() },
        };
        Self { state: Mutex::new(state), served: Mutex::default() }
    }

    /// From now on the target is held to this; so is the list that was read last.
    pub(super) fn hold_to(&self, contract: &Arc<Contract>, spec: &TargetSpec) {
        for class in ContractChange::ALL {
            spec.metrics.contract_rule(*class, contract.actions.of(*class));
        }
        let mut state = self.state();
        state.contract = Arc::clone(contract);
        match state.seen.take() {
            Some(listed) => *self.verdict() = state.judge(spec, listed).into(),
            None => spec.metrics.tools_quarantined(0),
        }
    }

    /// A list was read. This takes its time, so nobody is to be kept waiting for it.
    pub(super) fn judge(&self, spec: &TargetSpec, listed: Vec<Item>) {
        let mut state = self.state();
        let size = listed.iter().map(Item::size).sum();
        spec.metrics.list_size(listed.len(), size);
        if let Some(seen) = &state.seen {
            if *seen == listed {
                return;
            }
            changes::count(seen, &listed, &spec.metrics);
        }
        let served = state.judge(spec, listed).into();
        // While no other judgement can begin: a later one never stands behind an earlier one.
        *self.verdict() = served;
    }

    /// What callers are given of the list that was judged last. Waits for no judgement.
    pub(super) fn served(&self) -> Arc<[Item]> {
        Arc::clone(&self.verdict())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn verdict(&self) -> MutexGuard<'_, Arc<[Item]>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// What callers are given of that list.
    fn judge(&mut self, spec: &TargetSpec, listed: Vec<Item>) -> Vec<Item> {
        let read = |item: &Item| (item.name.to_string(), Definition::read(item.raw().as_bytes()));
        let definitions: Vec<_> = listed.iter().map(read).collect();
        let contract = Arc::clone(&self.contract);
        let approved = match &contract.pins {
            Some(pins) => pins,
            None => self.first.get_or_insert_with(|| pins(&listed, &definitions)),
        };
        let differ = survey(approved, &definitions);
        let fates: HashMap<&str, Fate> = differ.iter().map(|one| fate(one, &contract)).collect();
        let serve = |(item, (_, seen)): (&Item, &(String, Definition))| {
            let mut item = serve(item, &fates, &contract);
            item.definition = Some(seen.hash().bytes());
            item
        };
        let served: Vec<_> = listed.iter().zip(&definitions).map(serve).collect();
        let told = tell(spec, &contract, &differ, (&self.told, &mut self.lines));
        let held = served.iter().filter(|item| item.standing != Standing::Offered).count();
        spec.metrics.tools_quarantined(held);
        self.told = told;
        self.remember(spec, &listed, &definitions);
        self.seen = Some(listed);
        served
    }

    /// Keeps first definitions, also of tools that are gone: one that comes back is the same or differs.
    fn remember(&mut self, spec: &TargetSpec, listed: &[Item], all: &[(String, Definition)]) {
        let Some(first) = &mut self.first else { return };
        for (item, (name, definition)) in listed.iter().zip(all) {
            if !first.contains_key(name) {
                first.insert(name.clone(), pin(item, definition));
            }
        }
        let bytes: usize = first.values().map(|pin| pin.definition.len()).sum();
        if first.len() > KEPT || bytes > KEPT_BYTES {
            let before = first.len();
            let listed: HashSet<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
            first.retain(|name, _| listed.contains(&**name));
            spec.metrics.contracts_forgotten(before - first.len());
        }
    }
}

// === impl Lines ===

impl Lines {
    /// Whether there is one.
    fn take(&mut self) -> bool {
        if self.since.elapsed() >= TOLD_IN {
            *self = Self { left: TOLD, since: Instant::now() };
        }
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }
}

fn pins(listed: &[Item], all: &[(String, Definition)]) -> HashMap<String, Pin> {
    let named = |(item, (name, definition)): (&Item, &(String, Definition))| {
        (name.clone(), pin(item, definition))
    };
    listed.iter().zip(all).map(named).collect()
}

/// A definition with bytes of its own: those of a list hold on to a whole page of it.
fn pin(item: &Item, definition: &Definition) -> Pin {
    let bytes = Bytes::copy_from_slice(item.raw().as_bytes());
    Pin { hash: definition.hash(), definition: RawJson::built(bytes) }
}

fn fate<'a>(one: &Surveyed<'a>, contract: &Contract) -> (&'a str, Fate) {
    let action = contract.actions.about(one.change.classes);
    (one.name, Fate { action, is_new: one.approved.is_none() })
}

/// What callers are given of a tool.
fn serve(item: &Item, fates: &HashMap<&str, Fate>, contract: &Contract) -> Item {
    let Some(Fate { action, is_new }) = fates.get(&*item.name) else { return item.clone() };
    let held = || item.standing(if *is_new { Standing::Stranger } else { Standing::Held });
    match action {
        ContractAction::Allow | ContractAction::Warn => item.clone(),
        ContractAction::Quarantine => held(),
        ContractAction::Pinned => {
            let pin = contract.pins.as_ref().and_then(|pins| pins.get(&*item.name));
            // One that clients could not use is not worth the risk of the other.
            pin.and_then(|pin| item.described(&pin.definition)).unwrap_or_else(held)
        }
    }
}

/// Counts and logs what differs and was not told yet. Gives back all that is told by now.
fn tell(
    spec: &TargetSpec,
    contract: &Contract,
    differ: &[Surveyed<'_>],
    (before, lines): (&Told, &mut Lines),
) -> Told {
    let mut told = Told::with_capacity(differ.len());
    let mut more: usize = 0;
    for one in differ {
        let hashes = (one.approved.map(|pin| pin.hash), one.seen.map(Definition::hash));
        let is_known = before.get(one.name) == Some(&hashes);
        told.insert(one.name.to_owned(), hashes);
        if is_known {
            continue;
        }
        for class in one.change.classes.iter() {
            spec.metrics.contract_changed(class, contract.actions.of(class));
        }
        let action = contract.actions.about(one.change.classes);
        record(spec, one, action);
        match action {
            ContractAction::Allow => {}
            _ if lines.take() => log(&spec.name, one, action),
            ContractAction::Warn | ContractAction::Pinned | ContractAction::Quarantine => more += 1,
        }
    }
    if more > 0 {
        let target = &spec.name;
        tracing::warn!(%target, more, "more tools differ from their approved definitions");
    }
    told
}

/// For the audit log, all of them.
fn record(spec: &TargetSpec, one: &Surveyed<'_>, action: ContractAction) {
    spec.metrics.contract_seen(&AuditContract {
        target: &spec.name,
        tool: &printable(one.name),
        changes: &classes(one),
        action: action.word(),
        approved: one.approved.map(|pin| pin.hash.bytes()),
        seen: one.seen.map(|seen| seen.hash().bytes()),
    });
}

fn classes(one: &Surveyed<'_>) -> String {
    let classes: Vec<_> = one.change.classes.iter().map(ContractChange::word).collect();
    classes.join(",")
}

fn log(target: &str, one: &Surveyed<'_>, action: ContractAction) {
    let hash = |hash: Option<Digest>| hash.map(|hash| hash.to_string()).unwrap_or_default();
    tracing::warn!(
        %target,
        tool = %printable(one.name),
        class = %classes(one),
        action = action.word(),
        approved = %hash(one.approved.map(|pin| pin.hash)),
        seen = %hash(one.seen.map(Definition::hash)),
        at = %places(&one.change),
        "a tool differs from its approved definition"
    );
}

fn places(change: &Change) -> String {
    let shown: Vec<_> =
        change.differences.iter().take(PLACES).map(|one| printable(&one.pointer)).collect();
    let more = change.differences.len().saturating_sub(PLACES) + change.more;
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(" "))
}

#[cfg(test)]
mod tests {
    //! How much is said, and who waits for it.

    use std::sync::{Arc, mpsc};

    use super::{Duration, Guard, Instant, Lines, TOLD, TOLD_IN};

    #[test]
    fn what_is_served_can_be_had_while_a_list_is_judged() {
        let guard = Arc::new(Guard::new());
        let judging = guard.state();
        let (sender, served) = mpsc::channel();
        let reader = Arc::clone(&guard);
        let reader = std::thread::spawn(move || sender.send(reader.served()));
        let served = served.recv_timeout(Duration::from_secs(5));
        drop(judging);
        reader.join().unwrap().unwrap();
        assert_eq!(served.map(|items| items.len()), Ok(0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_target_that_changes_all_the_time_does_not_fill_the_log() {
        let mut lines = Lines { left: TOLD, since: Instant::now() };
        let taken = |lines: &mut Lines| (0..1000).filter(|_| lines.take()).count();
        assert_eq!(taken(&mut lines), TOLD);
        tokio::time::advance(TOLD_IN - Duration::from_secs(1)).await;
        assert_eq!(taken(&mut lines), 0);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(taken(&mut lines), TOLD);
    }
}
