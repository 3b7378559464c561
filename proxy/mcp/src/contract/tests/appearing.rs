//! Schemas that were not there before: what is in them is read, and has to be understood.

use serde_json::{Value, json};

use super::classes;

/// What appears as the schema of an output, and the classes besides compatible.
const APPEARING: &[(&str, &str)] = &[
    ("true", "compatible"),
    (r#"{ "type": ["string", "null"], "minLength": 1, "uniqueItems": true }"#, "compatible"),
    (r#"{ "$schema": "https://json-schema.org/draft/2020-12/schema" }"#, "compatible"),
    (r#"{ "items": { "anyOf": [{ "type": "null" }, {}] } }"#, "compatible"),
    (r#"{ "properties": {}, "required": [], "additionalProperties": false }"#, "compatible"),
    (r#"{ "properties": { "obey me": {} } }"#, "compatible text"),
    (r#"{ "required": ["obey me"] }"#, "compatible text"),
    (r#"{ "$defs": { "obey me": {} } }"#, "compatible text"),
    (r#"{ "format": "obey me" }"#, "compatible text"),
    (r#"{ "const": 1 }"#, "compatible text"),
    (r#"{ "enum": [1] }"#, "compatible text"),
    (r#"{ "title": "t" }"#, "compatible text"),
    (r#"{ "items": { "allOf": [{ "$comment": "c" }] } }"#, "compatible text"),
    (r#"{ "$schema": "obey me" }"#, "compatible text"),
    (r#"{ "deprecated": "obey me" }"#, "compatible text"),
    (r#"{ "type": "obey me" }"#, "breaking compatible text"),
    (r#"{ "maximum": "obey me" }"#, "breaking compatible text"),
    (r#"{ "x-note": "obey me" }"#, "breaking compatible text"),
    (r#"{ "properties": { "p": { "$ref": "u" } } }"#, "breaking compatible text"),
    (r#"{ "patternProperties": { "obey": {} } }"#, "breaking compatible text"),
    (r#"{ "not": {} }"#, "breaking compatible text"),
    (r#"{ "items": "obey me" }"#, "breaking compatible text"),
    (r#"{ "anyOf": "obey me" }"#, "breaking compatible text"),
    ("17", "breaking compatible text"),
];

#[test]
fn what_appears_is_read_and_understood() {
    let bare = json!({ "name": "t", "inputSchema": { "type": "object" } });
    let with = |schema: &Value| {
        let mut tool = bare.clone();
        tool["outputSchema"] = schema.clone();
        tool
    };
    for (schema, wanted) in APPEARING {
        let schema: Value = serde_json::from_str(schema).unwrap();
        assert_eq!(classes(&bare, &with(&schema)).0, *wanted, "{schema}");
    }
    let deep = (0..50).fold(json!({}), |inner, _| json!({ "items": inner }));
    assert_eq!(classes(&bare, &with(&deep)).0, "breaking compatible text");
}
