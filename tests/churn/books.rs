//! What became of every call.
//!
//! In: the id of a call and its answer, and at last the effects that are there. Out: a table, and
//! what is wrong with it. Nothing is forgiven.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use serde_json::Value;
use toolgate_tests::client::Answer;

use crate::caller::Era;
use crate::cast::Cast;
use crate::say;

/// Why a call may fail because its target has died: the connection could not be made, broke off
/// before anything was sent, or after; or the target has failed too often of late.
const STATED: [&str; 4] = ["connect_refused", "reset", "outcome_unknown", "circuit_open"];
/// So many faults are told in full.
const TOLD: usize = 20;

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    /// With its answer.
    Answered,
    /// With an error of the gateway's.
    Refused { reason: String, retry_safe: bool },
    /// The caller did not answer what it was asked.
    Forgotten,
    /// Without an answer, or with another's.
    Lost(String),
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Books {
    calls: Mutex<HashMap<String, End>>,
    asked: Mutex<BTreeMap<End, u32>>,
}

// === impl End ===

impl End {
    /// What an answer says to a call whose result is this text and nothing else.
    pub(crate) fn of(wanted: &str, answer: &Result<Answer>) -> Self {
        let message = match answer.as_ref().map(Answer::message) {
            Ok(Ok(message)) => message,
            Ok(Err(error)) => return Self::Lost(format!("{error:#}")),
            Err(error) => return Self::Lost(format!("{error:#}")),
        };
        let at = |path: &str| message.pointer(path);
        let reason = at("/error/data/reason").and_then(Value::as_str);
        let retry_safe = at("/error/data/retry_safe").and_then(Value::as_bool);
        if let (Some(reason), Some(retry_safe)) = (reason, retry_safe) {
            return Self::Refused { reason: reason.to_owned(), retry_safe };
        }
        let text = at("/result/content/0/text").and_then(Value::as_str).unwrap_or_default();
        let says_no = at("/result/isError") == Some(&Value::Bool(true));
        if !wanted.is_empty() && text == wanted && !says_no {
            Self::Answered
        } else {
            Self::Lost(message.to_string())
        }
    }

    fn is_stated(&self) -> bool {
        match self {
            Self::Answered | Self::Forgotten => true,
            Self::Refused { reason, .. } => STATED.contains(&&**reason),
            Self::Lost(_) => false,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Answered => "answered".to_owned(),
            Self::Forgotten => "asked, and not answered".to_owned(),
            Self::Refused { reason, retry_safe: true } => format!("{reason}, safe to repeat"),
            Self::Refused { reason, retry_safe: false } => format!("{reason}, not safe to repeat"),
            Self::Lost(_) => "LOST".to_owned(),
        }
    }

    /// How often the effect of such a call may be there.
    fn may_have(&self, effects: u32) -> bool {
        match self {
            Self::Answered => effects == 1,
            Self::Refused { retry_safe: true, .. } => effects == 0,
            Self::Refused { retry_safe: false, .. } | Self::Lost(_) => effects <= 1,
            Self::Forgotten => false,
        }
    }
}

// === impl Books ===

impl Books {
    /// A call that records its id has ended.
    pub(crate) fn note(&self, id: String, end: End) {
        lock(&self.calls).insert(id, end);
    }

    /// A call that asks its caller has ended.
    pub(crate) fn note_asked(&self, end: End) {
        *lock(&self.asked).entry(end).or_default() += 1;
    }

    /// Prints what became of all, and whether it is right.
    pub(crate) fn print(&self, cast: &Cast, seconds: u64) -> Result<bool> {
        let done = cast.done()?;
        let mut effects = HashMap::<(&str, &str), u32>::new();
        for (name, id) in &done {
            *effects.entry((name, id)).or_default() += 1;
        }
        let calls = lock(&self.calls);
        let mut wrong = Vec::new();
        let mut table = BTreeMap::<String, [u32; 3]>::new();
        for (id, end) in &*calls {
            let there = effects.get(&(target(id), &**id)).copied().unwrap_or_default();
            if !end.is_stated() || !end.may_have(there) {
                wrong.push(format!("{id}: {there} effects, {end:?}"));
            }
            let row = table.entry(format!("{}: {}", row(id), end.name())).or_default();
            let column = usize::try_from(there)?.min(row.len() - 1);
            if let Some(cell) = row.get_mut(column) {
                *cell += 1;
            }
        }
        let is_stray = |(name, id): &&(&str, &str)| target(id) != *name || !calls.contains_key(*id);
        let strays = effects.keys().filter(is_stray);
        wrong.extend(strays.map(|(name, id)| format!("{id}: an effect of no call to {name}")));
        wrong.extend(too_few(&calls, cast));
        wrong.extend(cast.untried().into_iter().map(|name| format!("{name} has never died")));
        let count = calls.len();
        say(&format!("{count} calls in {seconds} s, {} deaths", cast.deaths()))?;
        say(&format!("{:<56}{:>10}{:>10}{:>10}", "", "no effect", "one", "more"))?;
        for (name, [none, one, more]) in &table {
            say(&format!("{name:<56}{none:>10}{one:>10}{more:>10}"))?;
        }
        wrong.extend(self.print_asked()?);
        for line in wrong.iter().take(TOLD) {
            say(&format!("WRONG: {line}"))?;
        }
        Ok(wrong.is_empty())
    }

    /// Prints what became of those that asked their caller, and says what is wrong with them.
    fn print_asked(&self) -> Result<Vec<String>> {
        let asked = lock(&self.asked);
        let mut wrong = Vec::new();
        for (end, count) in &*asked {
            say(&format!("asking: {:<48}{count:>10}", end.name()))?;
            if !end.is_stated() {
                wrong.push(format!("asking: {end:?}"));
            }
        }
        for end in [End::Answered, End::Forgotten] {
            if !asked.contains_key(&end) {
                wrong.push(format!("asking: none was {}", end.name()));
            }
        }
        Ok(wrong)
    }
}

/// The targets that did not answer at least every other call of each era.
fn too_few(calls: &HashMap<String, End>, cast: &Cast) -> Vec<String> {
    let mut rows = BTreeMap::<String, [usize; 2]>::new();
    for name in cast.recording() {
        for era in [Era::Modern, Era::Older] {
            rows.insert(format!("{name}-{era:?}"), [0, 0]);
        }
    }
    for (id, end) in calls {
        let [all, answered] = rows.entry(row(id).to_owned()).or_default();
        *all += 1;
        *answered += usize::from(*end == End::Answered);
    }
    let few = |[all, answered]: [usize; 2]| answered == 0 || answered * 2 < all;
    rows.into_iter()
        .filter(|(_, row)| few(*row))
        .map(|(name, [all, answered])| format!("{name}: {answered} of {all} calls were answered"))
        .collect()
}

/// The target that an id is for.
fn target(id: &str) -> &str {
    id.split('-').next().unwrap_or_default()
}

/// The target that an id is for, and the era of its caller.
fn row(id: &str) -> &str {
    id.match_indices('-').nth(1).map_or(id, |(end, _)| id.get(..end).unwrap_or(id))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
