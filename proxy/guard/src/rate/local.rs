//! Buckets of this gateway alone.
//!
//! Enters: tokens that are wanted. Leaves: whether there were any. Never: more buckets than the limit:
//! full ones are forgotten first, which changes nothing; if none is full, the fullest of some is, and
//! counted.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use toolgate_telemetry::Telemetry;

use super::{Buckets, NoToken, Rate, Take, Taken, Taking};

/// Parts that do not wait for each other.
const SHARDS: usize = 16;
/// How many buckets are looked at for the fullest of them.
const LOOKED_AT: usize = 8;
/// Token takers sweep a shard that is at its limit at most once in so many nanoseconds.
const SWEEP: u64 = 100_000_000;

/// See the module.
#[derive(Debug)]
pub struct LocalBuckets {
    shards: [Mutex<Shard>; SHARDS],
    /// Nobody outside can choose names that fall together.
    hashers: (RandomState, RandomState),
    most: usize,
    epoch: Instant,
    telemetry: Arc<Telemetry>,
}

#[derive(Debug, Default)]
struct Shard {
    /// When each is full again.
    full: HashMap<(u64, u64), u64>,
    swept: u64,
}

// === impl LocalBuckets ===

impl LocalBuckets {
    /// At most so many buckets.
    #[must_use]
    pub fn new(most: usize, telemetry: Arc<Telemetry>) -> Self {
        Self {
            shards: Default::default(),
            hashers: Default::default(),
            most: most.div_ceil(SHARDS).max(1),
            epoch: Instant::now(),
            telemetry,
        }
    }

    /// Takes one token out of each at that time, in nanoseconds since whenever the caller likes.
    ///
    /// # Errors
    /// The first bucket that is empty; then no token is taken.
    pub fn take_at(&self, wanted: &[Take], now: u64) -> Taken {
        for (nth, take) in wanted.iter().enumerate() {
            if let Err(wait) = self.one(take, now) {
                for taken in wanted.iter().take(nth) {
                    self.give_back(taken);
                }
                return Err(NoToken::Empty(nth, wait));
            }
        }
        Ok(())
    }

    /// Takes one token out of each now.
    ///
    /// # Errors
    /// As [`Self::take_at`].
    pub fn take_now(&self, wanted: &[Take]) -> Taken {
        self.take_at(wanted, u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn one(&self, take: &Take, now: u64) -> Result<(), std::time::Duration> {
        let key = self.key(take);
        let mut shard = self.shard(key);
        if let Some(full) = shard.full.get_mut(&key) {
            *full = take.rate.take(*full, now)?;
            return Ok(());
        }
        let full = take.rate.take(0, now)?;
        if shard.full.len() >= self.most && !shard.make_room(now) {
            self.telemetry.gateway.bucket_evicted();
        }
        shard.full.insert(key, full);
        Ok(())
    }

    fn give_back(&self, take: &Take) {
        let key = self.key(take);
        if let Some(full) = self.shard(key).full.get_mut(&key) {
            *full = full.saturating_sub(Rate::interval(&take.rate));
        }
    }

    fn key(&self, take: &Take) -> (u64, u64) {
        let named = (&*take.rule, &*take.key);
        (self.hashers.0.hash_one(named), self.hashers.1.hash_one(named))
    }

    fn shard(&self, key: (u64, u64)) -> MutexGuard<'_, Shard> {
        let nth = usize::try_from(key.0 % SHARDS as u64).unwrap_or_default();
        let [first, ..] = &self.shards;
        self.shards.get(nth).unwrap_or(first).lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let len = |shard: &Mutex<Shard>| shard.lock().unwrap().full.len();
        self.shards.iter().map(len).sum()
    }
}

impl Buckets for LocalBuckets {
    fn take(&self, wanted: Vec<Take>) -> Taking {
        Taking::Now(self.take_now(&wanted))
    }
}

// === impl Shard ===

impl Shard {
    /// Forgets what is full, else the fullest of some; `false`: that had tokens to come.
    fn make_room(&mut self, now: u64) -> bool {
        if self.swept == 0 || now.saturating_sub(self.swept) >= SWEEP {
            let before = self.full.len();
            self.full.retain(|_, full| *full > now);
            self.swept = now.max(1);
            if self.full.len() < before {
                return true;
            }
        }
        let some = self.full.iter().take(LOOKED_AT);
        let fullest = some.min_by_key(|(_, full)| **full).map(|(key, full)| (*key, *full));
        let Some((key, full)) = fullest else { return true };
        self.full.remove(&key);
        full <= now
    }
}
