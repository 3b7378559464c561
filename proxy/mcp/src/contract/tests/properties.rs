//! What holds of all definitions.

use proptest::prelude::{
    Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use serde_json::{Map, Value, json};
use toolgate_telemetry::ContractChange;

use crate::contract::{Definition, canonical, classify};

/// Any JSON, small.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e6_f64..1e6).prop_map(Value::from),
        "[a-z\u{e9}\u{1f600}\"\\\\\n]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("[a-z]{1,3}", inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Any schema made of what is known, and now and then of what is not.
fn schema() -> impl Strategy<Value = Value> {
    let keyword = prop_oneof![
        ("(title|description|pattern|format|\\$ref|unknown)", "[ab]{1,2}")
            .prop_map(|(key, text)| (key, Value::from(text))),
        ("(minLength|maxLength|minimum|maximum)", 0..3_u8).prop_map(|(key, n)| (key, json!(n))),
        prop::sample::subsequence(vec!["string", "null", "number", "integer"], 1..4)
            .prop_map(|types| ("type".to_owned(), json!(types))),
        prop::sample::subsequence(vec!["a", "b", "c"], 1..3)
            .prop_map(|words| ("enum".to_owned(), json!(words))),
        any::<bool>().prop_map(|open| ("additionalProperties".to_owned(), json!(open))),
        prop::sample::subsequence(vec!["p", "q"], 0..2)
            .prop_map(|names| ("required".to_owned(), json!(names))),
    ];
    let flat = prop::collection::vec(keyword, 0..4)
        .prop_map(|members| Value::Object(members.into_iter().collect()));
    flat.prop_recursive(3, 24, 3, |inner| {
        let inner = prop::collection::vec(("[pqr]", inner), 0..3);
        (prop_oneof![Just("properties"), Just("$defs"), Just("anyOf"), Just("oneOf")], inner)
            .prop_map(|(key, members)| {
                if key.ends_with("Of") {
                    let all: Vec<Value> = members.into_iter().map(|(_, schema)| schema).collect();
                    json!({ "type": "object", key: all })
                } else {
                    let members: Map<String, Value> = members.into_iter().collect();
                    json!({ "type": "object", key: members })
                }
            })
    })
}

fn tool() -> impl Strategy<Value = Value> {
    let hints = prop_oneof![
        Just(json!({})),
        ("(readOnly|destructive|idempotent|openWorld|other)Hint", any::<bool>())
            .prop_map(|(hint, said)| json!({ hint: said })),
    ];
    (schema(), prop::option::of(schema()), hints, "[ab]{0,2}").prop_map(
        |(input, output, hints, text)| {
            let mut tool = json!({
                "name": "t", "description": text, "inputSchema": input, "annotations": hints,
            });
            if let (Some(tool), Some(output)) = (tool.as_object_mut(), output) {
                tool.insert("outputSchema".to_owned(), output);
            }
            tool
        },
    )
}

/// The same value with its members in another order.
fn shuffled(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            members.iter().rev().map(|(key, value)| (key.clone(), shuffled(value))).collect()
        }
        Value::Array(items) => items.iter().map(shuffled).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// The same value but for its `n`th leaf; `None`: it has not so many.
fn altered(value: &Value, n: &mut usize) -> Option<Value> {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let mut members = members.clone();
            members.values_mut().find_map(|value| altered(value, n).map(|new| *value = new))?;
            Some(Value::Object(members))
        }
        Value::Array(items) if !items.is_empty() => {
            let mut items = items.clone();
            items.iter_mut().find_map(|value| altered(value, n).map(|new| *value = new))?;
            Some(Value::Array(items))
        }
        _ if *n > 0 => {
            *n -= 1;
            None
        }
        Value::Number(number) => Some(json!(number.as_f64().unwrap_or_default() / 2.0 + 1.5)),
        Value::Bool(said) => Some(json!(!said)),
        Value::String(text) => Some(json!(format!("{text}."))),
        Value::Null | Value::Array(_) | Value::Object(_) => Some(json!("other")),
    }
}

proptest! {
    #[test]
    fn order_of_members_and_space_change_nothing(value in json_value()) {
        let pretty = serde_json::to_vec_pretty(&shuffled(&value)).unwrap();
        let read = Definition::read(&pretty);
        prop_assert!(read.value().is_ok());
        prop_assert_eq!(read.hash(), Definition::of(value.clone()).hash());
        // And it is JSON, of the same value, in its own canonical form.
        let again: Value = serde_json::from_slice(&canonical(&value)).unwrap();
        prop_assert_eq!(canonical(&again), canonical(&value));
    }

    #[test]
    fn any_value_that_changes_changes_the_hash(value in json_value(), n in 0..20_usize) {
        let mut n = n;
        if let Some(other) = altered(&value, &mut n) {
            prop_assert!(Definition::of(other.clone()).hash() != Definition::of(value).hash(), "{other}");
        }
    }

    #[test]
    fn the_same_is_no_change_and_another_hash_always_is_one(old in tool(), new in tool()) {
        let (old, new) = (Definition::of(old), Definition::of(new));
        let same = Definition::of(shuffled(old.value().unwrap()));
        prop_assert!(classify(&old, &same).classes.is_empty());
        prop_assert_eq!(classify(&old, &new).classes.is_empty(), old.hash() == new.hash());
    }

    #[test]
    fn text_never_hides_another_class(old in tool(), new in tool(), text in "[a-z ]{1,20}") {
        let plain = classify(&Definition::of(old.clone()), &Definition::of(new.clone())).classes;
        let mut worded = new;
        worded["description"] = json!(format!("another one: {text}"));
        worded["inputSchema"]["title"] = json!(format!("another one: {text}"));
        let both = classify(&Definition::of(old), &Definition::of(worded)).classes;
        prop_assert!(both.has(ContractChange::Text));
        for class in plain.iter() {
            prop_assert!(both.has(class), "{:?} hides {:?}", both, class);
        }
    }

    #[test]
    fn a_keyword_that_nobody_knows_is_breaking(tool in tool(), key in "[a-z]{3}X", value in json_value()) {
        let mut other = tool.clone();
        other["inputSchema"][&key] = value;
        let change = classify(&Definition::of(tool), &Definition::of(other));
        prop_assert_eq!(change.classes.worst(), Some(ContractChange::Breaking));
    }
}
