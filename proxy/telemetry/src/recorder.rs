//! The flight recorder: what became of the last calls, and of those worth keeping.
//!
//! Enters: the record of each call that has ended. Leaves: whole records, newest first, for the
//! admin server and for a file. Never: an argument, a result or a token; more than its rings hold;
//! a thread woken, or, once the rings are full, memory asked for, for a call that went well.

mod dump;
mod entry;
mod query;
mod recorded;
mod ring;

use std::cmp::Reverse;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};
use toolgate_call::Blame;
use toolgate_telemetry_catalog::records;

use crate::calls::Mark;
use crate::cells::{SHARDS, own_shard};
use crate::{AccessLogTo, CallRecord};
use dump::Dumps;
pub use dump::dump_on_panic;
use entry::Entry;
pub use query::Query;
pub(crate) use query::decoded;
pub use recorded::{Recorded, Tried};
use ring::{Limit, Ring};

/// Calls that nothing sets apart: so many for each of four groups of threads.
const RECENT: Limit = Limit { records: 256, bytes: 512 << 10 };
/// Calls that are kept for one reason.
const KEPT: Limit = Limit { records: 256, bytes: 1 << 20 };

/// Why a record stays when calls that went well push out their like. Each reason has a ring of its
/// own, so that a flood of refused calls does not push out the failures of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// The first of its tool that ended so.
    First,
    /// Gateway, network, target or tool failed.
    Failed,
    /// The caller's own doing: denied, malformed, cancelled.
    Caller,
    /// It went well, but took longer than nearly all of its tool.
    Slow,
}

/// The records of one gateway. Every call is in one ring at most.
#[derive(Debug)]
pub struct Recorder {
    recent: [Shard; SHARDS],
    kept: [Mutex<Ring>; Why::ALL.len()],
    /// What takes longer is slow, whatever is usual.
    slow: Duration,
    dumps: Dumps,
}

/// A ring on cache lines of its own.
#[derive(Debug)]
#[repr(align(64))]
struct Shard(Mutex<Ring>);

/// What to do about a ring that is being written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Busy {
    Wait,
    /// Whoever writes to it may be this very thread, in the middle of a panic.
    Skip,
}

// === impl Why ===

impl Why {
    const ALL: [Self; 4] = [Self::First, Self::Failed, Self::Caller, Self::Slow];

    const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Failed => "failed",
            Self::Caller => "caller",
            Self::Slow => "slow",
        }
    }

    fn of(blame: Option<Blame>, first: bool, slow: bool) -> Option<Self> {
        match blame {
            _ if first => Some(Self::First),
            Some(Blame::Caller) => Some(Self::Caller),
            Some(_) => Some(Self::Failed),
            None => slow.then_some(Self::Slow),
        }
    }
}

// === impl Recorder ===

impl Recorder {
    /// An empty recorder. Its files go beside the access log, if that is a file.
    pub(crate) fn new(log: &AccessLogTo, slow: Duration) -> Self {
        let beside = if let AccessLogTo::File(path) = log { Some(path.clone()) } else { None };
        Self {
            recent: std::array::from_fn(|_| Shard(Mutex::new(Ring::new(RECENT)))),
            kept: std::array::from_fn(|_| Mutex::new(Ring::new(KEPT))),
            slow,
            dumps: Dumps::new(beside),
        }
    }

    /// A call has ended.
    pub(crate) fn record(&self, record: &CallRecord<'_>, mark: Mark, now: SystemTime) {
        let slow = mark.unusual || record.phases.total() > self.slow;
        let why = Why::of(record.outcome.blame(), mark.first, slow);
        let ring = match why {
            Some(why) => self.kept.get(why as usize),
            None => self.recent.get(own_shard()).map(|Shard(ring)| ring),
        };
        if let Some(ring) = ring {
            ring.lock().unwrap_or_else(PoisonError::into_inner).push(record, why, now);
        }
    }

    /// The records that match, newest first, and what there is in all, as a JSON object. `None`
    /// when one call was asked for and is not there.
    pub(crate) fn answer(&self, query: &Query) -> Option<Value> {
        let calls: Vec<Value> = self.find(query, Busy::Wait).iter().map(Entry::json).collect();
        if calls.is_empty() && query.is_of_request() {
            return None;
        }
        let (mut held, mut fell_out) = (Map::new(), 0);
        let named = Why::ALL.iter().map(|why| why.as_str()).zip(self.kept.iter());
        let recent = self.recent.iter().map(|Shard(ring)| ("recent", ring));
        for (name, ring) in named.chain(recent) {
            let ring = ring.lock().unwrap_or_else(PoisonError::into_inner);
            let before = held.get(name).and_then(Value::as_u64).unwrap_or(0);
            held.insert(name.to_owned(), Value::from(before + ring.len() as u64));
            fell_out += ring.fell_out();
        }
        let mut answer = Map::new();
        answer.insert(records::CALLS.to_owned(), Value::Array(calls));
        answer.insert(records::HELD.to_owned(), Value::Object(held));
        answer.insert(records::FELL_OUT.to_owned(), Value::from(fell_out));
        Some(Value::Object(answer))
    }

    /// The records that match, newest first.
    #[must_use]
    pub fn recorded(&self, query: &Query) -> Vec<Recorded> {
        self.find(query, Busy::Wait).into_iter().map(Recorded).collect()
    }

    /// When the last call ended whose record was pushed out; every call that ended later is here.
    #[must_use]
    pub fn lost_until(&self) -> Option<SystemTime> {
        let lost = |ring: &Mutex<Ring>| ring.lock().unwrap_or_else(PoisonError::into_inner).lost();
        self.rings().filter_map(lost).max()
    }

    /// Writes all records to a new file, a JSON object a line, newest first. Gives back a sentence
    /// for the operator that names it, or says why there is none.
    #[must_use]
    pub fn dump(&self) -> String {
        dump::said(&self.dumps.write(&self.find(&Query::all(), Busy::Wait)))
    }

    fn dump_what_is_free(&self) -> String {
        dump::said(&self.dumps.write(&self.find(&Query::all(), Busy::Skip)))
    }

    fn find(&self, query: &Query, busy: Busy) -> Vec<Entry> {
        let mut found = Vec::new();
        for ring in self.rings().filter_map(|ring| busy.lock(ring)) {
            let matching = ring.newest_first().filter(|entry| query.matches(entry));
            found.extend(matching.take(query.limit()).cloned());
        }
        found.sort_by_key(|entry| Reverse(entry.ended));
        found.truncate(query.limit());
        found
    }

    fn rings(&self) -> impl Iterator<Item = &Mutex<Ring>> {
        self.kept.iter().chain(self.recent.iter().map(|Shard(ring)| ring))
    }
}

// === impl Busy ===

impl Busy {
    fn lock(self, ring: &Mutex<Ring>) -> Option<MutexGuard<'_, Ring>> {
        if self == Self::Wait {
            return Some(ring.lock().unwrap_or_else(PoisonError::into_inner));
        }
        match ring.try_lock() {
            Ok(ring) => Some(ring),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

#[cfg(test)]
mod tests;
