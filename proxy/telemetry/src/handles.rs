//! Handles kept ready, so that recording is an index into an array.
//!
//! Enters: closed enums. Leaves: counters and histograms made beforehand or on first use. Never:
//! hashing or allocating for a series that exists.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use toolgate_call::{Outcome, Reason};
use toolgate_telemetry_catalog::{Metric, OTHER, OUTCOMES, Word, outcome_index};

use crate::cells::{Counter, Histogram};
use crate::registry::Registry;

/// One counter for each word of a list. All exist from the start, so that the first event shows
/// as an increase.
#[derive(Debug)]
pub(crate) struct Counters<W> {
    cells: Box<[Counter]>,
    words: PhantomData<W>,
}

/// One counter for each pair of words.
#[derive(Debug)]
pub(crate) struct Pairs<A, B> {
    cells: Box<[Counter]>,
    words: PhantomData<(A, B)>,
}

/// One counter for each outcome of a call.
#[derive(Debug)]
pub(crate) struct Outcomes(Box<[Counter]>);

/// One histogram for each word of a list.
pub(crate) struct Histograms<W> {
    cells: Box<[Histogram]>,
    words: PhantomData<W>,
}

/// Things made on first use, by index.
pub(crate) struct Slots<T>(Box<[OnceLock<T>]>);

/// A histogram for success, and one for each reason once it occurs: most never do.
#[derive(Default)]
pub(crate) struct ByReason {
    ok: OnceLock<Histogram>,
    failed: OnceLock<Slots<Histogram>>,
}

/// Rows by name. Names come from configuration or a target's list; past the limit all share one.
pub(crate) struct Table<T> {
    rows: RwLock<HashMap<Box<str>, Arc<T>>>,
    rest: OnceLock<Arc<T>>,
    limit: usize,
}

// === impl Counters ===

impl<W: Word> Counters<W> {
    /// Counters of a family whose last label is the word.
    pub(crate) fn new(registry: &Registry, metric: &Metric, fixed: &[&str]) -> Self {
        Self::with(|word| registry.counter(metric, &[fixed, &[word.word()]].concat()))
    }

    /// Counters made one by one.
    pub(crate) fn with(make: impl FnMut(W) -> Counter) -> Self {
        Self { cells: W::ALL.iter().copied().map(make).collect(), words: PhantomData }
    }

    #[cfg(test)]
    pub(crate) fn total(&self) -> u64 {
        self.cells.iter().map(Counter::total).sum()
    }

    pub(crate) fn add(&self, word: W) {
        self.add_many(word, 1);
    }

    pub(crate) fn add_many(&self, word: W, count: u64) {
        if let Some(cell) = self.cells.get(word.index()) {
            cell.increment(count);
        }
    }
}

// === impl Pairs ===

impl<A: Word, B: Word> Pairs<A, B> {
    /// Counters of a family whose last two labels are the words.
    pub(crate) fn new(registry: &Registry, metric: &Metric, fixed: &[&str]) -> Self {
        let pairs = A::ALL.iter().flat_map(|a| B::ALL.iter().map(move |b| (a, b)));
        let cells = pairs
            .map(|(a, b)| registry.counter(metric, &[fixed, &[a.word(), b.word()]].concat()))
            .collect();
        Self { cells, words: PhantomData }
    }

    pub(crate) fn add(&self, a: A, b: B) {
        if let Some(cell) = self.cells.get(a.index() * B::ALL.len() + b.index()) {
            cell.increment(1);
        }
    }
}

// === impl Outcomes ===

impl Outcomes {
    /// Counters of a family whose last label is the outcome.
    pub(crate) fn new(registry: &Registry, metric: &Metric, fixed: &[&str]) -> Self {
        let cells =
            OUTCOMES.iter().map(|word| registry.counter(metric, &[fixed, &[*word]].concat()));
        Self(cells.collect())
    }

    pub(crate) fn add(&self, outcome: Outcome) {
        if let Some(cell) = self.0.get(outcome_index(outcome)) {
            cell.increment(1);
        }
    }
}

// === impl Histograms ===

