//! The gateway's side against servers that answer as scripted.

#[expect(dead_code, reason = "the tests of the client use the rest")]
#[path = "../../../proxy/client/src/tests/server.rs"]
mod server;

mod hear;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use serde_json::{Map, json};
use tokio::time::{advance, pause, resume};

use super::*;
use crate::settings::{Client as Settings, Place};
use server::{Canned, Server};

const MINUTE: Duration = Duration::from_mins(1);

fn result(body: &str) -> Canned {
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{body}}}"#);
    Canned::json(200, body).header("x-request-id", "call-1")
}

fn listed(names: &[&str]) -> Canned {
    let tools: Vec<_> = names
        .iter()
        .map(|name| json!({ "name": name, "description": "d", "inputSchema": { "type": "object" }, "annotations": { "readOnlyHint": true } }))
        .collect();
    result(&json!({ "tools": tools, "_meta": { "toolgate/missing": [{ "target": "dead", "reason": "connect_refused" }] } }).to_string())
}

fn gateway(server: &Server, tokens: Tokens, ttl: Duration) -> Gateway {
    let client = Client::new(&server.url("/mcp"), None, LONGEST).unwrap();
    Gateway::new(client, tokens, ttl)
}

fn token(name: &str) -> Canned {
    let body = json!({ "access_token": name, "token_type": "Bearer", "expires_in": 3600 });
    Canned::json(200, body.to_string())
}

fn fetched(server: &Server, told: &Arc<AtomicUsize>) -> Tokens {
    let told = Arc::clone(told);
    let client = Settings {
        place: Place::Endpoint(server.url("/token")),
        id: "me".to_owned(),
        secret: "s3cret".to_owned(),
        scopes: vec!["gateway/invoke".to_owned()],
    };
    Tokens::fetched(
        client,
        Arc::new(move |_| {
            told.fetch_add(1, SeqCst);
        }),
    )
}

async fn call(gateway: &Gateway) -> Result<Answer, Failure> {
    let arguments = Map::new();
    let call = Call {
        tool: "a___b",
        arguments: &arguments,
        patience: MINUTE,
        traceparent: Some("00-1-2-01"),
        request_id: "turn-1",
    };
    gateway.call(call, &mut |_, _| ()).await
}

/// The clock goes on at once.
async fn later(time: Duration) {
    pause();
    advance(time).await;
    resume();
}

fn lists(server: &Server) -> usize {
    server.seen().iter().filter(|seen| seen.json()["method"] == "tools/list").count()
}

#[tokio::test]
async fn a_warm_turn_asks_for_no_list_and_an_old_one_is_renewed_beside_it() {
    let server = Server::start(vec![result("{}"), listed(&["b", "a"]), listed(&["c"])]).await;
    let gateway = gateway(&server, Tokens::none(), MINUTE);
    let names = |listed: &Listed| -> Vec<String> {
        listed.tools.iter().map(|tool| tool.name.clone()).collect()
    };
    let first = gateway.list().await.unwrap();
    assert_eq!((names(&first), first.cached), (vec!["a".to_owned(), "b".to_owned()], false));
    assert!(first.tools[0].read_only);
    assert_eq!(first.missing, ["dead (connect_refused)"]);
    let second = gateway.list().await.unwrap();
    assert!(second.cached);
    assert_eq!(lists(&server), 1);
    later(MINUTE).await;
    assert_eq!(names(&gateway.list().await.unwrap()), ["a", "b"], "nobody waits for a renewal");
    while names(&gateway.list().await.unwrap()) != ["c"] {
        tokio::task::yield_now().await;
    }
    assert_eq!(lists(&server), 2);
}

#[tokio::test]
async fn what_a_tool_answers_comes_with_its_ledger_and_its_id() {
    let body = json!({
        "content": [{ "type": "text", "text": "one" }, { "type": "image", "data": "x" }],
        "isError": true,
        "_meta": { "toolgate/ledger": { "wait": 3 } },
    });
    let server = Server::start(vec![result(&body.to_string())]).await;
    let answer = call(&gateway(&server, Tokens::none(), MINUTE)).await.unwrap();
    assert_eq!(answer.text, "one\n[image that is not text]");
    assert!(answer.failed);
    assert_eq!(answer.ledger, Some(json!({ "wait": 3 })));
    assert_eq!(answer.call_id.as_deref(), Some("call-1"));
    let sent = server.seen().pop().unwrap();
    assert_eq!(sent.header("traceparent"), "00-1-2-01");
    assert_eq!(sent.header("x-request-id"), "turn-1");
}

