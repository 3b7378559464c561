//! What the stub answers, in both eras.

use serde_json::{Value, json};

use super::answer::{Ask, Reply};
use super::*;
use crate::mcp::TEXT;

fn meta() -> Value {
    json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28" })
}

fn reply(message: &Value) -> Reply {
    let text = message.to_string();
    serde_json::from_str::<Ask<'_>>(&text).unwrap().reply(1)
}

fn result(message: &Value) -> Value {
    let Reply::Json(json) = reply(message) else { panic!("not a 200") };
    serde_json::from_slice::<Value>(&json).unwrap()["result"].clone()
}

fn call(text: &str, meta: Option<Value>) -> Value {
    let mut params = json!({ "name": "echo", "arguments": { "text": text } });
    if let Some(meta) = meta {
        params["_meta"] = meta;
    }
    json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params })
}

#[test]
fn a_modern_call_is_echoed_and_says_that_it_is_complete() {
    let text = "x".repeat(TEXT);
    let result = result(&call(&text, Some(meta())));
    assert_eq!(result["content"][0]["text"], text);
    assert_eq!(result["resultType"], "complete");
}

#[test]
fn a_legacy_call_has_no_result_type() {
    assert_eq!(result(&call("x", None)).get("resultType"), None);
}

#[test]
fn every_answer_has_the_same_length_of_text() {
    for text in ["", "short", &"é".repeat(100), &"y".repeat(1000)] {
        let echoed = result(&call(text, None))["content"][0]["text"].clone();
        assert!(echoed.as_str().unwrap().chars().count() <= TEXT);
        assert!(echoed.as_str().unwrap().len() >= TEXT);
    }
}

#[test]
fn discovery_names_the_modern_revision_only() {
    let message = json!({ "id": 1, "method": "server/discover", "params": { "_meta": meta() } });
    let result = result(&message);
    assert_eq!(result["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(result["resultType"], "complete");
}

#[test]
fn initialize_agrees_to_the_version_asked_for() {
    let params = json!({ "protocolVersion": "2025-11-25" });
    let message = json!({ "id": 1, "method": "initialize", "params": params });
    assert_eq!(result(&message)["protocolVersion"], "2025-11-25");
}

#[test]
fn its_tool_is_read_only() {
    let tools = result(&json!({ "id": 1, "method": "tools/list" }))["tools"].clone();
    assert_eq!(tools[0]["name"], "echo");
    assert_eq!(tools[0]["annotations"]["readOnlyHint"], true);
}

#[test]
fn notifications_are_accepted_and_unknown_methods_are_not_found() {
    assert_eq!(reply(&json!({ "method": "notifications/initialized" })), Reply::Accepted);
    let unknown = json!({ "id": 1, "method": "x", "params": { "_meta": meta() } });
    assert!(matches!(reply(&unknown), Reply::NotFound(_)));
}

#[tokio::test]
async fn a_held_call_waits_until_it_is_released() {
    let stub = Arc::new(Stub::new(true, false, 1));
    let waiting = tokio::spawn({
        let stub = Arc::clone(&stub);
        async move { stub.hold().await }
    });
    assert_eq!(stub.wait_held("/held/1").await.status(), 200);
    assert!(!waiting.is_finished());
    stub.open.send_replace(true);
    waiting.await.unwrap();
    stub.hold().await;
    assert_eq!(stub.wait_held("/held/x").await.status(), 400);
}
