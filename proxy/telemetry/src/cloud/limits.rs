//! What CloudWatch takes (API reference of `PutMetricData` and `MetricDatum`, 2026).
//!
//! Enters: datums. Leaves: what is wrong with one; batches that fit into one request. Never: a
//! datum changed: what does not fit is not sent.

use super::Datum;

/// Metrics in one request.
pub(super) const METRICS: usize = 1000;
/// Bytes of one request before it is compressed, with room for what surrounds the datums; the limit
/// is 1 MB, and the reference does not say of which.
pub(super) const BYTES: usize = 900_000;
/// Distinct values of one datum.
pub(super) const VALUES: usize = 150;
const DIMENSIONS: usize = 30;
const NAME: usize = 255;
const DIMENSION_NAME: usize = 255;
const DIMENSION_VALUE: usize = 1024;

/// What CloudWatch would refuse the datum for.
pub(super) fn fault(datum: &Datum) -> Option<&'static str> {
    let Datum { name, dimensions, values, counts, .. } = datum;
    if !is_name(name, NAME) {
        return Some("the name is empty, too long, not ASCII, or begins with a colon");
    }
    if dimensions.len() > DIMENSIONS {
        return Some("more than 30 dimensions");
    }
    if dimensions.iter().any(|(dimension, _)| !is_name(dimension.as_str(), DIMENSION_NAME)) {
        return Some("the name of a dimension is not taken");
    }
    if dimensions.iter().any(|(_, value)| !is_text(value, DIMENSION_VALUE)) {
        return Some("the value of a dimension is empty, longer than 1024, or not plain ASCII");
    }
    if values.is_empty() || values.len() != counts.len() || values.len() > VALUES {
        return Some("no values, more than 150, or not as many counts as values");
    }
    let all = values.iter().chain(counts);
    let largest = 2_f64.powi(360);
    if all.into_iter().any(|number| !number.is_finite() || number.abs() > largest) {
        return Some("a value is not a number, or beyond 2^360");
    }
    counts.iter().any(|count| *count <= 0.0).then_some("a value that occurred never")
}

/// Whether CloudWatch takes the text as the name of a metric or a dimension.
fn is_name(text: &str, most: usize) -> bool {
    is_text(text, most) && !text.starts_with(':')
}

/// ASCII without control characters, and something to see.
fn is_text(text: &str, most: usize) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    plain && text.len() <= most && text.bytes().any(|byte| byte != b' ')
}

/// Bytes that a datum takes in a request, rather too many: nine for each number, and the names of the
/// members.
#[must_use]
pub fn weight(datum: &Datum) -> usize {
    let texts = datum.dimensions.iter().map(|(key, value)| key.as_str().len() + value.len() + 24);
    let numbers = datum.values.len() + datum.counts.len();
    120 + datum.name.len() + datum.unit.len() + texts.sum::<usize>() + numbers * 9
}

/// In batches that one request takes each, in the given order.
#[must_use]
pub fn batches(datums: Vec<Datum>) -> Vec<Vec<Datum>> {
    let mut batches: Vec<Vec<Datum>> = Vec::new();
    let mut room = 0;
    for datum in datums {
        let weight = weight(&datum);
        match batches.last_mut() {
            Some(batch) if batch.len() < METRICS && weight <= room => {
                room -= weight;
                batch.push(datum);
            }
            Some(_) | None => {
                room = BYTES.saturating_sub(weight);
                batches.push(vec![datum]);
            }
        }
    }
    batches
}
