//! A server of both eras, spoken to by hand.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::Listening;
use crate::prometheus;
use crate::sets::Sets;
use crate::testing::{Fixture, Say};

async fn server(prometheus_url: &str) -> String {
    let config = prometheus::Config { url: prometheus_url.to_owned(), credentials: None };
    let sets = Sets::default().with("prom", prometheus::toolset(config).unwrap());
    let address = "127.0.0.1:0".parse().unwrap();
    let listening = Listening::at(address, &[], sets).await.unwrap();
    let url = listening.url().unwrap();
    tokio::spawn(listening.serve());
    url
}

/// The answer of a modern server; an event stream has it in its last event.
async fn ask(url: &str, method: &str, name: &str, params: Value) -> Value {
    let mut params = params;
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "t", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let request = Request::post(url)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method)
        .header("mcp-name", name)
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.request(request).await.unwrap();
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&text).into_owned();
    let json = text.lines().filter_map(|line| line.strip_prefix("data: ")).next_back();
    serde_json::from_str(json.unwrap_or(&text)).unwrap_or_else(|_| panic!("no JSON: {text}"))
}

#[tokio::test]
async fn tools_are_listed_and_called_by_the_name_of_their_set() {
    let data = json!({ "resultType": "scalar", "result": [1, "2"] });
    let fixture = Fixture::saying(Say::json(&json!({ "status": "success", "data": data }))).await;
    let url = server(&fixture.url).await;
    let list = ask(&url, "tools/list", "", json!({})).await;
    let tools = list["result"]["tools"].as_array().unwrap_or_else(|| panic!("{list}"));
    assert_eq!(tools.len(), 7);
    let query = tools.iter().find(|tool| tool["name"] == "prom___query").unwrap();
    assert_eq!(query["inputSchema"]["additionalProperties"], false);
    assert_eq!(query["annotations"]["readOnlyHint"], true);
    let call = json!({ "name": "prom___query", "arguments": { "query": "up" } });
    let called = ask(&url, "tools/call", "prom___query", call).await;
    let result = &called["result"];
    assert_eq!(result["structuredContent"]["series"][0]["values"], json!(["2"]), "{called}");
    assert_ne!(result["isError"], true);
}

#[tokio::test]
async fn a_failure_is_a_result_that_says_so_and_an_unknown_tool_an_error() {
    let url = server(&crate::testing::nobody().await).await;
    let call = json!({ "name": "prom___query", "arguments": { "query": "up" } });
    let called = ask(&url, "tools/call", "prom___query", call).await;
    assert_eq!(called["result"]["isError"], true, "{called}");
    assert_eq!(called["result"]["structuredContent"]["code"], "unreachable");
    let call = json!({ "name": "prom___nothing", "arguments": {} });
    let called = ask(&url, "tools/call", "prom___nothing", call).await;
    assert_eq!(called["error"]["code"], -32602, "{called}");
}

#[tokio::test]
async fn nobody_else_is_let_in_by_chance() {
    let address = "0.0.0.0:0".parse().unwrap();
    let refused = Listening::at(address, &[], Sets::default()).await.unwrap_err();
    assert!(refused.to_string().contains("--allowed-host"), "{refused}");
}
