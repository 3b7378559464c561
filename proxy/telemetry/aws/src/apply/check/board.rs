//! The rules of dashboards (`PutDashboard`, and the structure of its body).
//!
//! Enters: a body. Leaves: faults, by widget. Never: a widget that CloudWatch would show empty
//! without a word about it, as far as that can be told from here.

use serde_json::{Map, Value};

use super::{Faults, NAME, is_extended, is_id, is_period, is_plain};

/// Widgets of a dashboard, metrics of a widget, and of all widgets together.
const WIDGETS: usize = 500;
const METRICS: usize = 500;
const ALL_METRICS: usize = 2500;
/// The grid: columns, and rows of one widget.
const COLUMNS: u64 = 24;
const ROWS: u64 = 1000;
/// Dimensions of a metric.
const DIMENSIONS: usize = 30;

const BODY: &[&str] = &["start", "end", "periodOverride", "widgets", "variables"];
const WIDGET: &[&str] = &["type", "x", "y", "width", "height", "properties"];
const TYPES: &[&str] = &["metric", "log", "text", "alarm", "explorer", "chart"];
const VIEWS: &[&str] = &["timeSeries", "singleValue", "gauge", "bar", "pie", "table"];
const PROPERTIES: &[&str] = &[
    "title",
    "region",
    "accountId",
    "view",
    "stacked",
    "period",
    "stat",
    "metrics",
    "yAxis",
    "annotations",
    "legend",
    "liveData",
    "sparkline",
    "trend",
    "setPeriodToTimeRange",
    "singleValueFullPrecision",
    "table",
    "timezone",
];

pub(super) fn check(body: &Value, faults: &mut Faults<'_>) {
    let name = faults.of;
    let fits = (1..=NAME).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    faults.demand(fits, "a name has 1 to 255 letters, digits, hyphens and underscores");
    let (Some(fields), Some(widgets)) = (body.as_object(), body["widgets"].as_array()) else {
        faults.demand(false, "a body is an object with a list of widgets");
        return;
    };
    known(fields, BODY, "", faults);
    faults.demand(widgets.len() <= WIDGETS, "a dashboard has at most 500 widgets");
    let mut all = 0;
    for (n, widget) in widgets.iter().enumerate() {
        let place = format!("widgets[{n}]");
        let Some(fields) = widget.as_object() else {
            faults.demand_at(&place, false, "a widget is an object");
            continue;
        };
        known(fields, WIDGET, &place, faults);
        grid(widget, &place, faults);
        all += properties(widget, &place, faults);
    }
    faults.demand(all <= ALL_METRICS, "a dashboard has at most 2500 metrics");
}

fn known(fields: &Map<String, Value>, keys: &[&str], place: &str, faults: &mut Faults<'_>) {
    for key in fields.keys().filter(|key| !keys.contains(&key.as_str())) {
        faults.demand_at(place, false, &format!("`{key}` is no key there"));
    }
}

fn grid(widget: &Value, place: &str, faults: &mut Faults<'_>) {
    let number = |key: &str| widget[key].as_u64();
    let (x, y) = (number("x"), number("y"));
    let (width, height) = (number("width"), number("height"));
    let wide = width.is_some_and(|width| (1..=COLUMNS).contains(&width));
    faults.demand_at(place, wide, "width is from 1 to 24");
    let high = height.is_some_and(|height| (1..=ROWS).contains(&height));
    faults.demand_at(place, high, "height is from 1 to 1000");
    faults.demand_at(place, y.is_some(), "y is a whole number from 0");
    let ends =
        x.zip(width).is_some_and(|(x, width)| x < COLUMNS && x.saturating_add(width) <= COLUMNS);
    faults.demand_at(place, ends, "x and width stay within 24 columns");
}

