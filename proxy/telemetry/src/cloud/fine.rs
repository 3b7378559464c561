//! Cells fine enough to tell percentiles by.
//!
//! Enters: values. Leaves: how many fell into each cell, and their sum, so that what is published of
//! a cell is its mean. Never: a cell emptied: readers compare with what they have seen.

use std::fmt;
use std::sync::OnceLock;

use crate::cells::{Cell, SHARDS, fixed, own_shard, real};

/// Where the cells begin, in the family's unit: about a microsecond. All below share one.
const LOWEST: f64 = 1.0 / 1_048_576.0;
/// How often the bounds double from there: up to a thousand seconds.
const OCTAVES: usize = 30;
/// Cells between a bound and its double, each at most 1/32 wide (3.1 %).
const PARTS: usize = 32;
/// The part of a float that tells its cell: exponent and five more bits.
const SHIFT: u32 = f64::MANTISSA_DIGITS - 1 - PARTS.trailing_zeros();
/// All cells: those, one below and one above.
const CELLS: usize = OCTAVES * PARTS + 2;
/// The largest value; what is larger counts as this. No sum overflows in a minute.
const LARGEST: f64 = 1e9;

/// A distribution.
pub(crate) struct Fine {
    scale: f64,
    shards: [OnceLock<Box<[Cell]>>; SHARDS],
}

/// What a reader has seen of a distribution.
#[derive(Debug)]
pub(super) struct Seen(Box<[(u64, u64)]>);

/// What came into one cell since: its number, how many values, and their sum in the family's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Increase {
    pub(super) cell: usize,
    pub(super) count: u64,
    pub(super) sum: f64,
}

// === impl Fine ===

impl Fine {
    /// An empty distribution; `scale` is how finely sums are kept, as in a histogram.
    pub(crate) fn new(scale: f64) -> Self {
        Self { scale, shards: Default::default() }
    }

    pub(crate) fn record(&self, value: f64) {
        let Some(shard) = self.shards.get(own_shard()) else { return };
        let cells =
            shard.get_or_init(|| std::iter::repeat_with(Cell::default).take(CELLS).collect());
        if let Some(cell) = cells.get(index(value)) {
            cell.add(fixed(value.clamp(0.0, LARGEST) * self.scale));
        }
    }

    /// What came in since the last look. Where a value is being added at this moment, its count may be
    /// there and its amount not, or the other way round: what is told then is as much as such values can
    /// be, and the rest is carried over to the next look.
    pub(super) fn since(&self, seen: &mut Seen) -> Vec<Increase> {
        let mut found = Vec::new();
        for (cell, seen) in seen.0.iter_mut().enumerate() {
            let now = self.total(cell);
            let (count, due) = (now.0.wrapping_sub(seen.0), now.1.wrapping_sub(seen.1));
            if count == 0 {
                continue;
            }
            let sum = self.likely(cell, count, due);
            *seen = (now.0, seen.1.wrapping_add(sum));
            found.push(Increase { cell, count, sum: real(sum) / self.scale });
        }
        found
    }

    fn total(&self, cell: usize) -> (u64, u64) {
        let cells = self.shards.iter().filter_map(|shard| shard.get()?.get(cell));
        cells.fold((0, 0), |(count, sum): (u64, u64), cell| {
            let (more, spent) = cell.read();
            (count.wrapping_add(more), sum.wrapping_add(spent))
        })
    }

    /// The sum that is due, if that many values of the cell can have it; else the nearest that they can.
    fn likely(&self, cell: usize, count: u64, due: u64) -> u64 {
        let (low, high) = bounds(cell);
        // Each value was rounded to a small unit.
        let least = fixed(((low * self.scale) - 1.0) * real(count));
        let most = fixed(((high.min(LARGEST) * self.scale) + 1.0) * real(count));
        // More was told than there is yet.
        let is_below = due.leading_ones() >= 4;
        if is_below { least } else { due.clamp(least, most) }
    }
}

impl fmt::Debug for Fine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fine")
    }
}

// === impl Seen ===

impl Seen {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self(vec![(0, 0); CELLS].into())
    }

    /// How many values were seen in all.
    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|(count, _)| *count).fold(0, u64::wrapping_add)
    }
}

/// The cell of a value. Neighbouring floats of one sign are neighbouring integers as bits (IEEE 754),
/// so the leading bits number the cells. What is no number goes below.
fn index(value: f64) -> usize {
    if value.is_nan() || value < LOWEST {
        return 0;
    }
    let steps = (value.to_bits() >> SHIFT) - (LOWEST.to_bits() >> SHIFT);
    usize::try_from(steps).map_or(CELLS - 1, |steps| (steps + 1).min(CELLS - 1))
}

