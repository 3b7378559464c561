//! Where two documents differ.
//!
//! Enters: what is there, and what should be. Leaves: the places, a few of them. Never: a
//! difference in the order of keys, or between 1 and 1.0.

use serde_json::Value;

/// Places that are named; of more only the number is said.
const MOST: usize = 5;

/// The places where they differ; none when they are the same.
pub(super) fn between(there: &Value, wanted: &Value) -> Vec<String> {
    let mut places = Vec::new();
    walk(there, wanted, "", &mut places);
    let more = places.len().saturating_sub(MOST);
    places.truncate(MOST);
    if more > 0 {
        places.push(format!("{more} more"));
    }
    places
}

fn walk(there: &Value, wanted: &Value, at: &str, places: &mut Vec<String>) {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => {
            let more = there.keys().filter(|key| !wanted.contains_key(*key));
            for key in wanted.keys().chain(more) {
                let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                let (there, wanted) = (there.get(key), wanted.get(key));
                walk(there.unwrap_or(&Value::Null), wanted.unwrap_or(&Value::Null), &at, places);
            }
        }
        (Value::Array(there), Value::Array(wanted)) => {
            for n in 0..there.len().max(wanted.len()) {
                let (there, wanted) = (there.get(n), wanted.get(n));
                let at = format!("{at}[{n}]");
                walk(there.unwrap_or(&Value::Null), wanted.unwrap_or(&Value::Null), &at, places);
            }
        }
        (Value::Number(there), Value::Number(wanted)) if there.as_f64() == wanted.as_f64() => {}
        (there, wanted) if there == wanted => {}
        _ => places.push(if at.is_empty() { "all of it".to_owned() } else { at.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    //! Order and number form do not count; places are named, not too many.

    use serde_json::json;

    use super::between;

    #[test]
    fn order_and_form_of_numbers_are_no_difference() {
        let there = json!({"a": 1, "b": [{"x": 2.0, "y": null}]});
        let wanted = json!({"b": [{"x": 2}], "a": 1.0});
        assert!(between(&there, &wanted).is_empty());
    }

    #[test]
    fn each_difference_is_named_by_its_place_up_to_five() {
        let there = json!({"widgets": [{"title": "a"}, {"title": "b"}], "more": 1});
        let wanted = json!({"widgets": [{"title": "a"}, {"title": "c"}, {}]});
        assert_eq!(between(&there, &wanted), ["widgets[1].title", "widgets[2]", "more"]);
        let many = json!([1, 2, 3, 4, 5, 6, 7]);
        let places = between(&many, &json!([]));
        assert_eq!(places.last().unwrap(), "2 more");
        assert_eq!(between(&json!("{"), &many), ["all of it"]);
    }
}
