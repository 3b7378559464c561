//! How many bytes of bodies are held at once, over all requests.
//!
//! Enters: the size of a body as it grows. Leaves: a charge that is given back when it is dropped;
//! or a refusal at once. Never: a charge for a small body, of which there are no more than calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use toolgate_call::{Case, Refusal};

/// Bodies up to here are free of charge.
pub(super) const FREE: usize = 64 * 1024;

/// What all requests share.
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    used: AtomicUsize,
}

/// The part of one body.
#[derive(Debug)]
pub(super) struct Charge {
    budget: Arc<Budget>,
    bytes: usize,
}

// === impl Budget ===

impl Budget {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    /// A charge for nothing, to grow.
    pub(super) fn open(self: &Arc<Self>) -> Charge {
        Charge { budget: Arc::clone(self), bytes: 0 }
    }
}

// === impl Charge ===

impl Charge {
    /// The body has so many bytes now.
    ///
    /// # Errors
    /// [`Case::Overloaded`] when there is no room for them.
    pub(super) fn grow(&mut self, to: usize) -> Result<(), Refusal> {
        let more = if to > FREE { to.saturating_sub(self.bytes) } else { 0 };
        let limit = self.budget.limit;
        let taken = self.budget.used.fetch_update(Relaxed, Relaxed, |used| {
            used.checked_add(more).filter(|sum| *sum <= limit)
        });
        if taken.is_err() {
            return Err(full(limit));
        }
        self.bytes += more;
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Relaxed);
    }
}

fn full(limit: usize) -> Refusal {
    let message = format!(
        "the gateway holds {limit} bytes of large request bodies, which is its limit; nothing was \
         sent, try again"
    );
    Refusal::new(Case::Overloaded, message).retry_after(Duration::from_secs(1)).safe_to_retry(true)
}

#[cfg(test)]
mod tests {
    use super::{Budget, Case, FREE};

    #[test]
    fn small_bodies_are_free_and_large_ones_share_a_limit() {
        let budget = Budget::new(3 * FREE);
        let (mut one, mut other, mut small) = (budget.open(), budget.open(), budget.open());
        small.grow(FREE).unwrap();
        one.grow(FREE + 1).unwrap();
        one.grow(2 * FREE).unwrap();
        assert_eq!(other.grow(FREE + 1).unwrap_err().case(), Case::Overloaded);
        drop(one);
        other.grow(3 * FREE).unwrap();
        assert!(other.grow(3 * FREE + 1).is_err());
        drop((other, small));
        budget.open().grow(3 * FREE).unwrap();
    }
}
