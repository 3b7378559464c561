//! The arguments of a tool, as typed.
//!
//! Enters: one JSON object, or `key=value` words. Leaves: the raw JSON object. Never: a number that
//! was read and written again, so that a long id stays as it was typed.

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;

/// Pairs that become a JSON object, in the order they were typed.
struct Pairs(Vec<(String, Box<RawValue>)>);

/// The JSON object that the words stand for.
///
/// # Errors
/// A sentence that says what is wrong.
pub(super) fn parse(words: &[String]) -> Result<Box<RawValue>, String> {
    match words {
        [only] if only.trim_start().starts_with(['{', '[']) => object(only),
        _ => pairs(words),
    }
}

/// A duration with its unit: `500ms`, `60s`, `2m`.
///
/// # Errors
/// A sentence that says what is wrong.
pub(super) fn duration(text: &str) -> Result<std::time::Duration, String> {
    use std::time::Duration;
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let wrong = || "write a number and a unit: 500ms, 60s or 2m".to_owned();
    let (number, unit) = text.split_at_checked(digits).ok_or_else(wrong)?;
    let number: u32 = number.parse().map_err(|_| wrong())?;
    let number = u64::from(number);
    let duration = match unit {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number * 60),
        _ => return Err(wrong()),
    };
    if duration.is_zero() { Err("must be longer than nothing".to_owned()) } else { Ok(duration) }
}

// === impl Pairs ===

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

fn object(text: &str) -> Result<Box<RawValue>, String> {
    let raw = serde_json::from_str::<Box<RawValue>>(text.trim())
        .map_err(|error| format!("the arguments are not JSON: {error}"))?;
    if raw.get().starts_with('{') {
        return Ok(raw);
    }
    Err("the arguments are an array; a tool takes an object".to_owned())
}

fn pairs(words: &[String]) -> Result<Box<RawValue>, String> {
    let mut pairs: Vec<(String, Box<RawValue>)> = Vec::with_capacity(words.len());
    for word in words {
        let (key, value) = word
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| format!("`{word}` is neither key=value nor one JSON object"))?;
        if pairs.iter().any(|(known, _)| known == key) {
            return Err(format!("the argument `{key}` is given twice"));
        }
        pairs.push((key.to_owned(), value_of(value)?));
    }
    serde_json::value::to_raw_value(&Pairs(pairs)).map_err(|error| error.to_string())
}

/// The JSON that the text is, else the text as a JSON string.
fn value_of(text: &str) -> Result<Box<RawValue>, String> {
    if let Ok(raw) = serde_json::from_str::<Box<RawValue>>(text.trim()) {
        return Ok(raw);
    }
    serde_json::value::to_raw_value(text).map_err(|error| error.to_string())
}
