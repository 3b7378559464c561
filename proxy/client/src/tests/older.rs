//! A client that keeps on meets servers of both lifecycles.

use std::time::Duration;

use serde_json::value::RawValue;

use super::server::{Canned, Server};
use crate::{Along, Ask, Bearer, Client, Failure, Progress};

const RESULT: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;
const AGREED: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18"}}"#;
const UNKNOWN: &str = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}"#;

fn client(server: &Server) -> Client {
    let token = Bearer::new("abc");
    Client::new(&server.url("/mcp"), token, Duration::from_secs(30)).unwrap().keeping("agent")
}

async fn call(client: &Client) -> Result<crate::Answer, Failure> {
    let nothing: Box<RawValue> = serde_json::from_str("{}").unwrap();
    let traceparent = Some("00-1-2-01".to_owned());
    let along = Along { traceparent, waits: Some(Duration::from_secs(7)), ..Along::default() };
    let token = Bearer::new("other");
    client.send(&Ask::call("t", &nothing), &along, token.as_ref(), &mut |_: &Progress| {}).await
}

fn methods(server: &Server) -> Vec<String> {
    let seen = server.seen();
    seen.iter().map(|seen| seen.json()["method"].as_str().unwrap().to_owned()).collect()
}

fn agreed(session: &str) -> Canned {
    Canned::json(200, AGREED).header("mcp-session-id", session)
}

#[tokio::test]
async fn a_stateless_server_is_asked_once_what_it_is() {
    let server = Server::start(vec![Canned::json(200, RESULT)]).await;
    let client = client(&server);
    call(&client).await.unwrap();
    call(&client).await.unwrap();
    assert_eq!(methods(&server), ["server/discover", "tools/call", "tools/call"]);
    let last = server.seen().pop().unwrap();
    assert_eq!(last.header("traceparent"), "00-1-2-01");
    assert_eq!(last.header("authorization"), "Bearer other");
    assert!(last.header("user-agent").starts_with("agent/"));
    let meta = &last.json()["params"]["_meta"];
    assert_eq!(meta["traceparent"], "00-1-2-01");
    assert_eq!(meta["toolgate/timeout_ms"], 7_000);
    assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], "agent");
}

#[tokio::test]
async fn hands_are_shaken_with_an_older_server_before_anything_is_called() {
    for no in [Canned::json(404, UNKNOWN), Canned::json(400, "Bad Request: no session")] {
        let answers = vec![no, agreed("s1"), Canned::json(202, ""), Canned::json(200, RESULT)];
        let server = Server::start(answers).await;
        let client = client(&server);
        call(&client).await.unwrap();
        call(&client).await.unwrap();
        let wanted = [
            "server/discover",
            "initialize",
            "notifications/initialized",
            "tools/call",
            "tools/call",
        ];
        assert_eq!(methods(&server), wanted);
        let seen = server.seen();
        assert_eq!(seen[1].header("mcp-session-id"), "");
        for later in &seen[2..] {
            assert_eq!(later.header("mcp-session-id"), "s1");
            assert_eq!(later.header("mcp-protocol-version"), "2025-06-18");
        }
        let params = &seen[3].json()["params"];
        assert_eq!(params["_meta"]["traceparent"], "00-1-2-01");
        assert!(params["_meta"].get("io.modelcontextprotocol/protocolVersion").is_none());
        assert!(seen[2].json().get("id").is_none());
    }
}

#[tokio::test]
async fn a_session_that_the_server_has_forgotten_is_begun_anew_once() {
    let gone = || Canned::json(404, UNKNOWN);
    let server = Server::start(vec![
        gone(),
        agreed("s1"),
        Canned::json(202, ""),
        gone(),
        gone(),
        agreed("s2"),
        Canned::json(202, ""),
        Canned::json(200, RESULT),
    ])
    .await;
    call(&client(&server)).await.unwrap();
    let last = server.seen().pop().unwrap();
    assert_eq!(last.header("mcp-session-id"), "s2");
    assert_eq!(methods(&server).iter().filter(|method| *method == "tools/call").count(), 2);
}

#[tokio::test]
async fn who_is_not_let_in_learns_nothing_about_the_lifecycle() {
    let server = Server::start(vec![Canned::json(401, "no"), Canned::json(200, RESULT)]).await;
    let client = client(&server);
    let failure = call(&client).await.unwrap_err();
    assert_eq!(failure.head().unwrap().status, 401);
    call(&client).await.unwrap();
    assert_eq!(methods(&server), ["server/discover", "server/discover", "tools/call"]);
}