#[tokio::test]
async fn the_gateways_reason_blame_and_doubt_are_kept() {
    let error = json!({
        "jsonrpc": "2.0", "id": 1,
        "error": { "code": -32603, "message": "gone", "data": {
            "reason": "outcome_unknown", "blame": "target", "retry_safe": false, "outcome": "unknown",
        } },
    });
    let server = Server::start(vec![result("{}"), Canned::json(502, error.to_string())]).await;
    let failure = call(&gateway(&server, Tokens::none(), MINUTE)).await.unwrap_err();
    assert_eq!((failure.reason.as_str(), failure.blame.as_str()), ("outcome_unknown", "target"));
    assert!(failure.unknown && !failure.retry_safe);
}

#[tokio::test]
async fn a_call_that_broke_off_is_of_unknown_outcome_and_one_that_was_not_sent_is_not() {
    let server = Server::start(vec![result("{}"), result("{}").broken()]).await;
    let failure = call(&gateway(&server, Tokens::none(), MINUTE)).await.unwrap_err();
    assert!(failure.unknown && !failure.retry_safe, "{failure:?}");
    let client = Client::new("http://127.0.0.1:1/mcp", None, LONGEST).unwrap();
    let failure = call(&Gateway::new(client, Tokens::none(), MINUTE)).await.unwrap_err();
    assert!(!failure.unknown && failure.retry_safe && failure.blame == "network", "{failure:?}");
}

#[tokio::test]
async fn three_hours_with_tokens_of_one_hour_never_show_an_old_one() {
    let names: Vec<String> = (0..8).map(|nth| format!("token-{nth}")).collect();
    let issuer = Server::start(names.iter().map(|name| token(name)).collect()).await;
    let server = Server::start(vec![result("{}")]).await;
    let told = Arc::default();
    let gateway = gateway(&server, fetched(&issuer, &told), MINUTE);
    let mut issued = vec![0];
    for minute in 0..180 {
        call(&gateway).await.unwrap();
        let shown = server.seen().pop().unwrap().header("authorization").to_owned();
        let nth = names.iter().position(|name| shown.ends_with(name)).unwrap();
        assert!(minute - issued[nth] < 60, "minute {minute}: token {nth} is too old");
        // What is renewed beside the call has come before the next minute.
        gateway.0.tokens.idle().await;
        if told.load(SeqCst) > issued.len() {
            issued.push(minute);
        }
        later(MINUTE).await;
    }
    // One at the start, then one every 55 minutes.
    assert_eq!(issued, [0, 55, 110, 165]);
}

#[tokio::test]
async fn a_thousand_callers_wait_for_one_token() {
    let issuer = Server::start(vec![token("one")]).await;
    let told = Arc::default();
    let tokens = fetched(&issuer, &told);
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let tokens = tokens.clone();
        all.spawn(async move { tokens.get().await.unwrap().unwrap().reveal().to_owned() });
    }
    assert!(all.join_all().await.iter().all(|token| token == "one"));
    assert_eq!(issuer.seen().len(), 1);
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_renewed_once() {
    let issuer = Server::start(vec![token("one"), token("two"), token("three")]).await;
    let no = || Canned::json(401, "no");
    let server = Server::start(vec![no(), result("{}"), result("{}"), no()]).await;
    let gateway = gateway(&server, fetched(&issuer, &Arc::default()), MINUTE);
    call(&gateway).await.unwrap();
    let shown = server
        .seen()
        .iter()
        .map(|seen| seen.header("authorization").to_owned())
        .collect::<Vec<_>>();
    assert_eq!(shown, ["Bearer one", "Bearer two", "Bearer two"]);
    let failure = call(&gateway).await.unwrap_err();
    assert_eq!((failure.reason.as_str(), failure.unknown), ("unauthenticated", false));
    assert_eq!(issuer.seen().len(), 3, "one new token for each refusal, no more");
}

#[tokio::test]
async fn an_issuer_that_says_no_is_told_without_the_secret() {
    let issuer = Server::start(vec![Canned::json(400, r#"{"error":"invalid_client"}"#)]).await;
    let server = Server::start(vec![result("{}")]).await;
    let gateway = gateway(&server, fetched(&issuer, &Arc::default()), MINUTE);
    let failure = call(&gateway).await.unwrap_err();
    assert!(failure.message.contains("invalid_client") && !failure.message.contains("s3cret"));
    assert!(server.seen().is_empty(), "nothing was asked of the gateway");
}
