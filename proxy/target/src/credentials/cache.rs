//! The places of the callers' exchanged tokens.
//!
//! Enters: the hash of a caller's token. Leaves: the place for what it was exchanged for. Never: more than
//! a bounded number of places; the token itself.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::slot::Slot;

/// SHA-256 of a caller's token.
pub(super) type Digest = [u8; 32];

/// How many of those used longest ago are looked at when there is a new one.
const LOOKED_AT: usize = 8;

/// See the module.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    places: HashMap<Digest, (Arc<Slot>, u64)>,
    /// Those used longest ago first.
    by_use: BTreeMap<u64, Digest>,
    uses: u64,
}

/// How it is after one more was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Places there are.
    pub(super) held: usize,
    /// Whether one that was of use had to go.
    pub(super) evicted: bool,
}

// === impl Places ===

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), inner: Mutex::default() }
    }

    /// The place for that caller; `None` in the count: it was there.
    pub(super) fn of(&self, digest: &Digest) -> (Arc<Slot>, Option<Count>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = inner.touch(digest) {
            return (slot, None);
        }
        let evicted = inner.make_room(self.most);
        let slot = Arc::<Slot>::default();
        inner.put(*digest, Arc::clone(&slot));
        let held = inner.places.len();
        (slot, Some(Count { held, evicted }))
    }
}

// === impl Inner ===

impl Inner {
    fn touch(&mut self, digest: &Digest) -> Option<Arc<Slot>> {
        let (slot, used) = self.places.get_mut(digest)?;
        self.by_use.remove(used);
        self.uses += 1;
        *used = self.uses;
        let slot = Arc::clone(slot);
        self.by_use.insert(self.uses, *digest);
        Some(slot)
    }

    fn put(&mut self, digest: Digest, slot: Arc<Slot>) {
        self.uses += 1;
        self.by_use.insert(self.uses, digest);
        self.places.insert(digest, (slot, self.uses));
    }

    /// What is over goes first. Whether something of use had to go.
    fn make_room(&mut self, most: usize) -> bool {
        let is_over =
            |digest: &Digest| self.places.get(digest).is_some_and(|(slot, _)| slot.is_over());
        let oldest = self.by_use.iter().take(LOOKED_AT);
        let over: Vec<u64> =
            oldest.filter(|(_, digest)| is_over(digest)).map(|(n, _)| *n).collect();
        for used in over {
            self.forget(used);
        }
        let mut evicted = false;
        while self.places.len() >= most {
            let Some((used, _)) = self.by_use.first_key_value() else { break };
            self.forget(*used);
            evicted = true;
        }
        evicted
    }

    fn forget(&mut self, used: u64) {
        if let Some(digest) = self.by_use.remove(&used) {
            self.places.remove(&digest);
        }
    }
}
