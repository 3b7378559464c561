//! A minute's numbers out of all that is published.
//!
//! Enters: the series, and what was seen of them the last time. Leaves: one datum for each metric and
//! set of dimensions. Never: a set with a dimension that is not allowed, or more tools than allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use toolgate_telemetry_catalog::{Dimension, Published};

use super::fine::{Increase, Seen};
use super::merge::{Point, amount, merged};
use super::sources::{Reading, Source, Sources};
use super::{CloudConfig, Datum};

/// Makes minutes. There is one of a publisher: each minute is the difference to the one before.
#[derive(Debug)]
pub(crate) struct Fold {
    config: CloudConfig,
    sources: Arc<Sources>,
    followed: Vec<Followed>,
}

/// A minute.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) datums: Vec<Datum>,
    /// Those that were left out because their tool is beyond the number of tools.
    pub(super) beyond: u64,
}

/// A series, and what was seen of it.
#[derive(Debug)]
struct Followed {
    source: Source,
    count: u64,
    seen: Option<Seen>,
}

/// What one series adds.
enum News {
    /// So many more, and so many since the start.
    More(u64, u64),
    Level(f64),
    Values(Vec<Increase>, u64),
}

/// What tells datums apart: the metric, the set of dimensions by its place, and their values.
type Place = (&'static str, usize, Vec<(Dimension, Box<str>)>);

/// A datum that is being added up.
#[derive(Debug)]
struct Sum {
    published: &'static Published,
    more: Option<u64>,
    levels: Vec<f64>,
    cells: BTreeMap<usize, (u64, f64)>,
    /// How much there was since the start, by which tools are ranked.
    volume: u64,
}

// === impl Fold ===

impl Fold {
    pub(crate) const fn new(config: CloudConfig, sources: Arc<Sources>) -> Self {
        Self { config, sources, followed: Vec::new() }
    }

    /// What came since the last time, as the numbers of the minute that begins then.
    pub(super) fn take(&mut self, at: SystemTime) -> Taken {
        let new = self.sources.from(self.followed.len()).into_iter();
        self.followed.extend(new.map(|source| Followed { source, count: 0, seen: None }));
        let mut sums: BTreeMap<Place, Sum> = BTreeMap::new();
        for followed in &mut self.followed {
            let news = followed.look();
            let Source { published, dimensions, .. } = &followed.source;
            for (n, set) in published.sets.iter().enumerate() {
                let Some(values) = self.config.values_of(set, dimensions) else { continue };
                let place = (published.name, n, values);
                sums.entry(place).or_insert_with(|| Sum::new(published)).add(&news);
            }
        }
        let most = self.config.tools;
        let chosen = chosen(&sums, most);
        let (mut datums, mut beyond) = (Vec::new(), 0);
        for (place, sum) in sums {
            let within = is_chosen(&place, &chosen);
            let Some(datum) = sum.datum(place, at, self.config.values) else { continue };
            if within {
                datums.push(datum);
            } else {
                beyond += 1;
            }
        }
        Taken { datums, beyond }
    }
}

// === impl CloudConfig ===

impl CloudConfig {
    /// The values of a set's dimensions; `None` when one is not allowed or has no value.
    fn values_of(
        &self,
        set: &[Dimension],
        known: &[(Dimension, Box<str>)],
    ) -> Option<Vec<(Dimension, Box<str>)>> {
        let value = |wanted: &Dimension| {
            let allowed = self.dimensions.contains(wanted);
            known.iter().find(|(known, _)| known == wanted && allowed).cloned()
        };
        set.iter().map(value).collect()
    }
}

// === impl Followed ===

impl Followed {
    fn look(&mut self) -> News {
        match &self.source.reading {
            Reading::Counter(counter) => self.more(counter.total()),
            Reading::Observations(histogram) => self.more(histogram.count()),
            Reading::Gauge(gauge) => News::Level(gauge.value()),
            Reading::Fine(fine) => {
                let seen = self.seen.get_or_insert_with(Seen::new);
                let found = fine.since(seen);
                News::Values(found, seen.count())
            }
        }
    }

    fn more(&mut self, total: u64) -> News {
        let more = total.wrapping_sub(self.count);
        self.count = total;
        News::More(more, total)
    }
}

// === impl Sum ===

impl Sum {
    const fn new(published: &'static Published) -> Self {
        Self { published, more: None, levels: Vec::new(), cells: BTreeMap::new(), volume: 0 }
    }

    fn add(&mut self, news: &News) {
        match news {
            News::More(more, total) => {
                self.more = Some(self.more.unwrap_or_default() + more);
                self.volume += total;
            }
            News::Level(level) => self.levels.push(*level),
            News::Values(increases, total) => {
                self.volume += total;
                for Increase { cell, count, sum } in increases {
                    let found = self.cells.entry(*cell).or_default();
                    *found = (found.0 + count, found.1 + sum);
                }
            }
        }
    }

    /// The datum. A counter that stood still is worth a 0 over everything, where alarms look, and
    /// nothing by dimensions; a distribution without values is nothing.
    fn datum(self, (name, _, dimensions): Place, at: SystemTime, most: usize) -> Option<Datum> {
        let scale = self.published.unit.scale();
        let still = self.more == Some(0) && !dimensions.is_empty();
        let points: Vec<Point> = match self.more {
            Some(_) if still => Vec::new(),
            Some(more) => vec![(amount(more), 1)],
            None if self.levels.is_empty() => {
                let mean = |(count, sum): &(u64, f64)| (sum / amount(*count), *count);
                self.cells.values().map(mean).collect()
            }
            None => levels(self.levels),
        };
        if points.is_empty() {
            return None;
        }
        let points = merged(points, most);
        Some(Datum {
            name,
            dimensions,
            unit: self.published.unit.as_str(),
            values: points.iter().map(|(value, _)| value * scale).collect(),
            counts: points.iter().map(|(_, count)| amount(*count)).collect(),
            at,
        })
    }
}

/// The distinct levels of gauges, with how many have each.
fn levels(mut all: Vec<f64>) -> Vec<Point> {
    all.sort_by(f64::total_cmp);
    let mut points: Vec<Point> = Vec::new();
    for level in all {
        match points.last_mut() {
            Some((known, count)) if known.total_cmp(&level).is_eq() => *count += 1,
            Some(_) | None => points.push((level, 1)),
        }
    }
    points
}

/// Metric and tool, for those that were called most; the first by name among equals.
fn chosen(sums: &BTreeMap<Place, Sum>, most: usize) -> BTreeSet<(&'static str, Box<str>)> {
    let mut ranked: BTreeMap<&'static str, BTreeMap<&str, u64>> = BTreeMap::new();
    for ((name, _, dimensions), sum) in sums {
        if let Some(tool) = tool(dimensions) {
            *ranked.entry(name).or_default().entry(tool).or_default() += sum.volume;
        }
    }
    let mut chosen = BTreeSet::new();
    for (name, tools) in ranked {
        let mut tools: Vec<_> = tools.into_iter().collect();
        tools.sort_by_key(|(_, volume)| std::cmp::Reverse(*volume));
        chosen.extend(tools.into_iter().take(most).map(|(tool, _)| (name, Box::from(tool))));
    }
    chosen
}

fn is_chosen((name, _, dimensions): &Place, chosen: &BTreeSet<(&'static str, Box<str>)>) -> bool {
    tool(dimensions).is_none_or(|tool| chosen.contains(&(*name, Box::from(tool))))
}

fn tool(dimensions: &[(Dimension, Box<str>)]) -> Option<&str> {
    let tool = dimensions.iter().find(|(dimension, _)| *dimension == Dimension::ToolName)?;
    Some(&tool.1)
}
