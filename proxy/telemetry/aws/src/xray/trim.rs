//! A document is made to fit.
//!
//! Enters: a document of any size. Leaves: its bytes, at most as many as X-Ray takes. Never: ids,
//! times, name, flags or annotations left out; metadata goes first, then events, then the cause.

use serde_json::{Map, Value};

use super::segment::NAMESPACE;

/// The most that X-Ray takes of one document is 64 kB.
pub(super) const LARGEST: usize = 64_000;
/// What is left of a text when a document is too large, in characters.
const TEXT: usize = 256;
/// What says that something is missing.
const MARK: &str = "trimmed";

/// A document that fits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fitted {
    pub(super) bytes: Vec<u8>,
    /// Whether something was left out.
    pub(super) trimmed: bool,
}

/// Makes it fit; `None` if nothing that may be left out is enough.
pub(super) fn fit(mut document: Map<String, Value>) -> Option<Fitted> {
    let steps: [fn(&mut Map<String, Value>); 5] =
        [|_| {}, shorten, keep_events, drop_metadata, drop_cause];
    for (nth, step) in steps.into_iter().enumerate() {
        step(&mut document);
        let bytes = serde_json::to_vec(&document).ok()?;
        if bytes.len() <= LARGEST {
            return Some(Fitted { bytes, trimmed: nth > 0 });
        }
    }
    None
}

/// The first characters of a text.
pub(super) fn cut(text: &str, longest: usize) -> String {
    let end = text.char_indices().nth(longest).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default().to_owned()
}

/// Long texts of the metadata lose their ends.
fn shorten(document: &mut Map<String, Value>) {
    if let Some(metadata) = metadata(document) {
        metadata.values_mut().for_each(shortened);
        metadata.insert(MARK.into(), "long texts".into());
    }
}

fn shortened(value: &mut Value) {
    match value {
        Value::String(text) => *text = cut(text, TEXT),
        Value::Array(all) => all.iter_mut().for_each(shortened),
        Value::Object(all) => all.values_mut().for_each(shortened),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Of the metadata, events and links stay.
fn keep_events(document: &mut Map<String, Value>) {
    if let Some(metadata) = metadata(document) {
        metadata.retain(|key, _| key == "events" || key == "links");
        metadata.insert(MARK.into(), "attributes".into());
    }
}

fn drop_metadata(document: &mut Map<String, Value>) {
    document.shift_remove("metadata");
}

fn drop_cause(document: &mut Map<String, Value>) {
    document.shift_remove("cause");
}

fn metadata(document: &mut Map<String, Value>) -> Option<&mut Map<String, Value>> {
    document.get_mut("metadata")?.get_mut(NAMESPACE)?.as_object_mut()
}
