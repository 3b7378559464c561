//! Requests: every argument in its place and nowhere else.
#![expect(clippy::needless_pass_by_value, reason = "values are written where they are used")]

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::request::{self, Written};
use super::{document, id, only, posting};

fn written(document: &Value, arguments: Value) -> Result<Written, String> {
    let arguments = arguments.as_object().cloned().unwrap_or_default();
    request::write(&only(document), "/v1", &arguments)
}

fn target(parameter: Value, value: Value) -> Result<String, String> {
    let document = document(json!([id(), parameter]));
    let mut arguments = Map::new();
    arguments.insert("id".to_owned(), json!("7"));
    arguments.insert(parameter_name(&document), value);
    written(&document, arguments.into()).map(|written| written.target)
}

fn parameter_name(document: &Value) -> String {
    document["paths"]["/things/{id}"]["get"]["parameters"][1]["name"].as_str().unwrap().to_owned()
}

fn query(style: &str, explode: bool, schema: Value) -> Value {
    json!({ "name": "q", "in": "query", "style": style, "explode": explode, "schema": schema })
}

#[test]
fn values_are_written_in_the_style_of_their_parameter() {
    let object = json!({ "type": "object", "properties": { "a": {}, "b": {} } });
    let (list, map) = (json!(["x y", "z,w"]), json!({ "a": 1, "b": "&" }));
    for (parameter, value, wanted) in [
        (query("form", true, json!({})), json!("a b&c=d"), "q=a%20b%26c%3Dd"),
        (query("form", true, json!({})), json!(1.5), "q=1.5"),
        (query("form", true, json!({})), json!(true), "q=true"),
        (query("form", true, json!({})), list.clone(), "q=x%20y&q=z%2Cw"),
        (query("form", false, json!({})), list.clone(), "q=x%20y,z%2Cw"),
        (query("spaceDelimited", false, json!({})), list.clone(), "q=x%20y%20z%2Cw"),
        (query("pipeDelimited", false, json!({})), list, "q=x%20y%7Cz%2Cw"),
        (query("form", true, object.clone()), map.clone(), "a=1&b=%26"),
        (query("form", false, object.clone()), map.clone(), "q=a,1,b,%26"),
        (query("deepObject", true, object), map, "q%5Ba%5D=1&q%5Bb%5D=%26"),
    ] {
        assert_eq!(target(parameter, value).unwrap(), format!("/v1/things/7?{wanted}"));
    }
    let null = target(query("form", true, json!({})), json!(null)).unwrap();
    assert_eq!(null, "/v1/things/7");
}

#[test]
fn an_object_adds_no_parameter_of_its_own() {
    let object = json!({ "type": "object", "properties": { "a": {} } });
    for style in ["form", "deepObject"] {
        let said = target(query(style, true, object.clone()), json!({ "admin": true }));
        assert_eq!(said.unwrap_err(), "`q` has no member `admin`");
    }
}

#[test]
fn what_is_missing_or_unknown_is_said() {
    let document = document(json!([id()]));
    assert_eq!(written(&document, json!({})).unwrap_err(), "`id` is missing");
    assert_eq!(written(&document, json!({ "id": null })).unwrap_err(), "`id` is missing");
    let said = written(&document, json!({ "id": "1", "limit": 3 })).unwrap_err();
    assert_eq!(said, "there is no argument `limit`; this tool takes only: id");
}

#[test]
fn a_header_is_one_line() {
    let header = json!({ "name": "X-Tenant", "in": "header", "schema": {} });
    let document = document(json!([id(), header]));
    let good = written(&document, json!({ "id": "1", "X-Tenant": ["a", "b"] })).unwrap();
    assert_eq!(good.headers["x-tenant"], "a,b");
    for bad in ["a\r\nHost: evil", "a\nb", "a\0", "ä", "\u{2028}"] {
        let said = written(&document, json!({ "id": "1", "X-Tenant": bad })).unwrap_err();
        assert!(said.contains("`X-Tenant` must be plain ASCII in one line"), "{said}");
    }
    let cookie = json!({ "name": "c", "in": "cookie", "schema": {} });
    let cookies = document_of(cookie);
    let good = written(&cookies, json!({ "id": "1", "c": "a; admin=1\r\n" })).unwrap();
    assert_eq!(good.headers["cookie"], "c=a%3B%20admin%3D1%0D%0A");
}

