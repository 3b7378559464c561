//! Schemas from types, and what is said of wrong arguments.

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Checked;
use super::check::WORDS;
use crate::error::Code;
use crate::testing::arguments;
use crate::toolset::Toolset;

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Range {
    Day,
    Week,
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
struct Input {
    /// What to look for. And more.
    #[schemars(length(min = 1, max = 10))]
    query: String,
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 10))]
    max_results: u32,
    range: Option<Range>,
    exact: Option<bool>,
    #[schemars(length(min = 1, max = 2))]
    labels: Option<Vec<String>>,
    depth: Option<f64>,
}

const fn five() -> u32 {
    5
}

fn checked() -> Checked {
    Checked::arguments::<Input>(&[("keywords", "query")])
}

fn read(value: Value) -> Result<Input, String> {
    checked().read(arguments(value)).map_err(|error| {
        assert_eq!(error.code(), Code::InvalidArguments);
        error.message().to_owned()
    })
}

#[test]
fn the_schema_says_what_is_enforced_and_no_more() {
    assert_eq!(
        *checked().schema(),
        json!({
            "type": "object",
            "properties": {
                "query": {
                    "type": "string", "minLength": 1, "maxLength": 10,
                    "description": "What to look for. And more.",
                },
                "max_results": { "type": "integer", "minimum": 1, "maximum": 10, "default": 5 },
                "range": { "type": "string", "enum": ["day", "week"] },
                "exact": { "type": "boolean" },
                "labels": {
                    "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": 2,
                },
                "depth": { "type": "number" },
            },
            "required": ["query"],
            "additionalProperties": false,
        })
    );
}

#[test]
fn good_arguments_are_read() {
    let read = read(json!({
        "keywords": "a", "max_results": 2.0, "range": "week", "exact": null, "labels": ["x"],
    }))
    .unwrap();
    assert_eq!((read.query.as_str(), read.max_results), ("a", 2));
    assert_eq!((read.range, read.exact), (Some(Range::Week), None));
}

#[test]
fn every_mistake_is_told_with_what_would_be_right() {
    for (wrong, told) in [
        (json!({}), "`query` is missing; give a text of 1 to 10 characters (What to look for)."),
        (json!({ "query": "" }), "`query` is \"\", but must be a text of 1 to 10 characters."),
        (
            json!({ "query": 7 }),
            "`query` is 7, but must be a text of 1 to 10 characters; put it in quotes.",
        ),
        (
            json!({ "query": "a", "max_results": "5" }),
            "`max_results` is \"5\", but must be a whole number from 1 to 10; leave the quotes off.",
        ),
        (
            json!({ "query": "a", "max_results": 0 }),
            "`max_results` is 0, but must be a whole number from 1 to 10.",
        ),
        (
            json!({ "query": "a", "range": "month" }),
            "`range` is \"month\", but must be one of \"day\", \"week\".",
        ),
        (
            json!({ "query": "a", "labels": "x" }),
            "`labels` is \"x\", but must be a list of 1 to 2 items; put it in square brackets.",
        ),
        (
            json!({ "query": "a", "labels": [1] }),
            "`labels[0]` is 1, but must be a text; put it in quotes.",
        ),
        (json!({ "quary": "a" }), "there is no argument `quary`"),
        (
            json!({ "query": "a", "maxResults": 3 }),
            "there is no argument `maxResults`; write `max_results` instead.",
        ),
        (json!({ "query": "a", "keywords": "b" }), "`query` and `keywords` are the same"),
    ] {
        let said = read(wrong.clone()).expect_err(&wrong.to_string());
        assert!(said.contains(told), "{wrong}: {said}");
    }
    let said = read(json!({ "max_results": 11, "range": 1, "colour": 2 })).unwrap_err();
    assert_eq!(said.matches("`query` is missing").count(), 1, "{said}");
    assert!(["`max_results`", "`range`", "`colour`"].iter().all(|name| said.contains(name)));
}

/// Every word of every schema of arguments is enforced; a new one needs its check.
pub(crate) fn only_known_words(tools: &Toolset) {
    for definition in tools.definitions() {
        let mut open = vec![definition["inputSchema"].clone(), definition["outputSchema"].clone()];
        while let Some(schema) = open.pop() {
            let Value::Object(members) = schema else { continue };
            for (word, inner) in members {
                assert!(WORDS.contains(&word.as_str()), "{}: `{word}`", definition["name"]);
                match (word.as_str(), inner) {
                    ("properties", Value::Object(all)) => {
                        open.extend(all.into_iter().map(|one| one.1))
                    }
                    ("items" | "additionalProperties", inner) => open.push(inner),
                    _ => {}
                }
            }
        }
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        (1..=10_i64).prop_map(Value::from),
        "day|week".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    /// What the check lets through, the type takes: there is no third answer.
    #[test]
    fn what_fits_the_schema_can_be_read(
        members in prop::collection::btree_map(
            "query|max_results|range|exact|labels|depth", any_value(), 0..6),
    ) {
        let given: Map<String, Value> = members.into_iter().collect();
        if let Err(said) = read(Value::Object(given)) {
            prop_assert!(!said.contains("cannot be read"), "{said}");
        }
    }
}
