//! The tokens that were verified before.
//!
//! Enters: the SHA-256 of a token that held, and the principal it stands for. Leaves: the principal
//! again, for as long as the token lives and its key is in use. Never: the token; never more than
//! the configured number of entries.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest as hash};
use toolgate_call::Principal;

use super::audience::Reach;

/// Into how many parts the cache is split, so that cores seldom wait for each other.
const SHARDS: usize = 16;

/// The SHA-256 of a token.
pub(super) type Digest = [u8; 32];

/// A verified token.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Whose it is.
    pub(super) principal: Arc<Principal>,
    /// Which issuer's key held, by its place in the list.
    pub(super) issuer: usize,
    /// The generation of that issuer's keys.
    pub(super) generation: u64,
    /// Where it is good.
    pub(super) reach: Reach,
}

type Shard = HashMap<Digest, Entry>;

/// A bounded map of verified tokens.
#[derive(Debug)]
pub(super) struct Cache {
    shards: Box<[Mutex<Shard>]>,
    per_shard: usize,
}

// === impl Cache ===

impl Cache {
    /// A cache of at most so many tokens.
    pub(super) fn new(capacity: usize) -> Self {
        let shards = SHARDS.min(capacity).max(1);
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            per_shard: capacity / shards,
        }
    }

    /// The principal of a token that has not expired and for which somebody still vouches.
    pub(super) fn get(
        &self,
        digest: &Digest,
        now: u64,
        vouched: impl FnOnce(&Entry) -> bool,
    ) -> Option<Arc<Principal>> {
        let shard = self.shard(digest)?;
        let entry = shard.get(digest)?;
        (entry.is_alive(now) && vouched(entry)).then(|| Arc::clone(&entry.principal))
    }

    /// Remembers a token. Says how many others had to go for it.
    pub(super) fn put(&self, digest: Digest, entry: Entry, now: u64) -> usize {
        let Some(mut shard) = self.shard(&digest) else { return 0 };
        if self.per_shard == 0 || !entry.is_alive(now) {
            return 0;
        }
        let before = shard.len();
        if before >= self.per_shard && !shard.contains_key(&digest) {
            shard.retain(|_, held| held.is_alive(now));
            if shard.len() >= self.per_shard {
                let any = shard.keys().next().copied();
                any.and_then(|key| shard.remove(&key));
            }
        }
        let gone = before - shard.len();
        shard.insert(digest, entry);
        gone
    }

    /// How many tokens are held.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// The digest is as good as random, so any byte of it spreads the load.
    fn shard(&self, digest: &Digest) -> Option<MutexGuard<'_, Shard>> {
        let place = usize::from(*digest.last()?) % self.shards.len();
        self.shards.get(place).map(lock)
    }
}

// === impl Entry ===

impl Entry {
    fn is_alive(&self, now: u64) -> bool {
        self.principal.expires.is_some_and(|expires| now < expires)
    }
}

/// The SHA-256 of a token.
pub(super) fn digest(token: &str) -> Digest {
    let mut out = Digest::default();
    for (to, from) in out.iter_mut().zip(hash(&SHA256, token.as_bytes()).as_ref()) {
        *to = *from;
    }
    out
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
