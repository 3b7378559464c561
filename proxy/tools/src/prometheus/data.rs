//! Values as Prometheus writes them.
//!
//! Enters: `data` of a query. Leaves: series with their labels, their values as text, since NaN and
//! the infinities are no JSON. Never: more series or points than a result may have; what is beyond is
//! counted while it is read, and not kept.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// The most series that a result may have.
const MOST_SERIES: usize = 1000;
/// Points of all series that are passed on; one series is passed on in any case.
pub(super) const MOST_IN_ALL: usize = 8_000;

/// The labels of a series.
pub(super) type Labels = BTreeMap<String, String>;

/// `data` of `query` and `query_range`.
#[derive(Debug, Deserialize)]
pub(super) struct Data {
    #[serde(rename = "resultType")]
    pub(super) kind: String,
    pub(super) result: Kept,
}

/// The series that are kept of a vector or a matrix; a scalar is one without labels.
#[derive(Debug)]
pub(super) struct Kept {
    /// How many there were.
    pub(super) total: usize,
    /// The first of them.
    pub(super) series: Vec<OneSeries>,
}

/// An element of a vector or a matrix, or the time that a scalar begins with.
enum First {
    Element(Box<Element>),
    Time(f64),
}

/// An element of a vector or a matrix.
#[derive(Debug, Deserialize)]
struct Element {
    #[serde(default)]
    metric: Labels,
    value: Option<Pair>,
    histogram: Option<(f64, Value)>,
    #[serde(default)]
    values: Vec<Pair>,
    #[serde(default)]
    histograms: Vec<(f64, Value)>,
}

/// A time in seconds since 1970 and a value.
#[derive(Debug, Deserialize)]
struct Pair(f64, String);

/// One series, and what it is or was.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct OneSeries {
    /// Its labels; its name is `__name__`.
    pub(super) metric: Labels,
    /// Seconds since 1970, one for each value.
    pub(super) times: Vec<f64>,
    /// The values as Prometheus writes them: numbers, `NaN`, `+Inf`, `-Inf`, or a histogram as JSON.
    pub(super) values: Vec<String>,
}

// === impl Kept ===

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(KeptVisitor)
    }
}

struct KeptVisitor;

impl<'de> Visitor<'de> for KeptVisitor {
    type Value = Kept;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("series, or a time and a value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Kept, A::Error> {
        let first = match all.next_element()? {
            None => return Ok(Kept { total: 0, series: Vec::new() }),
            Some(First::Element(element)) => OneSeries::of(*element),
            Some(First::Time(time)) => {
                let value = all.next_element()?.ok_or_else(|| A::Error::missing_field("value"))?;
                let metric = Labels::new();
                let only = OneSeries { metric, times: vec![time], values: vec![value] };
                return Ok(Kept { total: 1, series: vec![only] });
            }
        };
        let mut points = first.values.len();
        let mut series = vec![first];
        while points < MOST_IN_ALL && series.len() < MOST_SERIES {
            let Some(element) = all.next_element::<Element>()? else { break };
            let one = OneSeries::of(element);
            points += one.values.len().max(1);
            series.push(one);
        }
        let mut total = series.len();
        while all.next_element::<IgnoredAny>()?.is_some() {
            total += 1;
        }
        Ok(Kept { total, series })
    }
}

// === impl First ===

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FirstVisitor)
    }
}

struct FirstVisitor;

impl<'de> Visitor<'de> for FirstVisitor {
    type Value = First;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a series or a time")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<First, A::Error> {
        let element = Element::deserialize(serde::de::value::MapAccessDeserializer::new(members))?;
        Ok(First::Element(Box::new(element)))
    }

    fn visit_f64<E>(self, time: f64) -> Result<First, E> {
        Ok(First::Time(time))
    }

    fn visit_u64<E>(self, seconds: u64) -> Result<First, E> {
        Ok(First::Time(u32::try_from(seconds).map_or(f64::INFINITY, f64::from)))
    }
}

// === impl OneSeries ===

impl OneSeries {
    fn of(element: Element) -> Self {
        let mut points: Vec<Pair> = element.values;
        points.extend(element.value);
        let histograms = element.histograms.into_iter().chain(element.histogram);
        points.extend(histograms.map(|(time, histogram)| Pair(time, histogram.to_string())));
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (times, values) = points.into_iter().map(|Pair(time, value)| (time, value)).unzip();
        Self { metric: element.metric, times, values }
    }

    /// The series in PromQL's own spelling.
    pub(super) fn name(&self) -> String {
        selector(&self.metric)
    }
}

/// Labels in PromQL's own spelling.
pub(super) fn selector(labels: &Labels) -> String {
    let name = labels.get("__name__").map(String::as_str).unwrap_or_default();
    let others = labels.iter().filter(|(label, _)| *label != "__name__");
    let others: Vec<String> = others.map(|(label, value)| format!("{label}={value:?}")).collect();
    match (name.is_empty(), others.is_empty()) {
        (false, true) => name.to_owned(),
        (_, _) => format!("{name}{{{}}}", others.join(",")),
    }
}

/// The lines of a text, of which there may be more than are shown.
pub(super) fn lines(
    head: String,
    lines: impl ExactSizeIterator<Item = String>,
    most: usize,
) -> String {
    let more = lines.len().saturating_sub(most);
    let mut text = head;
    for line in lines.take(most) {
        text.push('\n');
        text.push_str(&line);
    }
    if more > 0 {
        text.push_str(&format!("\n… and {more} more in the structured result"));
    }
    text
}
