//! Answers: what the API said, as what it is.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::answer::{Answered, Told, told};

fn answered(status: u16, kind: &str, body: &str) -> Told {
    told(Answered { status, kind, wait: None, body: body.as_bytes() })
}

fn result(told: Told) -> (Value, bool) {
    match told {
        Told::Result(result, is_error) => {
            assert_eq!(result["isError"], is_error);
            assert_eq!(result["resultType"], "complete");
            (result, is_error)
        }
        other @ (Told::Failed(..) | Told::Garbled(_)) => panic!("{other:?}"),
    }
}

#[test]
fn json_is_data_and_text() {
    let (object, _) = result(answered(200, "application/json; charset=utf-8", r#"{"a": 1}"#));
    assert_eq!(object["structuredContent"], json!({ "a": 1 }));
    assert_eq!(object["content"], json!([{ "type": "text", "text": r#"{"a":1}"# }]));
    let (list, _) = result(answered(201, "application/hal+json", "[1]"));
    assert_eq!(list["structuredContent"], json!({ "result": [1] }), "older clients take objects");
}

#[test]
fn other_content_is_what_it_is() {
    let (none, _) = result(answered(204, "", ""));
    assert_eq!(none["content"][0]["text"], "HTTP 204");
    let (text, _) = result(answered(200, "text/plain", "hello"));
    assert_eq!(text["content"], json!([{ "type": "text", "text": "hello" }]));
    let (image, _) = result(answered(200, "image/png", "x"));
    assert_eq!(
        image["content"],
        json!([{ "type": "image", "data": "eA==", "mimeType": "image/png" }])
    );
}

#[test]
fn what_is_not_what_it_says_is_no_success() {
    for kind in ["application/json", "application/problem+json"] {
        assert!(matches!(answered(200, kind, "<html>"), Told::Garbled(_)));
    }
    let bytes = Answered { status: 200, kind: "application/zip", wait: None, body: &[0xff, 0xfe] };
    assert!(matches!(told(bytes), Told::Garbled(_)));
}

#[test]
fn the_api_says_no_in_its_own_words() {
    let (no, is_error) = result(answered(404, "application/json", r#"{"error":"no such thing"}"#));
    assert!(is_error);
    assert_eq!(no["content"][0]["text"], r#"HTTP 404: {"error":"no such thing"}"#);
    assert!(no.get("structuredContent").is_none());
    let (page, _) = result(answered(403, "text/html", "<html>denied</html>"));
    assert_eq!(page["content"][0]["text"], "HTTP 403");
    let (long, _) = result(answered(400, "text/plain", &"x".repeat(100_000)));
    assert!(long["content"][0]["text"].as_str().unwrap().len() < 5000);
}

#[test]
fn an_api_that_has_failed_is_no_tool_that_says_no() {
    for status in [100, 301, 401, 407, 408, 429, 500, 503, 599] {
        let wait = Some(Duration::from_secs(7));
        let failed = told(Answered { status, kind: "text/plain", wait, body: b"x" });
        assert_eq!(failed, Told::Failed(status, wait));
    }
}
