//! The comments of the schema name the defaults; these tests hold them to it.

use serde_json::{Map, Value, json};

use super::super::schema::schema_value;
use super::config;

/// What `{ key: VALUE }` a mapping's descriptions promise, nested blocks included.
fn promised(root: &Value, schema: &Value) -> Map<String, Value> {
    let mut out = Map::new();
    for (key, property) in schema["properties"].as_object().unwrap() {
        let text = property["description"].as_str().unwrap_or_default();
        if let Some((_, tail)) = text.split_once("Default `") {
            let word = tail.split('`').next().unwrap();
            let value = serde_json::from_str(word).unwrap_or_else(|_| json!(word));
            out.insert(key.clone(), value);
            continue;
        }
        let name = property["$ref"].as_str().and_then(|r| r.strip_prefix("#/$defs/"));
        // A block that must have some key is not there by default.
        let whole = |block: &&Value| {
            block["properties"].is_object()
                && block["required"].as_array().is_none_or(Vec::is_empty)
        };
        let block = name.map(|name| &root["$defs"][name]).filter(whole);
        if let Some(block) = block {
            let inner = promised(root, block);
            if !inner.is_empty() {
                out.insert(key.clone(), Value::Object(inner));
            }
        }
    }
    out
}

fn with_auth_and_target(mut file: Map<String, Value>) -> String {
    file.insert("auth".to_owned(), json!({ "anonymous": true }));
    file.insert(
        "targets".to_owned(),
        json!({ "web": { "mcp": { "url": "https://a.example/mcp" } } }),
    );
    Value::Object(file).to_string()
}

#[test]
fn writing_every_documented_default_changes_nothing() {
    let schema = schema_value();
    let defaults = promised(&schema, &schema);
    let words = Value::Object(defaults.clone()).to_string();
    for key in ["listen", "cached_tokens", "breaker", "multiplier", "grace", "lifetime"] {
        assert!(words.contains(key), "no default for {key} in {words}");
    }
    let silent = config(&with_auth_and_target(Map::new()));
    let explicit = config(&with_auth_and_target(defaults));
    assert_eq!(format!("{explicit:#?}"), format!("{silent:#?}"));
}

#[test]
fn every_count_has_both_bounds_so_that_no_number_overflows() {
    let schema = schema_value();
    let definitions = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for (key, property) in definitions.filter_map(|part| part["properties"].as_object()).flatten() {
        if property["type"] == "integer" || property["type"] == "number" {
            assert!(property["maximum"].is_number(), "{key} has no maximum: {property}");
            assert!(property["minimum"].is_number(), "{key} has no minimum: {property}");
        }
    }
}

#[test]
fn the_schema_never_allows_null_and_describes_every_key() {
    let schema = schema_value();
    assert!(!schema.to_string().contains("null"), "{schema:#}");
    let definitions = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for (key, property) in definitions.filter_map(|part| part["properties"].as_object()).flatten() {
        assert!(property["description"].is_string(), "{key} has no description");
    }
}
