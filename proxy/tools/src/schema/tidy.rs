//! A generated schema in the few words that are enforced here.
//!
//! Enters: what is derived from a type. Leaves: the same without `$schema`, titles, formats of
//! numbers and `null`; an argument that is not given is left out, so it need not be null.

use serde_json::{Map, Value};

/// The schema of arguments: no others may be there.
pub(super) fn arguments(schema: Value) -> Value {
    root(schema, true)
}

/// The schema of results.
pub(super) fn results(schema: Value) -> Value {
    root(schema, false)
}

fn root(schema: Value, closed: bool) -> Value {
    let mut schema = tidy(schema, closed);
    if let Some(members) = schema.as_object_mut() {
        members.remove("description");
        members.entry("type").or_insert_with(|| "object".into());
        if closed {
            members.entry("properties").or_insert_with(|| Value::Object(Map::new()));
            members.insert("additionalProperties".into(), false.into());
        }
    }
    schema
}

fn tidy(schema: Value, closed: bool) -> Value {
    let Value::Object(members) = schema else { return schema };
    let mut members = without_null(members);
    for word in ["$schema", "title"] {
        members.remove(word);
    }
    if is_number(&members) {
        members.remove("format");
    }
    for word in ["items", "additionalProperties"] {
        if let Some(inner) = members.remove(word) {
            members.insert(word.into(), tidy(inner, closed));
        }
    }
    if let Some(Value::Object(properties)) = members.remove("properties") {
        let properties = properties.into_iter().map(|(name, one)| (name, tidy(one, closed)));
        members.insert("properties".into(), Value::Object(properties.collect()));
        if closed {
            members.insert("additionalProperties".into(), false.into());
        }
    }
    Value::Object(members)
}

/// What may be null is left out instead.
fn without_null(mut members: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Array(types)) = members.get("type") {
        let others: Vec<Value> = types.iter().filter(|kind| *kind != "null").cloned().collect();
        if let [one] = others.as_slice() {
            members.insert("type".into(), one.clone());
        }
    }
    if let Some(Value::Array(values)) = members.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if members.get("default").is_some_and(Value::is_null) {
        members.remove("default");
    }
    if let Some(Value::Array(choices)) = members.get("anyOf") {
        let is_null = |choice: &Value| choice.get("type").is_some_and(|kind| kind == "null");
        let others: Vec<&Value> = choices.iter().filter(|choice| !is_null(choice)).collect();
        if let [Value::Object(one)] = others.as_slice() {
            let one = one.clone();
            members.remove("anyOf");
            for (word, value) in one {
                members.entry(word).or_insert(value);
            }
        }
    }
    members
}

fn is_number(members: &Map<String, Value>) -> bool {
    members.get("type").is_some_and(|kind| kind == "integer" || kind == "number")
}