fn document_of(parameter: Value) -> Value {
    document(json!([id(), parameter]))
}

#[test]
fn a_body_is_made_of_its_members() {
    let schema = json!({ "type": "object", "properties": { "name": {}, "tags": {} },
                         "required": ["name"] });
    let mut document = posting(schema, json!({}));
    let body = written(&document, json!({ "name": "x", "tags": ["a"] })).unwrap();
    assert_eq!(body.headers["content-type"], "application/json");
    assert_eq!(
        serde_json::from_slice::<Value>(&body.body).unwrap(),
        json!({ "name": "x", "tags": ["a"] })
    );
    let content = &mut document["paths"]["/things"]["post"]["requestBody"]["content"];
    let schema = content["application/json"].take();
    *content = json!({ "application/x-www-form-urlencoded": schema });
    let body = written(&document, json!({ "name": "a&b=c", "tags": ["x", "y z"] })).unwrap();
    assert_eq!(body.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(body.body, "name=a%26b%3Dc&tags=x&tags=y%20z");
}

/// Texts that want to be more than a value.
fn hostile() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("..".to_owned()),
        Just(".".to_owned()),
        Just("/".to_owned()),
        Just("\\".to_owned()),
        Just("%2e%2e".to_owned()),
        Just("%252e".to_owned()),
        Just("%2f".to_owned()),
        Just("%5c".to_owned()),
        Just("?".to_owned()),
        Just("#".to_owned()),
        Just("&".to_owned()),
        Just("=".to_owned()),
        Just(";".to_owned()),
        Just("\r\n".to_owned()),
        Just("a".to_owned()),
        Just("é".to_owned()),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

/// As a careless server reads it: decoded once too often, backslashes for slashes.
fn careless(text: &str) -> String {
    let once = |text: &str| {
        let bytes = percent(text);
        String::from_utf8_lossy(&bytes).into_owned()
    };
    once(&once(text)).replace('\\', "/")
}

fn percent(text: &str) -> Vec<u8> {
    let (mut out, bytes) = (Vec::new(), text.as_bytes());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let (b'%', Some(byte)) = (bytes[at], hex) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}

proptest! {
    #[test]
    fn no_value_leaves_its_place(path in hostile(), search in hostile()) {
        let document = document_of(query("form", true, json!({})));
        let arguments = json!({ "id": path, "q": search });
        let Ok(written) = written(&document, arguments) else { return Ok(()) };
        prop_assert!(written.target.parse::<http::Uri>().is_ok());
        let (place, asked) = written.target.split_once('?').unwrap();
        // In the path: one segment behind `things`, and none that means another.
        let segments: Vec<&str> = place.split('/').collect();
        prop_assert_eq!(segments.len(), 4, "{}", place);
        prop_assert_eq!(&segments[..3], &["", "v1", "things"]);
        prop_assert!(!careless(place).split('/').any(|part| part == ".." || part == "."), "{}", place);
        let back = String::from_utf8(percent(segments[3])).unwrap();
        prop_assert_eq!(back, path);
        // In the query: one pair, which is the value.
        prop_assert_eq!(asked.split('&').count(), 1);
        let (name, value) = asked.split_once('=').unwrap();
        prop_assert_eq!(name, "q");
        prop_assert_eq!(String::from_utf8(percent(value)).unwrap(), search);
        prop_assert!(!value.contains(['#', '=', ';', '+', ' ']));
    }
}

#[test]
fn a_path_is_not_left() {
    let document = document(json!([id()]));
    for bad in ["..", ".", "", "a/../b", "..\\..", "%2e%2e", "%252e%252e/x", "a\nb", "\0"] {
        assert!(written(&document, json!({ "id": bad })).is_err(), "{bad:?}");
    }
    let slash = written(&document, json!({ "id": "a/b" })).unwrap();
    assert_eq!(slash.target, "/v1/things/a%2Fb");
    let long = written(&document, json!({ "id": "x".repeat(20_000) })).unwrap_err();
    assert!(long.contains("send less"), "{long}");
}
