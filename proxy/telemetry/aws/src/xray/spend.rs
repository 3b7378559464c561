//! What one rule may spend, and what it has spent.
//!
//! Enters: the second in which a call begins, and where its trace lies between 0 and 1. Leaves: a
//! decision, and statistics. Never: a lock; more in a second than the reservoir holds.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The reservoir and the share of one rule. Two numbers that change together share a word.
#[derive(Debug)]
pub(super) struct Spend {
    /// Bits of the share of what the reservoir leaves.
    rate: AtomicU64,
    /// Whether there is a reservoir, of which one a second may be borrowed.
    lends: AtomicU64,
    /// What this gateway may record each second, and the second in which that ends.
    quota: AtomicU64,
    /// The second of the last recorded call of the reservoir, and how many there were in it.
    spent: AtomicU64,
    asked: AtomicU64,
    sampled: AtomicU64,
    borrowed: AtomicU64,
}

/// What was spent since it was last said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) asked: u64,
    pub(super) sampled: u64,
    pub(super) borrowed: u64,
}

// === impl Spend ===

impl Spend {
    pub(super) fn new(rate: f64, lends: bool) -> Self {
        let spend = Self {
            rate: AtomicU64::new(0),
            lends: AtomicU64::new(0),
            quota: AtomicU64::new(0),
            spent: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            sampled: AtomicU64::new(0),
            borrowed: AtomicU64::new(0),
        };
        spend.set(rate, lends);
        spend
    }

    /// What the rule says.
    pub(super) fn set(&self, rate: f64, lends: bool) {
        self.set_rate(rate);
        self.lends.store(u64::from(lends), Relaxed);
    }

    /// The share that holds from now on.
    pub(super) fn set_rate(&self, rate: f64) {
        self.rate.store(rate.clamp(0.0, 1.0).to_bits(), Relaxed);
    }

    /// What may be recorded each second, before that second.
    pub(super) fn set_quota(&self, each: u32, until: u32) {
        self.quota.store(pair(each, until), Relaxed);
    }

    /// The reservoir first, then the share.
    pub(super) fn decide(&self, now: u32, position: f64) -> bool {
        self.asked.fetch_add(1, Relaxed);
        let (each, until) = halves(self.quota.load(Relaxed));
        let known = now < until;
        let lends = self.lends.load(Relaxed) == 1;
        let limit = if known { each } else { u32::from(lends) };
        let reserved = self.take(now, limit);
        let sampled = reserved || position < f64::from_bits(self.rate.load(Relaxed));
        if sampled {
            self.sampled.fetch_add(1, Relaxed);
        }
        if reserved && !known {
            self.borrowed.fetch_add(1, Relaxed);
        }
        sampled
    }

    /// What was spent since the last time; it counts from nothing again.
    pub(super) fn spent(&self) -> Spent {
        Spent {
            asked: self.asked.swap(0, Relaxed),
            sampled: self.sampled.swap(0, Relaxed),
            borrowed: self.borrowed.swap(0, Relaxed),
        }
    }

    /// Nobody heard it: it will be said again.
    pub(super) fn unsaid(&self, spent: Spent) {
        self.asked.fetch_add(spent.asked, Relaxed);
        self.sampled.fetch_add(spent.sampled, Relaxed);
        self.borrowed.fetch_add(spent.borrowed, Relaxed);
    }

    /// Takes one of that second, if so many are not gone yet. A clock that was set back spends what
    /// is left of the later second.
    fn take(&self, now: u32, limit: u32) -> bool {
        let one_more = |spent| {
            let (second, count) = halves(spent);
            let (second, count) = if now > second { (now, 0) } else { (second, count) };
            (count < limit).then(|| pair(second, count + 1))
        };
        limit > 0 && self.spent.fetch_update(Relaxed, Relaxed, one_more).is_ok()
    }
}

// === helpers ===

const fn pair(high: u32, low: u32) -> u64 {
    ((high as u64) << 32) | low as u64
}

#[expect(clippy::cast_possible_truncation, reason = "each half has 32 bits")]
const fn halves(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

#[cfg(test)]
mod tests {
    //! Exact under a clock that is told.

    use super::{Spend, Spent};

    /// Calls recorded of so many in one second, none of them in the share.
    fn recorded(spend: &Spend, now: u32, calls: usize) -> usize {
        (0..calls).filter(|_| spend.decide(now, 1.0)).count()
    }

    #[test]
    fn without_a_quota_one_a_second_is_borrowed() {
        let spend = Spend::new(0.0, true);
        assert_eq!((recorded(&spend, 10, 50), recorded(&spend, 11, 50)), (1, 1));
        assert_eq!(spend.spent(), Spent { asked: 100, sampled: 2, borrowed: 2 });
        assert_eq!(spend.spent(), Spent::default());
        assert_eq!(recorded(&Spend::new(0.0, false), 10, 50), 0);
    }

    #[test]
    fn a_quota_is_spent_to_the_last_and_ends() {
        let spend = Spend::new(0.0, true);
        spend.set_quota(7, 20);
        assert_eq!((recorded(&spend, 18, 50), recorded(&spend, 19, 5)), (7, 5));
        assert_eq!(spend.spent(), Spent { asked: 55, sampled: 12, borrowed: 0 });
        assert_eq!(recorded(&spend, 20, 50), 1);
        spend.set_quota(0, 30);
        assert_eq!(recorded(&spend, 21, 50), 0);
        // A clock that goes back gives nothing twice.
        spend.set_quota(7, 40);
        assert_eq!((recorded(&spend, 35, 50), recorded(&spend, 34, 50)), (7, 0));
    }

    #[test]
    fn what_the_reservoir_leaves_is_recorded_by_share() {
        let spend = Spend::new(0.25, false);
        let positions = (0..100).map(|nth| f64::from(nth) / 100.0);
        assert_eq!(positions.filter(|at| spend.decide(5, *at)).count(), 25);
        let spent = spend.spent();
        spend.unsaid(spent);
        assert_eq!(spend.spent(), Spent { asked: 100, sampled: 25, borrowed: 0 });
    }

    #[test]
    fn many_threads_spend_no_more_than_there_is() {
        let spend = Spend::new(0.0, true);
        spend.set_quota(100, 50);
        let total: usize = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| recorded(&spend, 40, 1000))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(total, 100);
    }
}
