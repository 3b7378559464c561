//! Arguments made of a schema: those that fit it, and those that miss it in one place each.
//!
//! In: JSON Schema in the few words that the tools use. Out: values. What it makes is judged by a
//! validator that nobody here wrote, so it may be as simple as it is.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// What an argument of that name may well be, so that upstreams have something to answer.
const PLAUSIBLE: [(&str, &[&str]); 22] = [
    ("query", &["up", "sum(up)", "fields @message"]),
    ("time", &["now", "now-5m", "2026-01-01T00:00:00Z"]),
    ("start", &["now-1h", "now-30m", "now-1d"]),
    ("end", &["now"]),
    ("step", &["30s", "5m"]),
    ("period", &["1m", "5m"]),
    ("match", &["up", r#"{job=~".+"}"#]),
    ("name", &["job", "Kind", "instance"]),
    ("value", &["a b"]),
    ("metric", &["up", "Orders"]),
    ("workspace", &["ws-0123", "shop"]),
    ("url", &["https://docs.aws.amazon.com/x/a.html"]),
    ("log_groups", &["/shop"]),
    ("namespace", &["Shop", "shop"]),
    ("alarm", &["orders"]),
    ("region", &["us-en", "wt-wt"]),
    ("cluster", &["shop"]),
    ("pod", &["web-1"]),
    ("since", &["5m", "1h"]),
    ("tool", &["eks___list_clusters"]),
    ("target", &["lab"]),
    ("slower", &["1ms"]),
];
/// The longest text that is made for its own sake.
const MOST_TEXT: usize = 24;
/// The most items of a list that is made for its own sake.
const MOST_ITEMS: usize = 3;

/// What an object has to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Members {
    /// All that it may have.
    All,
    /// What it must have, and of the others some.
    Some,
}

/// Values that fit.
pub(crate) fn fitting(schema: &Value, name: &str, members: Members) -> BoxedStrategy<Value> {
    if let Some(choices) = schema["enum"].as_array() {
        return select(choices.clone()).boxed();
    }
    match schema["type"].as_str() {
        Some("string") => text(schema, name),
        Some("integer") => (bound(schema, "minimum", -1000)..=bound(schema, "maximum", 1000))
            .prop_map(Value::from)
            .boxed(),
        Some("number") => (1_u32..100).prop_map(|number| json!(f64::from(number) / 4.0)).boxed(),
        Some("boolean") => any::<bool>().prop_map(Value::from).boxed(),
        Some("array") => {
            let least = size(schema, "minItems", 0);
            let most = size(schema, "maxItems", MOST_ITEMS).min(least.max(1) + MOST_ITEMS);
            let items = fitting(&schema["items"], name, members);
            prop::collection::vec(items, least..=most).prop_map(Value::from).boxed()
        }
        _ => object(schema, members),
    }
}

fn text(schema: &Value, name: &str) -> BoxedStrategy<Value> {
    let (least, most) = (size(schema, "minLength", 0), size(schema, "maxLength", MOST_TEXT));
    let any = prop::collection::vec(any::<char>(), least..=most.min(least + MOST_TEXT))
        .prop_map(|text| Value::from(text.into_iter().collect::<String>()));
    match PLAUSIBLE.iter().find(|(known, _)| *known == name) {
        Some((_, texts)) => {
            prop_oneof![9 => select(*texts).prop_map(Value::from), 1 => any].boxed()
        }
        None => any.boxed(),
    }
}

fn object(schema: &Value, members: Members) -> BoxedStrategy<Value> {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let known = schema["properties"].as_object().cloned().unwrap_or_default();
    let each = known.into_iter().map(|(name, schema)| {
        let must = members == Members::All || required.contains(&json!(name));
        let value = fitting(&schema, &name, members);
        let given = if must { Just(true).boxed() } else { any::<bool>().boxed() };
        (Just(name), given, value)
    });
    let taken = |all: Vec<(String, bool, Value)>| {
        let given = all.into_iter().filter(|(_, given, _)| *given);
        Value::Object(given.map(|(name, _, value)| (name, value)).collect())
    };
    each.collect::<Vec<_>>().prop_map(taken).boxed()
}

/// The value with one thing wrong in it, once for each thing that can be.
pub(super) fn missing(schema: &Value, value: &Value) -> Vec<Value> {
    match value {
        Value::Object(members) => missing_members(schema, members),
        Value::Array(items) => {
            let first = items.first().cloned().unwrap_or(Value::Null);
            let mut wrong = vec![json!({ "not": "a list" })];
            let most = size(schema, "maxItems", usize::MAX);
            if most < 1000 {
                wrong.push(vec![first.clone(); most + 1].into());
            }
            if size(schema, "minItems", 0) > 0 {
                wrong.push(json!([]));
            }
            if !items.is_empty() {
                let firsts = missing(&schema["items"], &first).into_iter();
                wrong.extend(firsts.map(|first| json!([first])));
            }
            wrong
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            missing_scalars(schema)
        }
    }
}

fn missing_members(schema: &Value, members: &Map<String, Value>) -> Vec<Value> {
    let mut wrong = Vec::new();
    let mut with = members.clone();
    with.insert("nobody_knows_this".to_owned(), json!(1));
    wrong.push(Value::Object(with));
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let mut without = members.clone();
        without.shift_remove(name);
        wrong.push(Value::Object(without));
    }
    for (name, value) in members {
        for one in missing(&schema["properties"][name], value) {
            let mut with = members.clone();
            with.insert(name.clone(), one);
            wrong.push(Value::Object(with));
        }
    }
    wrong
}

fn missing_scalars(schema: &Value) -> Vec<Value> {
    let mut wrong = vec![json!({ "not": "this" }), json!([1])];
    if schema["enum"].is_array() {
        wrong.push(json!("none of these"));
        return wrong;
    }
    match schema["type"].as_str() {
        Some("string") => {
            wrong.push(json!(7));
            if size(schema, "minLength", 0) > 0 {
                wrong.push(json!(""));
            }
            if let Some(most) = schema["maxLength"].as_u64() {
                wrong.push("x".repeat(usize::try_from(most).unwrap_or(0) + 1).into());
            }
        }
        Some("integer" | "number") => {
            wrong.push(json!("7"));
            if schema["type"] == "integer" {
                wrong.push(json!(1.5));
            }
            wrong.extend(schema["minimum"].as_i64().map(|least| json!(least - 1)));
            wrong.extend(schema["maximum"].as_i64().map(|most| json!(most + 1)));
        }
        _ => wrong.push(json!("yes")),
    }
    wrong
}

fn bound(schema: &Value, word: &str, otherwise: i64) -> i64 {
    schema[word].as_i64().unwrap_or(otherwise)
}

fn size(schema: &Value, word: &str, otherwise: usize) -> usize {
    schema[word].as_u64().and_then(|size| usize::try_from(size).ok()).unwrap_or(otherwise)
}