impl<W: Word> Histograms<W> {
    /// Histograms of a family whose last label is the word.
    pub(crate) fn new(registry: &Registry, metric: &Metric, fixed: &[&str]) -> Self {
        let make = |word: &W| registry.histogram(metric, &[fixed, &[word.word()]].concat());
        Self { cells: W::ALL.iter().map(make).collect(), words: PhantomData }
    }

    pub(crate) fn record(&self, word: W, value: f64) {
        if let Some(cell) = self.cells.get(word.index()) {
            cell.record(value);
        }
    }
}

impl<W: Word> fmt::Debug for Histograms<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Histograms({:?})", W::WORDS)
    }
}

// === impl Slots ===

impl<T> Slots<T> {
    pub(crate) fn new(size: usize) -> Self {
        Self((0..size).map(|_| OnceLock::new()).collect())
    }

    /// The thing at that place; `None` only past the end.
    pub(crate) fn get(&self, index: usize, make: impl FnOnce() -> T) -> Option<&T> {
        self.0.get(index).map(|slot| slot.get_or_init(make))
    }
}

impl<T> fmt::Debug for Slots<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let made = self.0.iter().filter(|slot| slot.get().is_some()).count();
        write!(f, "Slots({made} of {})", self.0.len())
    }
}

// === impl ByReason ===

impl ByReason {
    /// The histogram of the reason; `make` is given the value of the label `error_type`.
    pub(crate) fn get(
        &self,
        reason: Option<Reason>,
        make: impl FnOnce(&'static str) -> Histogram,
    ) -> Option<&Histogram> {
        match reason {
            None => Some(self.ok.get_or_init(|| make(""))),
            Some(reason) => self
                .failed
                .get_or_init(|| Slots::new(Reason::ALL.len()))
                .get(reason as usize, || make(reason.as_str())),
        }
    }

    /// Records under the reason.
    pub(crate) fn record(
        &self,
        reason: Option<Reason>,
        value: f64,
        make: impl FnOnce(&'static str) -> Histogram,
    ) {
        if let Some(histogram) = self.get(reason, make) {
            histogram.record(value);
        }
    }

    /// Nanoseconds that successes usually stay below; the greatest number while too few are known.
    pub(crate) fn usual(&self) -> u64 {
        let bound = self.ok.get().and_then(Histogram::usual).unwrap_or(f64::INFINITY);
        Duration::try_from_secs_f64(bound)
            .ok()
            .and_then(|bound| u64::try_from(bound.as_nanos()).ok())
            .unwrap_or(u64::MAX)
    }
}

impl fmt::Debug for ByReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByReason({:?})", self.failed.get())
    }
}

// === impl Table ===

impl<T> Table<T> {
    /// An empty table of at most so many rows.
    pub(crate) fn new(limit: usize) -> Self {
        Self { rows: RwLock::default(), rest: OnceLock::new(), limit }
    }

    /// The row of that name, made if need be; past the limit, the row named [`OTHER`].
    pub(crate) fn get(&self, name: &str, make: impl FnOnce(&str) -> T) -> Arc<T> {
        if let Some(row) = self.rows.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Arc::clone(row);
        }
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(row) = rows.get(name) {
            return Arc::clone(row);
        }
        if rows.len() >= self.limit {
            return Arc::clone(self.rest.get_or_init(|| Arc::new(make(OTHER))));
        }
        let row = Arc::new(make(name));
        rows.insert(name.into(), Arc::clone(&row));
        row
    }
}

impl<T> Table<T> {
    /// The row of that name, or else the row named [`OTHER`]: no row is made for a new name.
    pub(crate) fn find(&self, name: &str, make: impl FnOnce(&str) -> T) -> Arc<T> {
        let known = self.rows.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        known.unwrap_or_else(|| Arc::clone(self.rest.get_or_init(|| Arc::new(make(OTHER)))))
    }

    /// Every row, one after the other. Calls go on meanwhile.
    pub(crate) fn each(&self, mut visit: impl FnMut(&T)) {
        let rows: Vec<Arc<T>> =
            self.rows.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        rows.iter().for_each(|row| visit(row));
    }
}

impl<T> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner).len();
        write!(f, "Table({rows} of {})", self.limit)
    }
}
