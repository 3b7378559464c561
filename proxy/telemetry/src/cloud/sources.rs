//! Every series that is published, and where its numbers are.
//!
//! Enters: each handle as it is made, with its label values. Leaves: a list that only grows, as far as
//! the series of `/metrics` do. Never: a look at a family that the catalogue does not publish.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{Gauge, GaugeFn};
use toolgate_telemetry_catalog::{Dimension, Metric, Published, Shows};

use super::fine::Fine;
use crate::cells::{Counter, Histogram};

/// Everything that is published.
#[derive(Debug, Default)]
pub(crate) struct Sources(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    list: Vec<Source>,
    /// Distributions and gauges by metric and dimensions: made once, whoever asks.
    fines: HashMap<Place, Arc<Fine>>,
    gauges: HashMap<(&'static str, Vec<Box<str>>), Arc<Twin>>,
}

/// What tells two series of a published metric apart.
type Place = (&'static str, Vec<(Dimension, Box<str>)>);

/// A series.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) published: &'static Published,
    /// The dimensions it has a value for.
    pub(super) dimensions: Arc<[(Dimension, Box<str>)]>,
    pub(super) reading: Reading,
}

/// Where its numbers are.
#[derive(Clone, Debug)]
pub(super) enum Reading {
    Counter(Counter),
    Gauge(Arc<Twin>),
    Observations(Histogram),
    Fine(Arc<Fine>),
}

/// A gauge that can be read: the exporter's own cannot.
#[derive(Debug)]
pub(super) struct Twin {
    shown: Gauge,
    bits: AtomicU64,
}

// === impl Sources ===

impl Sources {
    /// The series so far, from that place in the list on.
    pub(super) fn from(&self, first: usize) -> Vec<Source> {
        self.lock().list.get(first..).unwrap_or_default().to_vec()
    }

    pub(crate) fn counter(&self, metric: &Metric, values: &[&str], counter: &Counter) {
        let reading = || Reading::Counter(counter.clone());
        self.add(metric, values, (Shows::Values, &reading));
    }

    pub(crate) fn observations(&self, metric: &Metric, values: &[&str], histogram: &Histogram) {
        let reading = || Reading::Observations(histogram.clone());
        self.add(metric, values, (Shows::Observations, &reading));
    }

    /// The gauge to be set, which sets `shown` as well.
    pub(crate) fn gauge(&self, metric: &Metric, values: &[&str], shown: Gauge) -> Gauge {
        if metric.cloudwatch.is_empty() {
            return shown;
        }
        let place = (metric.name, values.iter().map(|value| Box::from(*value)).collect());
        if let Some(known) = self.lock().gauges.get(&place) {
            return Gauge::from_arc(Arc::clone(known));
        }
        let twin = Arc::new(Twin { shown, bits: AtomicU64::new(0) });
        self.lock().gauges.insert(place, Arc::clone(&twin));
        self.add(metric, values, (Shows::Values, &|| Reading::Gauge(Arc::clone(&twin))));
        Gauge::from_arc(twin)
    }

    /// The distribution that a histogram with these labels also fills. Series that no published set
    /// of dimensions tells apart share one.
    pub(crate) fn fine(&self, metric: &Metric, values: &[&str], scale: f64) -> Option<Arc<Fine>> {
        let published = of(metric, values, Shows::Values).next()?;
        let place = (published.name, dimensions(published, metric, values));
        let mut known = self.lock();
        if let Some(fine) = known.fines.get(&place) {
            return Some(Arc::clone(fine));
        }
        let fine = Arc::new(Fine::new(scale));
        let dimensions = place.1.clone().into();
        let reading = Reading::Fine(Arc::clone(&fine));
        known.list.push(Source { published, dimensions, reading });
        known.fines.insert(place, Arc::clone(&fine));
        Some(fine)
    }

    fn add(
        &self,
        metric: &Metric,
        values: &[&str],
        (shows, reading): (Shows, &dyn Fn() -> Reading),
    ) {
        for published in of(metric, values, shows) {
            let dimensions: Arc<[_]> = dimensions(published, metric, values).into();
            let told = |set: &&[Dimension]| {
                set.iter().all(|wanted| dimensions.iter().any(|(known, _)| known == wanted))
            };
            if published.sets.iter().any(told) {
                self.lock().list.push(Source { published, dimensions, reading: reading() });
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Twin ===

impl Twin {
    pub(super) fn value(&self) -> f64 {
        f64::from_bits(self.bits.load(Relaxed))
    }

    fn change(&self, change: impl Fn(f64) -> f64) {
        let changed = |bits| Some(change(f64::from_bits(bits)).to_bits());
        // The closure never says no.
        let _before = self.bits.fetch_update(Relaxed, Relaxed, changed);
    }
}

impl GaugeFn for Twin {
    fn increment(&self, value: f64) {
        self.shown.increment(value);
        self.change(|before| before + value);
    }

    fn decrement(&self, value: f64) {
        self.shown.decrement(value);
        self.change(|before| before - value);
    }

    fn set(&self, value: f64) {
        self.shown.set(value);
        self.change(|_| value);
    }
}

/// What is published of a series with these labels.
fn of<'a>(
    metric: &'a Metric,
    values: &'a [&'a str],
    shows: Shows,
) -> impl Iterator<Item = &'static Published> + 'a {
    metric.cloudwatch.iter().filter(move |published| {
        let among = |(key, words): &(_, &[&str])| {
            let mut pairs = metric.labels.iter().zip(values);
            pairs.any(|(label, value)| label.key == *key && words.contains(value))
        };
        published.shows == shows && published.only.iter().all(among)
    })
}

/// The dimensions of any of its sets that the series has a value for.
fn dimensions(
    published: &Published,
    metric: &Metric,
    values: &[&str],
) -> Vec<(Dimension, Box<str>)> {
    let used = |dimension: &Dimension| published.sets.iter().any(|set| set.contains(dimension));
    let value = |dimension: Dimension| {
        let mut pairs = metric.labels.iter().zip(values);
        let (_, value) = pairs.find(|(label, _)| label.key == dimension.key())?;
        (!value.is_empty()).then(|| (dimension, Box::from(*value)))
    };
    Dimension::ALL.iter().copied().filter(used).filter_map(value).collect()
}
