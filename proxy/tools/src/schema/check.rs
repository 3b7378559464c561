//! Arguments against the schema of a tool.
//!
//! Enters: a schema in the words of `WORDS`, and arguments. Leaves: the arguments, whole numbers
//! written as such and nulls left out; or every mistake, each with what would be right.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::tool::clip;

/// The words of JSON Schema that are enforced, or say something to readers only.
#[cfg(test)]
pub(super) const WORDS: [&str; 16] = [
    "additionalProperties",
    "default",
    "description",
    "enum",
    "examples",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "properties",
    "required",
    "type",
    "exclusiveMinimum",
];

/// Mistakes that are told at once.
const MOST_MISTAKES: usize = 5;
/// Characters of a wrong value that are repeated.
const MOST_SHOWN: usize = 60;
/// The largest whole number that a double holds exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The arguments, if they fit.
///
/// # Errors
/// The sentences for the model.
pub(super) fn arguments(
    schema: &Value,
    arguments: Map<String, Value>,
) -> Result<Map<String, Value>, String> {
    let mut mistakes = Vec::new();
    let arguments = members(schema, arguments, "", &mut mistakes);
    if mistakes.is_empty() {
        return Ok(arguments);
    }
    let more = mistakes.len().saturating_sub(MOST_MISTAKES);
    mistakes.truncate(MOST_MISTAKES);
    let mut text = mistakes.join(". ");
    if more > 0 {
        let _infallible = write!(text, ". There are {more} more mistakes");
    }
    text.push('.');
    Err(text)
}

/// Every mistake in a value; for results, which are checked in tests.
#[cfg(test)]
pub(crate) fn value(schema: &Value, value: Value) -> Vec<String> {
    let mut mistakes = Vec::new();
    one(schema, value, "the result", &mut mistakes);
    mistakes
}

fn members(
    schema: &Value,
    given: Map<String, Value>,
    of: &str,
    mistakes: &mut Vec<String>,
) -> Map<String, Value> {
    let none = Map::new();
    let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    let others = schema.get("additionalProperties").filter(|others| others.is_object());
    let (mut taken, mut meant) = (Map::new(), Vec::new());
    for (name, value) in given {
        let path = joined(of, &name);
        match known.get(&name).or(others) {
            _ if value.is_null() => {}
            Some(wanted) => {
                taken.insert(name, one(wanted, value, &path, mistakes));
            }
            None if closed => {
                let near = known.keys().find(|candidate| is_near(candidate, &name));
                mistakes.push(stranger(&path, near, known));
                meant.extend(near);
            }
            None => {
                taken.insert(name, value);
            }
        }
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if !taken.contains_key(name) && !meant.iter().any(|meant| *meant == name) {
            let wanted = known.get(name).unwrap_or(&Value::Null);
            mistakes.push(format!(
                "{} is missing; give {}",
                quoted(&joined(of, name)),
                with_purpose(wanted)
            ));
        }
    }
    taken
}

/// The value, whole numbers written as such.
fn one(wanted: &Value, value: Value, path: &str, mistakes: &mut Vec<String>) -> Value {
    let kind = wanted.get("type").and_then(Value::as_str).unwrap_or_default();
    match (kind, value) {
        ("object", Value::Object(inner)) => Value::Object(members(wanted, inner, path, mistakes)),
        ("array", Value::Array(inner)) if fits_length(wanted, inner.len()) => {
            let item = wanted.get("items").unwrap_or(&Value::Null);
            let inner = inner.into_iter().enumerate();
            let each =
                inner.map(|(at, value)| one(item, value, &format!("{path}[{at}]"), mistakes));
            Value::Array(each.collect())
        }
        (_, value) => {
            let value = if kind == "integer" { whole(value) } else { value };
            if !fits(wanted, kind, &value) {
                let shown = value.to_string();
                let is_choice = wanted.get("enum").is_some();
                let hint = if is_choice { "" } else { hint(kind, &value) };
                mistakes.push(format!(
                    "{} is {}, but must be {}{hint}",
                    quoted(path),
                    clip(&shown, MOST_SHOWN),
                    description(wanted),
                ));
            }
            value
        }
    }
}

fn fits(wanted: &Value, kind: &str, value: &Value) -> bool {
    let is_kind = match kind {
        "string" => value.as_str().is_some_and(|text| {
            let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
            limit(wanted, "minLength").is_none_or(|least| length >= least)
                && limit(wanted, "maxLength").is_none_or(|most| length <= most)
        }),
        "integer" => (value.is_i64() || value.is_u64()) && in_range(wanted, value),
        "number" => value.is_number() && in_range(wanted, value),
        "boolean" => value.is_boolean(),
        // Told apart above.
        "object" | "array" => false,
        _ => true,
    };
    let choices = wanted.get("enum").and_then(Value::as_array);
    is_kind && choices.is_none_or(|choices| choices.contains(value))
}

