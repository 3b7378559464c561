//! A circuit on which all is well, readable without its lock.
//!
//! Enters: the machine after every change, under its lock. Leaves: the pass that the machine would
//! give, as long as giving and taking it back change nothing. Never: a word on a circuit that has
//! to count something; that is the machine's.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::breaker::state::{Machine, Pass};

/// One more than the epoch of the machine while that is calm, else 0.
///
/// `Relaxed` will do: nothing else is read on its word, and whoever knows of a change, sees it.
#[derive(Debug)]
pub(crate) struct Calm(AtomicU64);

// === impl Calm ===

impl Calm {
    pub(crate) fn new(machine: &Machine) -> Self {
        Self(AtomicU64::new(word(machine)))
    }

    /// A pass, if that changes nothing; if not, ask the machine.
    pub(crate) fn admit(&self) -> Option<Pass> {
        self.0.load(Relaxed).checked_sub(1).map(Pass::of)
    }

    /// Whether taking that pass back changes nothing, unless it comes with a failure.
    pub(crate) fn has_given(&self, pass: &Pass) -> bool {
        self.0.load(Relaxed).checked_sub(1) == Some(pass.epoch())
    }

    /// Follows the machine. Call it under the lock of the machine, or a late word would stay.
    pub(crate) fn update(&self, machine: &Machine) {
        let word = word(machine);
        // All cores read it; not to write it leaves it in all of their caches.
        if self.0.load(Relaxed) != word {
            self.0.store(word, Relaxed);
        }
    }
}

fn word(machine: &Machine) -> u64 {
    machine.calm().map_or(0, |pass| pass.epoch() + 1)
}

#[cfg(test)]
mod tests;
