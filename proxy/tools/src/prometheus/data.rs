//! Values as Prometheus writes them.
//!
//! Enters: `data` of a query. Leaves: series with their labels, their values as text, since NaN and
//! the infinities are no JSON. Never: more series or points than were asked for.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The labels of a series.
pub(super) type Labels = BTreeMap<String, String>;

/// `data` of `query` and `query_range`.
#[derive(Debug, Deserialize)]
pub(super) struct Data {
    #[serde(rename = "resultType")]
    pub(super) kind: String,
    pub(super) result: Value,
}

/// An element of a vector or a matrix.
#[derive(Debug, Deserialize)]
pub(super) struct Element {
    #[serde(default)]
    pub(super) metric: Labels,
    pub(super) value: Option<Pair>,
    pub(super) histogram: Option<(f64, Value)>,
    #[serde(default)]
    pub(super) values: Vec<Pair>,
    #[serde(default)]
    pub(super) histograms: Vec<(f64, Value)>,
}

/// A time in seconds since 1970 and a value.
#[derive(Debug, Deserialize)]
pub(super) struct Pair(pub(super) f64, pub(super) String);

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

// === impl OneSeries ===

impl OneSeries {
    pub(super) fn of(element: Element) -> Self {
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
