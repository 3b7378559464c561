//! The numbers that every call changes, kept apart by thread.
//!
//! Enters: increments and observations. Leaves: totals, when somebody asks. Never: a lock, an
//! allocation or another thread's cache line for one event (ADR 11).

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::SystemTime;

use toolgate_call::{SpanId, TraceId};

use crate::cloud::Fine;

/// Threads are spread over so many cells; more threads than that share, which costs only time.
pub(crate) const SHARDS: usize = 4;

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
    /// The same values once more, finely, for CloudWatch; several series may share them.
    fine: Option<Arc<Fine>>,
    /// The last kept call of each bucket, once there is one.
    exemplars: OnceLock<Box<[Mutex<Option<Shown>>]>>,
}

/// A call that stands for its bucket: its spans are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exemplar {
    pub(crate) trace: TraceId,
    pub(crate) span: SpanId,
    pub(crate) at: SystemTime,
}

/// An exemplar with its value.
#[derive(Clone, Copy, Debug)]
struct Shown {
    exemplar: Exemplar,
    value: f64,
}

/// The forms in which metrics are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Prometheus text, version 0.0.4: no exemplars.
    Plain,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

/// One bucket: how many observations, and their sum in units of `1 / scale`.
#[derive(Debug, Default)]
pub(crate) struct Cell {
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
        Self::with_fine(bounds, scale, None)
    }

    /// The same, with finer cells that are filled alike.
    pub(crate) fn with_fine(bounds: &'static [f64], scale: f64, fine: Option<Arc<Fine>>) -> Self {
        Self(Some(Arc::new(Series {
            bounds,
            scale,
            shards: Default::default(),
            fine,
            exemplars: OnceLock::new(),
        })))
    }

    /// A histogram that forgets everything.
    pub(crate) const fn noop() -> Self {
        Self(None)
    }

    pub(crate) fn record(&self, value: f64) {
        let Some(series) = &self.0 else { return };
        if let Some(fine) = &series.fine {
            fine.record(value);
        }
        // A bucket takes what is at most its bound; the last one takes the rest.
        let bucket = series.bounds.partition_point(|bound| *bound < value);
        let Some(shard) = series.shards.get(own_shard()) else { return };
        let cells = shard.get_or_init(|| series.cells());
        if let Some(cell) = cells.get(bucket) {
            cell.add(fixed(value * series.scale));
        }
    }

    /// Records a value that an exemplar may stand for.
    pub(crate) fn record_with(&self, value: f64, exemplar: Option<Exemplar>) {
        self.record(value);
        let (Some(series), Some(exemplar)) = (&self.0, exemplar) else { return };
        let bucket = series.bounds.partition_point(|bound| *bound < value);
        let slots = series.exemplars.get_or_init(|| series.each_bucket());
        // Whoever comes while another is shown waits for the next one.
        if let Some(Ok(mut slot)) = slots.get(bucket).map(Mutex::try_lock) {
            *slot = Some(Shown { exemplar, value });
        }
    }

    /// The bound that 99 of 100 values stay within; `None` while fewer than a hundred are known, or
    /// when the values pass every bound.
    pub(crate) fn usual(&self) -> Option<f64> {
        const FEWEST: u64 = 100;
        let series = self.0.as_ref()?;
        let counts: Vec<u64> =
            (0..=series.bounds.len()).map(|bucket| series.at(bucket).0).collect();
        let all: u64 = counts.iter().sum();
        let mut below = 0;
        let bucket = counts.iter().position(|count| {
            below += count;
            below * 100 >= all * 99
        })?;
        (all >= FEWEST).then(|| series.bounds.get(bucket).copied()).flatten()
    }

    /// How many values were recorded.
    pub(crate) fn count(&self) -> u64 {
        let Some(series) = &self.0 else { return 0 };
        (0..=series.bounds.len()).map(|bucket| series.at(bucket).0).fold(0, u64::wrapping_add)
    }

    /// Writes the samples of this series; `labels` are `a="b",c="d"`, escaped, or nothing.
    pub(crate) fn write(&self, out: &mut String, (name, form): (&str, Form), labels: &str) {
        let Some(series) = &self.0 else { return };
        let comma = if labels.is_empty() { "" } else { "," };
        let (mut count, mut sum) = (0_u64, 0_u64);
        let bounds = series.bounds.iter().map(f64::to_string);
        for (bucket, bound) in bounds.chain(std::iter::once("+Inf".to_owned())).enumerate() {
            let (more, spent) = series.at(bucket);
            (count, sum) = (count.wrapping_add(more), sum.wrapping_add(spent));
            let shown = if form == Form::OpenMetrics { series.exemplar(bucket) } else { None };
            let shown = shown.map(|shown| shown.to_string()).unwrap_or_default();
            // Writing to a String cannot fail.
            let _written =
                writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}{shown}");
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
        self.each_bucket()
    }

    fn each_bucket<T: Default>(&self) -> Box<[T]> {
        std::iter::repeat_with(T::default).take(self.bounds.len() + 1).collect()
    }

    /// How many values are in a bucket, and their sum in small units.
    fn at(&self, bucket: usize) -> (u64, u64) {
        let cells = self.shards.iter().filter_map(|shard| shard.get()?.get(bucket));
        cells.fold((0, 0), |(count, sum): (u64, u64), cell| {
            let (more, spent) = cell.read();
            (count.wrapping_add(more), sum.wrapping_add(spent))
        })
    }

    fn exemplar(&self, bucket: usize) -> Option<Shown> {
        let slot = self.exemplars.get()?.get(bucket)?;
        *slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

// === impl Cell ===

impl Cell {
    /// Takes one value in, in small units.
    pub(crate) fn add(&self, value: u64) {
        self.count.fetch_add(1, Relaxed);
        self.sum.fetch_add(value, Relaxed);
    }

    /// How many values, and their sum. A value that is taken in at this moment may be in one of
    /// the two only.
    pub(crate) fn read(&self) -> (u64, u64) {
        (self.count.load(Relaxed), self.sum.load(Relaxed))
    }
}

// === impl Shown ===

impl fmt::Display for Shown {
    /// ` # {trace_id="…",span_id="…"} 0.25 1700000000.123` (OpenMetrics 1.0.0, "Exemplars").
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Exemplar { trace, span, at } = self.exemplar;
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let at = since.as_secs_f64();
        write!(f, " # {{trace_id=\"{trace}\",span_id=\"{span}\"}} {} {at:.3}", self.value)
    }
}