fn in_range(wanted: &Value, value: &Value) -> bool {
    let bound = |word: &str| wanted.get(word).and_then(Value::as_f64);
    let Some(number) = value.as_f64() else { return false };
    bound("minimum").is_none_or(|least| number >= least)
        && bound("exclusiveMinimum").is_none_or(|below| number > below)
        && bound("maximum").is_none_or(|most| number <= most)
}

fn fits_length(wanted: &Value, length: usize) -> bool {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    limit(wanted, "minItems").is_none_or(|least| length >= least)
        && limit(wanted, "maxItems").is_none_or(|most| length <= most)
}

fn limit(wanted: &Value, word: &str) -> Option<u64> {
    wanted.get(word).and_then(Value::as_u64)
}

/// JSON Schema counts 2.0 as a whole number.
fn whole(value: Value) -> Value {
    if value.is_i64() || value.is_u64() {
        return value;
    }
    let number = value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() <= EXACT);
    number.and_then(|number| format!("{number:.0}").parse::<i64>().ok()).map_or(value, Value::from)
}

/// What a value must be, to stand behind "must be".
fn description(wanted: &Value) -> String {
    if let Some(choices) = wanted.get("enum").and_then(Value::as_array) {
        let choices: Vec<String> = choices.iter().map(Value::to_string).collect();
        return format!("one of {}", choices.join(", "));
    }
    let range = |least: &str, most: &str| {
        let bound = |word: &str| wanted.get(word).map(Value::to_string);
        match (bound(least), bound(most)) {
            (Some(least), Some(most)) => format!(" from {least} to {most}"),
            (Some(least), None) => format!(" of at least {least}"),
            (None, Some(most)) => format!(" of at most {most}"),
            (None, None) => String::new(),
        }
    };
    let length = |what: &str, least: &str, most: &str| match (
        limit(wanted, least).filter(|least| *least > 0),
        limit(wanted, most),
    ) {
        (Some(least), Some(most)) => format!(" of {least} to {most} {what}"),
        (Some(least), None) => format!(" of at least {least} {what}"),
        (None, Some(most)) => format!(" of at most {most} {what}"),
        (None, None) => String::new(),
    };
    match wanted.get("type").and_then(Value::as_str).unwrap_or_default() {
        "string" => format!("a text{}", length("characters", "minLength", "maxLength")),
        "integer" => format!("a whole number{}", range("minimum", "maximum")),
        "number" => format!("a number{}", range("minimum", "maximum")),
        "boolean" => "true or false".to_owned(),
        "array" => format!("a list{}", length("items", "minItems", "maxItems")),
        "object" => "an object".to_owned(),
        _ => "something else".to_owned(),
    }
}

/// The same, with what it is for.
fn with_purpose(wanted: &Value) -> String {
    let what = description(wanted);
    let purpose = wanted.get("description").and_then(Value::as_str).unwrap_or_default();
    let sentence = purpose.split_inclusive(['.', '\n']).next().unwrap_or_default();
    let sentence = sentence.trim().trim_end_matches('.');
    if sentence.is_empty() { what } else { format!("{what} ({sentence})") }
}

/// What is often meant by a value of another kind.
fn hint(kind: &str, value: &Value) -> &'static str {
    match (kind, value) {
        ("integer" | "number", Value::String(text)) if text.trim().parse::<f64>().is_ok() => {
            "; leave the quotes off"
        }
        ("boolean", Value::String(_)) => "; leave the quotes off",
        ("array", Value::String(_)) => "; put it in square brackets",
        ("string", Value::Number(_)) => "; put it in quotes",
        _ => "",
    }
}

fn stranger(path: &str, near: Option<&String>, known: &Map<String, Value>) -> String {
    let names = known.keys().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    match (near, names.is_empty()) {
        (Some(near), _) => {
            format!("there is no argument {}; write {} instead", quoted(path), quoted(near))
        }
        (None, true) => format!("there is no argument {}; it takes none", quoted(path)),
        (None, false) => format!("there is no argument {}; it takes {names}", quoted(path)),
    }
}

/// Whether two names differ in their spelling only.
fn is_near(one: &str, other: &str) -> bool {
    let letters = |name: &str| {
        let letters = name.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|letter| letter.to_ascii_lowercase()).collect::<String>()
    };
    let (one, other) = (letters(one), letters(other));
    one == other || one.trim_end_matches('s') == other.trim_end_matches('s')
}

fn quoted(name: &str) -> String {
    format!("`{}`", clip(name, MOST_SHOWN))
}

fn joined(of: &str, name: &str) -> String {
    if of.is_empty() { name.to_owned() } else { format!("{of}.{name}") }
}
