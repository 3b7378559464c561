//! JSON as the SDK has it.
//!
//! In and out: the same value, in serde's types and in the SDK's. Never: a number that JSON
//! has no word for.

use aws_smithy_types::{Document, Number};
use serde_json::{Map, Value};

/// A value for the SDK.
pub(super) fn document(value: &Value) -> Document {
    match value {
        Value::Null => Document::Null,
        Value::Bool(is) => Document::Bool(*is),
        Value::Number(number) => Document::Number(number_of(number)),
        Value::String(text) => Document::String(text.clone()),
        Value::Array(items) => Document::Array(items.iter().map(document).collect()),
        Value::Object(map) => object(map),
    }
}

/// An object for the SDK.
pub(super) fn object(map: &Map<String, Value>) -> Document {
    let members = map.iter().map(|(name, value)| (name.clone(), document(value)));
    Document::Object(members.collect())
}

/// A value from the SDK. Members of objects are put in order: the SDK keeps none.
pub(super) fn value(document: Document) -> Value {
    match document {
        Document::Null => Value::Null,
        Document::Bool(is) => Value::Bool(is),
        Document::Number(Number::PosInt(number)) => Value::from(number),
        Document::Number(Number::NegInt(number)) => Value::from(number),
        Document::Number(Number::Float(number)) => Value::from(number),
        Document::String(text) => Value::String(text),
        Document::Array(items) => Value::Array(items.into_iter().map(value).collect()),
        Document::Object(members) => {
            let mut members = members.into_iter().collect::<Vec<_>>();
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            let members = members.into_iter().map(|(name, member)| (name, value(member)));
            Value::Object(members.collect())
        }
    }
}

fn number_of(number: &serde_json::Number) -> Number {
    if let Some(positive) = number.as_u64() {
        return Number::PosInt(positive);
    }
    number
        .as_i64()
        .map_or_else(|| Number::Float(number.as_f64().unwrap_or_default()), Number::NegInt)
}

#[cfg(test)]
mod tests {
    //! There and back.

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{document, value};

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".{0,6}", inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_goes_comes_back(there in any_value()) {
            prop_assert_eq!(value(document(&there)), there);
        }
    }

    #[test]
    fn members_come_back_in_order() {
        let there = json!({ "z": 1, "a": { "y": -2, "b": 0.5 } });
        assert_eq!(value(document(&there)).to_string(), r#"{"a":{"b":0.5,"y":-2},"z":1}"#);
    }
}
