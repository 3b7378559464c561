//! The store of numbers, and the budget of histogram series.
//!
//! Enters: a family of the catalogue and its label values. Leaves: a handle, and the exposition
//! text. Never: a family that the catalogue does not have, and never a global recorder: several
//! gateways in one process must not mix.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::{Gauge, Key, KeyName, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use toolgate_telemetry_catalog::{Kind, Metric, Unit, access, metrics};

use crate::cells::{Counter, Form, Histogram};
use crate::cloud::Sources;

const ORIGIN: Metadata<'static> = Metadata::new("toolgate", Level::INFO, None);

/// The numbers of one gateway. What every call changes is kept in cells of our own and handed to
/// the exporter when it is asked for; histograms are written here.
pub(crate) struct Registry {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    budget: usize,
    sets: AtomicUsize,
    active: Gauge,
    overflow: Counter,
    counters: Mutex<HashMap<Arc<Key>, Counter>>,
    histograms: Mutex<BTreeMap<&'static str, Family>>,
    /// What goes to CloudWatch; `None` when nothing does.
    sources: Option<Arc<Sources>>,
}

/// The series of one histogram, by their labels as written.
#[derive(Debug)]
struct Family {
    help: &'static str,
    series: BTreeMap<Arc<str>, Histogram>,
}

/// Name, help and series of a histogram.
type Exposed = (&'static str, &'static str, Vec<(Arc<str>, Histogram)>);

// === impl Registry ===

impl Registry {
    /// An empty store that allows so many label sets of histograms with a tool's name.
    pub(crate) fn new(budget: usize) -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        for metric in metrics() {
            describe(&recorder, metric);
        }
        let handle = recorder.handle();
        let active = recorder.register_gauge(&key(&access::SERIES_ACTIVE, &[]), &ORIGIN);
        let overflow = Counter::default();
        let counters =
            HashMap::from([(Arc::new(key(&access::SERIES_OVERFLOW, &[])), overflow.clone())]);
        Self {
            recorder,
            handle,
            budget,
            sets: AtomicUsize::new(0),
            active,
            overflow,
            counters: Mutex::new(counters),
            histograms: Mutex::default(),
            sources: None,
        }
    }

    /// The same, which also keeps what CloudWatch is to be sent.
    pub(crate) fn publishing(budget: usize) -> Self {
        Self { sources: Some(Arc::default()), ..Self::new(budget) }
    }

    /// What goes to CloudWatch.
    pub(crate) const fn sources(&self) -> Option<&Arc<Sources>> {
        self.sources.as_ref()
    }

    /// A counter, at 0 unless it exists already. `values` in the order of the family's labels.
    pub(crate) fn counter(&self, metric: &Metric, values: &[&str]) -> Counter {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        match counters.entry(Arc::new(key(metric, values))) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(slot) => {
                let counter = slot.insert(Counter::default()).clone();
                if let Some(sources) = &self.sources {
                    sources.counter(metric, values, &counter);
                }
                counter
            }
        }
    }

    /// A gauge, at 0 unless it exists already.
    pub(crate) fn gauge(&self, metric: &Metric, values: &[&str]) -> Gauge {
        let gauge = self.recorder.register_gauge(&key(metric, values), &ORIGIN);
        match &self.sources {
            Some(sources) => sources.gauge(metric, values, gauge),
            None => gauge,
        }
    }

    /// A histogram whose label values configuration and closed enums bound. It counts towards
    /// the budget but is never refused. Callers keep the handle and ask once a label set.
    pub(crate) fn histogram(&self, metric: &Metric, values: &[&str]) -> Histogram {
        self.sets.fetch_add(1, Relaxed);
        self.active.increment(1.0);
        let mut families = self.histograms.lock().unwrap_or_else(PoisonError::into_inner);
        let family = families
            .entry(metric.name)
            .or_insert_with(|| Family { help: metric.help, series: BTreeMap::new() });
        let made = || self.made(metric, values);
        family.series.entry(labels(metric, values).into()).or_insert_with(made).clone()
    }

    fn made(&self, metric: &Metric, values: &[&str]) -> Histogram {
        let (bounds, scale) = (metric.buckets.unwrap_or_default(), scale(metric.unit));
        let Some(sources) = &self.sources else { return Histogram::new(bounds, scale) };
        let histogram = Histogram::with_fine(bounds, scale, sources.fine(metric, values, scale));
        sources.observations(metric, values, &histogram);
        histogram
    }

    /// A histogram whose label values a target's list can widen; `None`, and counted, when the
    /// budget is used up.
    pub(crate) fn histogram_in_budget(
        &self,
        metric: &Metric,
        values: &[&str],
    ) -> Option<Histogram> {
        if self.sets.load(Relaxed) >= self.budget {
            self.folded();
            return None;
        }
        Some(self.histogram(metric, values))
    }

    /// A label set gets no series of its own.
    pub(crate) fn folded(&self) {
        self.overflow.increment(1);
    }

    /// The text exposition, version 0.0.4; for OpenMetrics with exemplars in it. The locks are held
    /// for as long as it takes to copy handles: calls that need a series for the first time do not
    /// wait for the formatting.
    pub(crate) fn render(&self, form: Form) -> String {
        for (key, counter) in self.all_counters() {
            self.recorder.register_counter(&key, &ORIGIN).absolute(counter.total());
        }
        let mut text = self.handle.render();
        for (name, help, series) in self.all_histograms() {
            let help = help.replace('\\', "\\\\").replace('\n', "\\n");
            text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} histogram\n"));
            for (labels, histogram) in &series {
                histogram.write(&mut text, (name, form), labels);
            }
            text.push('\n');
        }
        text
    }

    fn all_counters(&self) -> Vec<(Arc<Key>, Counter)> {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        counters.iter().map(|(key, counter)| (Arc::clone(key), counter.clone())).collect()
    }

    fn all_histograms(&self) -> Vec<Exposed> {
        let families = self.histograms.lock().unwrap_or_else(PoisonError::into_inner);
        let series = |family: &Family| {
            let all = family.series.iter();
            all.map(|(labels, histogram)| (Arc::clone(labels), histogram.clone())).collect()
        };
        families.iter().map(|(name, family)| (*name, family.help, series(family))).collect()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registry({} histogram sets of {})", self.sets.load(Relaxed), self.budget)
    }
}

