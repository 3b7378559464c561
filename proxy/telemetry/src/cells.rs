//! The numbers that every call changes, kept apart by thread.
//!
//! Enters: increments and observations. Leaves: totals, when somebody asks. Never: a lock, an
//! allocation or another thread's cache line for one event (ADR 11).

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// Threads are spread over so many cells; more threads than that share, which costs only time.
const SHARDS: usize = 4;

static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SHARD: usize = NEXT.fetch_add(1, Relaxed) % SHARDS;
}

/// A counter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counter(Arc<[Padded; SHARDS]>);

/// A number on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Padded(AtomicU64);

/// A histogram with fixed bounds.
#[derive(Clone)]
pub(crate) struct Histogram(Option<Arc<Series>>);

struct Series {
    bounds: &'static [f64],
    scale: f64,
    shards: [OnceLock<Box<[Cell]>>; SHARDS],
}

/// One bucket: how many observations, and their sum in units of `1 / scale`.
#[derive(Debug, Default)]
struct Cell {
    count: AtomicU64,
    sum: AtomicU64,
}

// === impl Counter ===

impl Counter {
    pub(crate) fn increment(&self, by: u64) {
        if let Some(Padded(cell)) = self.0.get(own_shard()) {
            cell.fetch_add(by, Relaxed);
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|Padded(cell)| cell.load(Relaxed)).fold(0, u64::wrapping_add)
    }
}

// === impl Histogram ===

impl Histogram {
    /// An empty histogram. `scale` is how finely the sum is kept: 1e9 for seconds means
    /// nanoseconds.
    pub(crate) fn new(bounds: &'static [f64], scale: f64) -> Self {
        Self(Some(Arc::new(Series { bounds, scale, shards: Default::default() })))
    }

    /// A histogram that forgets everything.
    pub(crate) const fn noop() -> Self {
        Self(None)
    }

    pub(crate) fn record(&self, value: f64) {
        let Some(series) = &self.0 else { return };
        // A bucket takes what is at most its bound; the last one takes the rest.
        let bucket = series.bounds.partition_point(|bound| *bound < value);
        let Some(shard) = series.shards.get(own_shard()) else { return };
        let cells = shard.get_or_init(|| series.cells());
        if let Some(cell) = cells.get(bucket) {
            cell.count.fetch_add(1, Relaxed);
            cell.sum.fetch_add(fixed(value * series.scale), Relaxed);
        }
    }

    /// Writes the samples of this series; `labels` are `a="b",c="d"`, escaped, or nothing.
    pub(crate) fn write(&self, out: &mut String, name: &str, labels: &str) {
        let Some(series) = &self.0 else { return };
        let comma = if labels.is_empty() { "" } else { "," };
        let (mut count, mut sum) = (0_u64, 0_u64);
        let bounds = series.bounds.iter().map(f64::to_string);
        for (bucket, bound) in bounds.chain(std::iter::once("+Inf".to_owned())).enumerate() {
            for cell in series.shards.iter().filter_map(|shard| shard.get()?.get(bucket)) {
                count = count.wrapping_add(cell.count.load(Relaxed));
                sum = sum.wrapping_add(cell.sum.load(Relaxed));
            }
            // Writing to a String cannot fail.
            let _written = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}");
        }
        let sum = real(sum) / series.scale;
        let braced = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let _written = writeln!(out, "{name}_sum{braced} {sum}\n{name}_count{braced} {count}");
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Histogram")
    }
}

// === impl Series ===

impl Series {
    fn cells(&self) -> Box<[Cell]> {
        std::iter::repeat_with(Cell::default).take(self.bounds.len() + 1).collect()
    }
}

fn own_shard() -> usize {
    SHARD.with(|shard| *shard)
}

/// A sum is a whole number of its small units; what is no number, or below 0, adds nothing.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, as meant")]
fn fixed(value: f64) -> u64 {
    value.round() as u64
}

#[expect(clippy::cast_precision_loss, reason = "a sum is shown, not counted with")]
fn real(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    //! Buckets, sums and threads.

    use super::{Counter, Histogram};

    #[test]
    fn a_bucket_takes_what_is_at_most_its_bound() {
        let histogram = Histogram::new(&[0.5, 1.0], 1e9);
        for value in [0.0, 0.5, 0.500_000_001, 1.0, 7.25, -1.0, f64::NAN] {
            histogram.record(value);
        }
        let mut text = String::new();
        histogram.write(&mut text, "h", r#"a="b""#);
        let wanted = "h_bucket{a=\"b\",le=\"0.5\"} 4\nh_bucket{a=\"b\",le=\"1\"} 6\n\
                      h_bucket{a=\"b\",le=\"+Inf\"} 7\nh_sum{a=\"b\"} 9.250000001\nh_count{a=\"b\"} 7\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn nothing_is_lost_between_threads() {
        let (counter, histogram) = (Counter::default(), Histogram::new(&[1.0], 1e3));
        let record = || {
            for _ in 0..10_000 {
                counter.increment(1);
                histogram.record(2.5);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(record);
            }
        });
        assert_eq!(counter.total(), 80_000);
        let mut text = String::new();
        histogram.write(&mut text, "h", "");
        assert_eq!(
            text,
            "h_bucket{le=\"1\"} 0\nh_bucket{le=\"+Inf\"} 80000\nh_sum 200000\nh_count 80000\n"
        );
    }
}
