//! A minute's numbers as lines of the Embedded Metric Format.
//!
//! Enters: datums of one minute. Leaves: one JSON object a line, as the specification has it
//! (CloudWatch user guide, "Specification: Embedded metric format"); distributions are objects of
//! `Values` and `Counts`, as AWS's own library `metrique` writes them (awslabs/metrique,
//! metrique-writer-format-emf). Never: more than 100 metrics in a directive, or a line of 256 KB.

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use serde_json::{Map, Value, json};

use super::Datum;

/// Metrics in one directive.
pub(super) const METRICS: usize = 100;
/// Distinct values of one metric.
pub(super) const VALUES: usize = 100;
/// Bytes of one line; an event of CloudWatch Logs has room for 256 KB, some of it for what it adds.
pub(super) const BYTES: usize = 240_000;

/// The lines, each with its end.
pub(super) fn lines(namespace: &str, datums: &[Datum]) -> String {
    let mut groups: BTreeMap<Vec<(&str, &str)>, Vec<&Datum>> = BTreeMap::new();
    for datum in datums {
        let dimensions = datum.dimensions.iter().map(|(key, value)| (key.as_str(), &**value));
        groups.entry(dimensions.collect()).or_default().push(datum);
    }
    let mut text = String::new();
    for group in groups.values() {
        for part in group.chunks(METRICS) {
            write(&mut text, namespace, part);
        }
    }
    text
}

/// Writes metrics with the same dimensions, in as many lines as they need.
fn write(text: &mut String, namespace: &str, part: &[&Datum]) {
    let line = line(namespace, part).to_string();
    let halves = part.split_at_checked(part.len() / 2);
    if let Some((first, second)) = halves.filter(|_| line.len() >= BYTES && part.len() > 1) {
        write(text, namespace, first);
        write(text, namespace, second);
        return;
    }
    text.push_str(&line);
    text.push('\n');
}

fn line(namespace: &str, part: &[&Datum]) -> Value {
    let mut root = Map::new();
    root.insert("_aws".to_owned(), Value::Null);
    let first = part.first();
    let dimensions: Vec<&str> = first
        .map(|datum| datum.dimensions.iter().map(|(key, _)| key.as_str()).collect())
        .unwrap_or_default();
    for (key, value) in first.iter().flat_map(|datum| &datum.dimensions) {
        root.insert(key.as_str().to_owned(), json!(value));
    }
    let mut metrics = Vec::new();
    for datum in part {
        metrics.push(json!({ "Name": datum.name, "Unit": datum.unit }));
        root.insert(datum.name.to_owned(), numbers(datum));
    }
    let at = first.and_then(|datum| datum.at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let directive = json!({
        "Namespace": namespace, "Dimensions": [dimensions], "Metrics": metrics,
    });
    let head = json!({
        "Timestamp": u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
        "CloudWatchMetrics": [directive],
    });
    root.insert("_aws".to_owned(), head);
    Value::Object(root)
}

fn numbers(datum: &Datum) -> Value {
    match (&datum.values[..], &datum.counts[..]) {
        ([value], [count]) if count.total_cmp(&1.0).is_eq() => json!(value),
        (values, counts) => json!({ "Values": values, "Counts": counts }),
    }
}