/// Name and labels of one series.
fn key(metric: &Metric, values: &[&str]) -> Key {
    debug_assert_eq!(metric.labels.len(), values.len(), "{}", metric.name);
    let pairs = metric.labels.iter().zip(values);
    let labels: Vec<metrics::Label> = pairs
        .map(|(label, value)| metrics::Label::new(label.key.as_str(), (*value).to_owned()))
        .collect();
    Key::from_parts(metric.name, labels)
}

/// No unit is passed on: names carry it already, and a unit would make some formats add it again.
fn describe(recorder: &PrometheusRecorder, metric: &Metric) {
    let (name, help) = (KeyName::from_const_str(metric.name), metric.help.into());
    match metric.kind {
        Kind::Counter => recorder.describe_counter(name, None, help),
        Kind::Gauge => recorder.describe_gauge(name, None, help),
        Kind::Histogram => recorder.describe_histogram(name, None, help),
    }
}

/// How finely the sum of a histogram is kept.
const fn scale(unit: Unit) -> f64 {
    match unit {
        Unit::Seconds | Unit::Timestamp | Unit::Dollars => 1e9,
        Unit::Bytes | Unit::One | Unit::Ratio => 1e3,
    }
}

/// `a="b",c="d"`, with what the format wants escaped.
fn labels(metric: &Metric, values: &[&str]) -> String {
    let pairs = metric.labels.iter().zip(values).map(|(label, value)| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!("{}=\"{value}\"", label.key.as_str())
    });
    pairs.collect::<Vec<_>>().join(",")
}
