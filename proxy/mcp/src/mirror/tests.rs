//! Which schemas are good, which headers agree, and what a target is sent.

use bytes::Bytes;
use serde_json::{Value, json, value::to_raw_value};
use toolgate_call::{Case, Frame, FrameParts, Mirrored};

use super::{Mirror, mirrored, read};

fn schema(properties: &Value) -> Result<Vec<Mirror>, String> {
    read(&to_raw_value(&json!({ "type": "object", "properties": properties })).unwrap())
}

fn mirror(name: &str, path: &[&str]) -> Mirror {
    Mirror { name: name.into(), path: path.iter().map(|name| Box::from(*name)).collect() }
}

#[test]
fn names_lead_to_every_annotation_of_a_good_schema() {
    let good = json!({
        "region": { "type": "string", "x-mcp-header": "Region" },
        "deep": { "type": "object", "properties": {
            "count": { "type": "integer", "x-mcp-header": "X-Count" },
        } },
        "x-mcp-header": { "type": "string" },
        "plain": { "type": "string", "default": { "x-mcp-header": "not one" } },
    });
    let found = schema(&good).unwrap();
    assert_eq!(found, [mirror("region", &["region"]), mirror("x-count", &["deep", "count"])]);
    assert_eq!(schema(&json!({ "a": { "type": "number" } })).unwrap(), []);
}

#[test]
fn a_bad_annotation_makes_the_tool_unusable() {
    let string = |name: Value| json!({ "a": { "type": "string", "x-mcp-header": name } });
    let bad = [
        string(json!("")),
        string(json!("two words")),
        string(json!("gr\u{fc}n")),
        string(json!(7)),
        json!({ "a": { "type": "number", "x-mcp-header": "A" } }),
        json!({ "a": { "type": ["string", "null"], "x-mcp-header": "A" } }),
        json!({ "a": { "x-mcp-header": "A" } }),
        json!({ "a": { "type": "array", "items": { "type": "string", "x-mcp-header": "A" } } }),
        json!({ "a": { "anyOf": [{ "type": "string", "x-mcp-header": "A" }] } }),
        json!({ "a": { "anyOf": [{ "properties": {
            "b": { "type": "string", "x-mcp-header": "A" },
        } }] } }),
        json!({
            "a": { "type": "string", "x-mcp-header": "Same" },
            "b": { "type": "string", "x-mcp-header": "sAME" },
        }),
    ];
    for properties in bad {
        assert!(schema(&properties).is_err(), "{properties}");
    }
    let root = json!({ "type": "object", "x-mcp-header": "Root" });
    assert!(read(&to_raw_value(&root).unwrap()).is_err());
}

fn frame(arguments: &str) -> Frame {
    let body = format!(r#"{{"params":{{"name":"t","arguments":{arguments}}}}}"#);
    Frame::new(Bytes::from(body), FrameParts::default())
}

fn header(name: &str, value: &str) -> Mirrored {
    Mirrored { name: name.into(), value: Some(value.into()) }
}

fn checked(arguments: &str, sent: &[Mirrored]) -> Result<Vec<Mirrored>, Case> {
    let mirrors = [mirror("a", &["a"]), mirror("b", &["deep", "b"])];
    mirrored(&mirrors, &frame(arguments), sent, true).map_err(|refusal| refusal.case())
}

#[test]
fn what_agrees_passes_and_is_sent_on() {
    let fine = [
        (r#"{"a":"x"}"#, "x", "x"),
        (r#"{"a":""}"#, "", ""),
        (r#"{"a":"gr\u00fcn"}"#, "=?base64?Z3LDvG4=?=", "gr\u{fc}n"),
        (r#"{"a":"=?BASE64?x?="}"#, "=?BASE64?x?=", "=?BASE64?x?="),
        (r#"{"a":42}"#, "42.0", "42"),
        (r#"{"a":42.0}"#, "42", "42"),
        (r#"{"a":4.2e1}"#, "42", "42"),
        (r#"{"a":-7}"#, "-7", "-7"),
        (
            r#"{"a":170141183460469231731687303715884105}"#,
            "170141183460469231731687303715884105",
            "170141183460469231731687303715884105",
        ),
        (r#"{"a":true}"#, "true", "true"),
    ];
    for (arguments, sent, passed) in fine {
        let found = checked(arguments, &[header("a", sent)]);
        assert_eq!(found, Ok(vec![header("a", passed)]), "{arguments}");
    }
    for nothing in ["{}", r#"{"a":null}"#, r#"{"a":{}}"#, r#"{"deep":7}"#, "[]", "null"] {
        assert_eq!(checked(nothing, &[]), Ok(vec![]), "{nothing}");
    }
    let deep = checked(r#"{"deep":{"b":false}}"#, &[header("b", "false"), header("other", "1")]);
    assert_eq!(deep, Ok(vec![header("other", "1"), header("b", "false")]), "unknown ones as well");
    let unknown = [header("other", "=?base64?Z3LDvG4=?="), header("bad", "=?base64?!?=")];
    assert_eq!(checked("{}", &unknown), Ok(vec![header("other", "gr\u{fc}n")]), "decoded");
}

#[test]
fn what_does_not_agree_is_refused() {
    let ascii = Mirrored { name: "a".into(), value: None };
    let bad = [
        (r#"{"a":"x"}"#, vec![]),
        (r#"{"a":"x"}"#, vec![header("a", "y")]),
        (r#"{"a":"x"}"#, vec![header("a", "x"), header("a", "x")]),
        (r#"{"a":"x"}"#, vec![ascii]),
        (r#"{"a":"x"}"#, vec![header("a", "=?base64?%%?=")]),
        (r#"{"a":"x"}"#, vec![header("a", "=?base64?/w==?=")]),
        (r#"{"a":null}"#, vec![header("a", "null")]),
        ("{}", vec![header("a", "")]),
        (r#"{"a":true}"#, vec![header("a", "True")]),
        (r#"{"a":42}"#, vec![header("a", "43")]),
        (r#"{"a":42}"#, vec![header("a", "+42")]),
        (r#"{"a":9007199254740993}"#, vec![header("a", "9007199254740992")]),
        (r#"{"deep":{"b":"x"}}"#, vec![header("a", "x")]),
    ];
    for (arguments, sent) in bad {
        assert_eq!(checked(arguments, &sent), Err(Case::HeaderMismatch), "{arguments} {sent:?}");
    }
    let twice = checked(r#"{"a":"x","a":"y"}"#, &[header("a", "x")]);
    assert_eq!(twice, Err(Case::ParamsInvalid), "judged on one value, executed on the other");
}

#[test]
fn a_caller_without_headers_of_its_own_is_not_asked_for_them() {
    let mirrors = [mirror("a", &["a"])];
    let made = mirrored(&mirrors, &frame(r#"{"a":"x"}"#), &[], false).unwrap();
    assert_eq!(made, [header("a", "x")]);
}