/// The cell of this thread.
pub(crate) fn own_shard() -> usize {
    SHARD.with(|shard| *shard)
}

/// A sum is a whole number of its small units; what is no number, or below 0, adds nothing.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, as meant")]
pub(crate) fn fixed(value: f64) -> u64 {
    value.round() as u64
}

#[expect(clippy::cast_precision_loss, reason = "a sum is shown, not counted with")]
pub(crate) fn real(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    //! Buckets, sums and threads.

    use std::time::{Duration, SystemTime};

    use toolgate_call::{SpanId, TraceId};

    use super::{Counter, Exemplar, Form, Histogram};

    #[test]
    fn a_bucket_takes_what_is_at_most_its_bound() {
        let histogram = Histogram::new(&[0.5, 1.0], 1e9);
        for value in [0.0, 0.5, 0.500_000_001, 1.0, 7.25, -1.0, f64::NAN] {
            histogram.record(value);
        }
        let mut text = String::new();
        histogram.write(&mut text, ("h", Form::Plain), r#"a="b""#);
        let wanted = "h_bucket{a=\"b\",le=\"0.5\"} 4\nh_bucket{a=\"b\",le=\"1\"} 6\n\
                      h_bucket{a=\"b\",le=\"+Inf\"} 7\nh_sum{a=\"b\"} 9.250000001\nh_count{a=\"b\"} 7\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn the_last_kept_call_of_a_bucket_stands_for_it_in_openmetrics() {
        let histogram = Histogram::new(&[0.5, 1.0], 1e9);
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500);
        let exemplar = |n: u8| Exemplar {
            trace: TraceId::new(u128::from(n)).unwrap(),
            span: SpanId::new(u64::from(n)).unwrap(),
            at,
        };
        histogram.record_with(0.25, Some(exemplar(1)));
        histogram.record_with(0.125, Some(exemplar(2)));
        histogram.record_with(0.75, None);
        let (mut plain, mut open) = (String::new(), String::new());
        histogram.write(&mut plain, ("h", Form::Plain), "");
        histogram.write(&mut open, ("h", Form::OpenMetrics), "");
        assert!(!plain.contains('#'), "{plain}");
        let wanted = "h_bucket{le=\"0.5\"} 2 # {trace_id=\"00000000000000000000000000000002\",\
                      span_id=\"0000000000000002\"} 0.125 1.500\nh_bucket{le=\"1\"} 3\n";
        assert!(open.starts_with(wanted), "{open}");
    }

    #[test]
    fn what_is_usual_is_known_from_a_hundred_values_on() {
        let histogram = Histogram::new(&[0.5, 1.0], 1e9);
        (0..99).for_each(|_| histogram.record(0.1));
        assert_eq!(histogram.usual(), None);
        histogram.record(0.7);
        assert_eq!(histogram.usual(), Some(0.5));
        (0..9).for_each(|_| histogram.record(0.7));
        assert_eq!(histogram.usual(), Some(1.0));
        (0..9).for_each(|_| histogram.record(7.0));
        assert_eq!(histogram.usual(), None);
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
        histogram.write(&mut text, ("h", Form::Plain), "");
        assert_eq!(
            text,
            "h_bucket{le=\"1\"} 0\nh_bucket{le=\"+Inf\"} 80000\nh_sum 200000\nh_count 80000\n"
        );
    }
}
