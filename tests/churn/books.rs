//! What became of every call.
//!
//! In: the id of a call and its answer, and at last the effects that are there. Out: a table, and
//! what is wrong with it. Nothing is forgiven.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use serde_json::Value;
use toolgate_tests::client::Answer;

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
    /// What an answer says to a call whose result must contain `word`.
    pub(crate) fn of(word: &str, answer: &Result<Answer>) -> Self {
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
        if !word.is_empty() && text.contains(word) && !says_no {
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
        let effects = cast.effects()?;
        let calls = lock(&self.calls);
        let mut wrong = Vec::new();
        let mut table = BTreeMap::<String, [u32; 3]>::new();
        for (id, end) in &*calls {
            let there = effects.get(id).copied().unwrap_or_default();
            if !end.is_stated() || !end.may_have(there) {
                wrong.push(format!("{id}: {there} effects, {end:?}"));
            }
            let target = id.split('-').next().unwrap_or_default();
            let row = table.entry(format!("{target}: {}", end.name())).or_default();
            let column = usize::try_from(there)?.min(row.len() - 1);
            if let Some(cell) = row.get_mut(column) {
                *cell += 1;
            }
        }
        let strays = effects.keys().filter(|id| !calls.contains_key(*id));
        wrong.extend(strays.map(|id| format!("{id}: an effect of no call")));
        let count = calls.len();
        say(&format!("{count} calls in {seconds} s, {} deaths", cast.deaths()))?;
        say(&format!("{:<48}{:>10}{:>10}{:>10}", "", "no effect", "one", "more"))?;
        for (name, [none, one, more]) in &table {
            say(&format!("{name:<48}{none:>10}{one:>10}{more:>10}"))?;
        }
        for (end, count) in &*lock(&self.asked) {
            say(&format!("asking: {:<40}{count:>10}", end.name()))?;
            if !end.is_stated() {
                wrong.push(format!("asking: {end:?}"));
            }
        }
        for line in wrong.iter().take(TOLD) {
            say(&format!("WRONG: {line}"))?;
        }
        let answered = calls.values().filter(|end| **end == End::Answered).count();
        Ok(wrong.is_empty() && answered > 0)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
