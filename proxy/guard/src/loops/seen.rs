//! Which calls were answered with the same, and how often.
//!
//! Enters: hashes of calls and of answers. Leaves: how often in a row they were the same. Never: more calls
//! than the limit: those that are over are forgotten first; else the oldest of some, which is counted.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use toolgate_telemetry::{LoopEnd, Shed, Telemetry};

/// How many calls are looked at for the oldest of them.
const LOOKED_AT: usize = 8;

/// What a call is known by.
pub(super) type Key = (u64, u64);

/// See the module.
pub(super) struct Seen {
    calls: Mutex<HashMap<Key, Course>>,
    /// Nobody outside can choose calls that fall together.
    hashers: (RandomState, RandomState),
    most: usize,
    telemetry: Arc<Telemetry>,
}

/// The course of a call.
#[derive(Clone, Copy, Debug)]
struct Course {
    /// What tells the last answer from others.
    answer: u64,
    /// How many in a row were that.
    same: u32,
    last: Instant,
}

// === impl Seen ===

impl Seen {
    pub(super) fn new(most: usize, telemetry: Arc<Telemetry>) -> Self {
        Self { calls: Mutex::default(), hashers: Default::default(), most: most.max(1), telemetry }
    }

    pub(super) fn key(&self, of: &(impl Hash + ?Sized)) -> Key {
        (self.hashers.0.hash_one(of), self.hashers.1.hash_one(of))
    }

    /// How often in a row the answer was the same, and how long ago the last one was.
    pub(super) fn same(&self, key: Key, forget_after: Duration) -> Option<(u32, Duration)> {
        let mut calls = self.lock();
        let course = *calls.get(&key)?;
        let since = Instant::now().saturating_duration_since(course.last);
        if since >= forget_after {
            calls.remove(&key);
            return None;
        }
        Some((course.same, since))
    }

    /// A call was answered.
    pub(super) fn answered(&self, key: Key, answer: &(impl Hash + ?Sized)) {
        // One hash: answers may be long, and whoever makes two alike slows down nobody else.
        let (answer, last) = (self.hashers.0.hash_one(answer), Instant::now());
        let mut calls = self.lock();
        if let Some(course) = calls.get_mut(&key) {
            let same = if course.answer == answer { course.same.saturating_add(1) } else { 1 };
            *course = Course { answer, same, last };
            return;
        }
        if calls.len() >= self.most {
            let some = calls.iter().take(LOOKED_AT);
            let oldest = some.min_by_key(|(_, course)| course.last).map(|(key, _)| *key);
            if let Some(oldest) = oldest {
                calls.remove(&oldest);
                self.count(LoopEnd::Forgotten);
            }
        }
        calls.insert(key, Course { answer, same: 1, last });
    }

    pub(super) fn count(&self, end: LoopEnd) {
        self.telemetry.gateway.repeated(end);
    }

    /// A call found no place to wait.
    pub(super) fn shed(&self) {
        self.telemetry.gateway.shed(Shed::Gateway);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Course>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seen").field("most", &self.most).finish_non_exhaustive()
    }
}
