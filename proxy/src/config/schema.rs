//! The JSON Schema of the configuration, for editors and for our own checks.
//!
//! In: the types of `file`. Out: JSON Schema 2020-12. It never allows `null`: a
//! key without a value is a mistake here, not a way to say "default".

use serde_json::{Map, Value};

use super::file::File;

/// The schema as pretty JSON, ending in a line feed; committed as
/// `proxy/docs/config.schema.json`.
#[must_use]
pub fn schema() -> String {
    // A tree of strings and numbers: printing it cannot fail.
    let mut text = serde_json::to_string_pretty(&schema_value()).unwrap_or_default();
    text.push('\n');
    text
}

/// The schema as a tree.
pub(crate) fn schema_value() -> Value {
    let mut schema = schemars::schema_for!(File).to_value();
    forbid_null(&mut schema);
    schema
}

/// Removes the `null` that every optional field brings along.
fn forbid_null(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(forbid_null),
        Value::Object(object) => {
            object.retain(|key, value| key != "default" || !value.is_null());
            object.values_mut().for_each(forbid_null);
            narrow_type(object);
            narrow_any_of(object);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `"type": ["string", "null"]` becomes `"type": "string"`.
fn narrow_type(object: &mut Map<String, Value>) {
    let Some(Value::Array(types)) = object.get_mut("type") else { return };
    types.retain(|name| name != "null");
    if let [only] = types.as_slice() {
        let only = only.clone();
        object.insert("type".to_owned(), only);
    }
}

/// `"anyOf": [X, null]` becomes X.
fn narrow_any_of(object: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = object.get("anyOf") else { return };
    let is_null = |choice: &&Value| choice.get("type").is_some_and(|name| name == "null");
    let kept: Vec<Value> = choices.iter().filter(|choice| !is_null(choice)).cloned().collect();
    let [Value::Object(only)] = kept.as_slice() else { return };
    object.remove("anyOf");
    for (key, value) in only {
        object.entry(key.clone()).or_insert_with(|| value.clone());
    }
}
