//! Which requests the generator makes, and which answers it refuses.

use bytes::BytesMut;

use super::*;
use crate::wire;

fn door(era: Era) -> Door {
    let address = "127.0.0.1:1".parse().unwrap();
    Door { address, path: "/mcp", tool: TOOL, bearer: "token".to_owned(), era, traced: false }
}

fn split(request: &[u8]) -> (String, Value) {
    let text = String::from_utf8(request.to_vec()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), serde_json::from_str(body).unwrap())
}

fn answer(body: &str, kind: &str) -> Answer {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    wire::take_answer(&mut BytesMut::from(&*text)).unwrap().unwrap()
}

fn success(id: u64, text: &str) -> String {
    let content = json!([{ "type": "text", "text": text }]);
    json!({ "jsonrpc": "2.0", "id": id, "result": { "content": content } }).to_string()
}

#[test]
fn a_modern_call_carries_the_same_facts_in_headers_and_body() {
    let mut template = Template::new(&door(Era::Modern), None).unwrap();
    template.set_id(FIRST_ID + 7).unwrap();
    let (head, body) = split(&template.request);
    assert!(head.contains("\r\nMCP-Protocol-Version: 2026-07-28\r\n"));
    assert!(head.contains("\r\nMcp-Method: tools/call\r\nMcp-Name: echo\r\n"));
    let meta = &body["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert_eq!(body["id"], FIRST_ID + 7);
    let text = body["params"]["arguments"]["text"].as_str().unwrap();
    assert_eq!(text.len(), TEXT);
    assert!(text.starts_with("1000000007"));
    assert_eq!(text.as_bytes(), template.text);
}

#[test]
fn a_legacy_call_carries_its_session_and_nothing_modern() {
    let template = Template::new(&door(Era::Legacy), Some("s1")).unwrap();
    let (head, body) = split(&template.request);
    assert!(head.contains("\r\nMcp-Session-Id: s1\r\n"));
    assert!(!head.contains("Mcp-Method") && !head.contains("Mcp-Name"));
    assert_eq!(body["params"].get("_meta"), None);
}

#[test]
fn the_length_said_is_the_length_sent() {
    let template = Template::new(&door(Era::Modern), None).unwrap();
    let text = String::from_utf8(template.request).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.ends_with(&format!("Content-Length: {}", body.len())));
}

#[test]
fn the_right_answer_is_accepted_as_json_and_as_an_event() {
    let body = success(5, "abc");
    check(&answer(&body, "application/json"), 5, b"abc").unwrap();
    let event = format!("event: message\ndata: {body}\n\n");
    check(&answer(&event, "text/event-stream"), 5, b"abc").unwrap();
}

#[test]
fn wrong_answers_are_refused() {
    let refused = |body: &str| check(&answer(body, "application/json"), 5, b"abc").is_err();
    assert!(refused(&success(6, "abc")));
    assert!(refused(&success(5, "abd")));
    assert!(refused(r#"{"jsonrpc":"2.0","id":5,"error":{"code":-32603,"message":"abc"}}"#));
    assert!(refused(r#"{"id":5,"result":{"isError":true,"content":[{"text":"abc"}]}}"#));
    assert!(refused(r#"{"id":5,"result":{"resultType":"task","content":[{"text":"abc"}]}}"#));
    assert!(refused(r#"{"id":5,"result":{"content":[]}}"#));
    assert!(refused("not json"));
}

#[test]
fn another_status_is_refused_whatever_the_body_says() {
    let body = success(5, "abc");
    let text = format!("HTTP/1.1 500 Oops\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let answer = wire::take_answer(&mut BytesMut::from(&*text)).unwrap().unwrap();
    assert!(check(&answer, 5, b"abc").is_err());
}
