//! The store of numbers, and the budget of histogram series.
//!
//! Enters: a family of the catalogue and its label values. Leaves: a handle, and the exposition
//! text. Never: a family that the catalogue does not have, and never a global recorder: several
//! gateways in one process must not mix.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use toolgate_telemetry_catalog::{Kind, Metric, access, metrics};

const ORIGIN: Metadata<'static> = Metadata::new("toolgate", Level::INFO, None);

/// A recorder of our own with buckets for every histogram of the catalogue.
pub(crate) struct Registry {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    budget: usize,
    sets: AtomicUsize,
    active: Gauge,
    overflow: Counter,
}

// === impl Registry ===

impl Registry {
    /// An empty store that allows so many label sets of histograms with a tool's name.
    ///
    /// # Errors
    /// When a histogram of the catalogue has no bounds.
    pub(crate) fn new(budget: usize) -> io::Result<Self> {
        let mut builder = PrometheusBuilder::new();
        for (metric, bounds) in metrics().filter_map(|m| m.buckets.map(|bounds| (m, bounds))) {
            builder = builder
                .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), bounds)
                .map_err(|error| io::Error::other(format!("{}: {error}", metric.name)))?;
        }
        let recorder = builder.build_recorder();
        for metric in metrics() {
            describe(&recorder, metric);
        }
        let handle = recorder.handle();
        let active = recorder.register_gauge(&key(&access::SERIES_ACTIVE, &[]), &ORIGIN);
        let overflow = recorder.register_counter(&key(&access::SERIES_OVERFLOW, &[]), &ORIGIN);
        Ok(Self { recorder, handle, budget, sets: AtomicUsize::new(0), active, overflow })
    }

    /// A counter, at 0 unless it exists already. `values` in the order of the family's labels.
    pub(crate) fn counter(&self, metric: &Metric, values: &[&str]) -> Counter {
        self.recorder.register_counter(&key(metric, values), &ORIGIN)
    }

    /// A gauge, at 0 unless it exists already.
    pub(crate) fn gauge(&self, metric: &Metric, values: &[&str]) -> Gauge {
        self.recorder.register_gauge(&key(metric, values), &ORIGIN)
    }

    /// A histogram whose label values configuration and closed enums bound. It counts towards
    /// the budget but is never refused. Callers keep the handle and ask once a label set.
    pub(crate) fn histogram(&self, metric: &Metric, values: &[&str]) -> Histogram {
        self.sets.fetch_add(1, Relaxed);
        self.active.increment(1.0);
        self.recorder.register_histogram(&key(metric, values), &ORIGIN)
    }

    /// A histogram whose label values a target's list can widen; `None`, and counted, when the
    /// budget is used up.
    pub(crate) fn histogram_in_budget(
        &self,
        metric: &Metric,
        values: &[&str],
    ) -> Option<Histogram> {
        if self.sets.load(Relaxed) >= self.budget {
            self.overflow.increment(1);
            return None;
        }
        Some(self.histogram(metric, values))
    }

    /// Moves observations into their buckets, so that memory does not grow between scrapes.
    pub(crate) fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    /// The text exposition, version 0.0.4.
    pub(crate) fn render(&self) -> String {
        self.handle.render()
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
