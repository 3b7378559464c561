//! Whose what a child says beside its answers can be.
//!
//! Enters: requests that end without an answer. Leaves: the only caller in flight, if it must be that
//! one's. Never: somebody else's.

use std::sync::Arc;
use std::time::Instant;

use toolgate_call::Principal;

use super::{Asker, Calls, Entry};

// === impl Calls ===

impl Calls {
    /// The only caller, if what the child says beside its answers can be about no other: none of
    /// somebody else has left without an answer just before.
    pub(super) fn sole(&self) -> Option<&Entry> {
        let mut callers = self.open.values().filter(|entry| entry.asker == Asker::Caller);
        let sole = callers.next().filter(|_| callers.next().is_none())?;
        let clear =
            |principal: &Principal| !self.left.may_concern_another(principal, Instant::now());
        sole.principal().is_none_or(|principal| clear(principal)).then_some(sole)
    }

    /// Takes out a request that ends without the child's answer.
    pub(super) fn give_up(&mut self, id: u64) -> Option<Entry> {
        let entry = self.open.remove(&id)?;
        if let Some(principal) = entry.principal() {
            self.left.note(Arc::clone(principal), Instant::now());
        }
        Some(entry)
    }
}

impl Entry {
    fn principal(&self) -> Option<&Arc<Principal>> {
        self.caller.as_ref().map(|permitted| &permitted.call().principal)
    }
}