/// From where to where a cell reaches.
fn bounds(cell: usize) -> (f64, f64) {
    let bound =
        |steps: usize| f64::from_bits(((LOWEST.to_bits() >> SHIFT) + steps as u64) << SHIFT);
    match cell {
        0 => (0.0, LOWEST),
        cell if cell < CELLS - 1 => (bound(cell - 1), bound(cell)),
        _ => (bound(CELLS - 2), f64::INFINITY),
    }
}

#[cfg(test)]
mod tests {
    //! Cells, and what two looks make of them.

    use super::{CELLS, Fine, LOWEST, Seen, bounds, index};

    #[test]
    fn cells_touch_each_other_and_none_is_wider_than_a_thirtieth() {
        assert_eq!(bounds(1).0.to_bits(), LOWEST.to_bits());
        for cell in 1..CELLS - 1 {
            let (low, high) = bounds(cell);
            assert_eq!(high.to_bits(), bounds(cell + 1).0.to_bits());
            assert!((1.015..1.032).contains(&(high / low)), "{cell}: {low} to {high}");
            assert_eq!((index(low), index(low.midpoint(high))), (cell, cell));
        }
        assert_eq!(bounds(CELLS - 1).0, 1024.0);
        for (odd, cell) in
            [(f64::NAN, 0), (-1.0, 0), (0.0, 0), (1024.0, CELLS - 1), (f64::INFINITY, CELLS - 1)]
        {
            assert_eq!(index(odd), cell, "{odd}");
        }
    }

    #[test]
    fn nothing_is_lost_or_told_twice_between_two_looks() {
        let (fine, mut seen) = (Fine::new(1e9), Seen::new());
        let (mut count, mut sum) = (0, 0.0);
        let mut look = |fine: &Fine| {
            for found in fine.since(&mut seen) {
                (count, sum) = (count + found.count, sum + found.sum);
            }
        };
        std::thread::scope(|scope| {
            let record = |n: u32| {
                let fine = &fine;
                move || (0..20_000).for_each(|i| fine.record(f64::from(n * 7 + i % 900) / 1e3))
            };
            let writers: Vec<_> = (0..6).map(|n| scope.spawn(record(n))).collect();
            while !writers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                look(&fine);
            }
        });
        look(&fine);
        let exact: f64 = (0..6_u32)
            .flat_map(|n| (0..20_000).map(move |i| f64::from(n * 7 + i % 900) / 1e3))
            .sum();
        assert_eq!(count, 120_000);
        // The last look of a cell may have met one value of each writer half added.
        assert!((sum - exact).abs() < 6.0, "{sum} is not {exact}");
        assert!(fine.since(&mut seen).is_empty());
    }

    #[test]
    fn what_is_half_added_is_told_as_what_it_can_be_and_made_up_for() {
        let (fine, mut seen) = (Fine::new(1e9), Seen::new());
        fine.record(0.255);
        let cell = &fine.shards.iter().find_map(|shard| shard.get()).unwrap()[index(0.255)];
        let mut look = || {
            let found = fine.since(&mut seen);
            assert_eq!(found.len(), 1);
            (found[0].count, (found[0].sum * 1e6).round() / 1e6)
        };
        // As in the middle of an addition: counted, and not yet added up.
        cell.add(0);
        cell.add(0);
        assert_eq!(look(), (3, 0.75));
        // Told ahead of what is there.
        cell.add(0);
        assert_eq!(look(), (1, 0.25));
        cell.add(255_000_000 * 4);
        assert_eq!(look(), (1, 0.257_813));
        cell.add(255_000_000);
        assert_eq!(look(), (1, 0.257_813));
        assert_eq!(fine.since(&mut seen), []);
        assert_eq!(seen.count(), 6);
    }

    #[test]
    fn odd_values_are_counted_and_add_nothing_endless() {
        let (fine, mut seen) = (Fine::new(1e9), Seen::new());
        [f64::NAN, -5.0, f64::INFINITY, f64::NEG_INFINITY].iter().for_each(|odd| fine.record(*odd));
        let found = fine.since(&mut seen);
        assert_eq!(found.iter().map(|found| found.count).sum::<u64>(), 4);
        assert!(found.iter().all(|found| found.sum.is_finite() && found.sum >= 0.0), "{found:?}");
    }
}