/// Gives back how many metrics it has.
fn properties(widget: &Value, place: &str, faults: &mut Faults<'_>) -> usize {
    let kind = widget["type"].as_str().unwrap_or_default();
    faults.demand_at(
        place,
        TYPES.contains(&kind),
        "type is metric, log, text, alarm, explorer or chart",
    );
    let Some(fields) = widget["properties"].as_object() else {
        faults.demand_at(place, false, "a widget has properties");
        return 0;
    };
    let text = |key: &str| fields.get(key).and_then(Value::as_str).is_some_and(|s| !s.is_empty());
    match kind {
        "metric" => {
            faults.demand_at(place, text("region"), "a metric widget names its region");
            known(fields, PROPERTIES, place, faults);
            metrics(fields, place, faults)
        }
        "log" => {
            faults.demand_at(place, text("region"), "a log widget names its region");
            faults.demand_at(place, text("query"), "a log widget has a query");
            0
        }
        "text" => {
            faults.demand_at(place, text("markdown"), "a text widget has markdown");
            0
        }
        _ => 0,
    }
}

fn metrics(fields: &Map<String, Value>, place: &str, faults: &mut Faults<'_>) -> usize {
    let view = fields.get("view").is_none_or(|view| one_of(view, VIEWS));
    faults.demand_at(place, view, "view is timeSeries, singleValue, gauge, bar, pie or table");
    let alarms = fields.get("annotations").is_some_and(|a| a["alarms"].is_array());
    let rows = fields.get("metrics").and_then(Value::as_array).filter(|rows| !rows.is_empty());
    faults.demand_at(place, rows.is_some() != alarms, "a widget shows metrics, or an alarm");
    timing(&Value::Object(fields.clone()), place, faults);
    let Some(rows) = rows else { return 0 };
    faults.demand_at(place, rows.len() <= METRICS, "a widget has at most 500 metrics");
    let (mut ids, mut shown) = (Vec::new(), false);
    for (n, row) in rows.iter().enumerate() {
        let place = format!("{place}.metrics[{n}]");
        let options = line(row, &place, faults);
        shown |= options.is_none_or(|options| options["visible"] != false);
        let Some(id) = options.and_then(|options| options["id"].as_str()) else { continue };
        faults.demand_at(&place, is_id(id), "an id begins with a small letter");
        faults.demand_at(&place, !ids.contains(&id), "an id is there once");
        ids.push(id);
    }
    faults.demand_at(place, shown, "one metric at least is visible");
    rows.len()
}

/// A row: namespace, name, dimensions in pairs, options; or an expression alone. Gives its options.
fn line<'a>(row: &'a Value, place: &str, faults: &mut Faults<'_>) -> Option<&'a Value> {
    let parts = row.as_array().map(Vec::as_slice).unwrap_or_default();
    let options = parts.last().filter(|last| last.is_object());
    let texts = parts.len() - usize::from(options.is_some());
    let words = parts.iter().take(texts).all(|part| part.as_str().is_some_and(|s| !s.is_empty()));
    faults.demand_at(place, words, "a metric is a list of texts, and options at its end");
    let expression = options.is_some_and(|options| options["expression"].is_string());
    let metric = texts >= 2 && texts.is_multiple_of(2) && texts <= 2 + 2 * DIMENSIONS;
    let either = if expression { texts == 0 } else { metric };
    faults.demand_at(place, either, "namespace, name and pairs of dimensions, or an expression");
    if let Some(options) = options {
        timing(options, place, faults);
    }
    options
}

/// Periods and statistics.
fn timing(of: &Value, place: &str, faults: &mut Faults<'_>) {
    let period = of.get("period").is_none_or(|period| period.as_i64().is_some_and(is_period));
    faults.demand_at(place, period, "a period is 10, 20, 30 or a multiple of 60 seconds");
    let stat = of
        .get("stat")
        .is_none_or(|stat| stat.as_str().is_some_and(|stat| is_plain(stat) || is_extended(stat)));
    faults.demand_at(place, stat, "stat is a statistic, or a percentile such as p95");
}

fn one_of(value: &Value, words: &[&str]) -> bool {
    value.as_str().is_some_and(|word| words.contains(&word))
}
