//! Word of changes, from servers of both lifecycles.

use std::time::Duration;

use serde_json::json;

use super::server::{Canned, Server};
use crate::{Bearer, Changes, Client, Failure};

const RESULT: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
const UNKNOWN: &str = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}"#;
const ACKNOWLEDGED: &str = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/acknowledged\",\"params\":{\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":1},\"notifications\":{\"toolsListChanged\":true}}}\n\n";
const CHANGED: &str =
    "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n";
const ENDED: &str =
    "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"resultType\":\"complete\"}}\n\n";
const OTHER: &str = "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n\n";

fn client(server: &Server) -> Client {
    Client::new(&server.url("/mcp"), None, Duration::from_secs(30)).unwrap().keeping("agent")
}

async fn listen(client: &Client) -> Result<Option<Changes>, Failure> {
    client.listen(Bearer::new("abc").as_ref()).await
}

async fn modern(stream: Canned) -> Server {
    Server::telling(vec![Canned::json(200, RESULT)], vec![stream]).await
}

fn agreed(session: &str, tells: bool) -> Canned {
    let capabilities = json!({ "tools": { "listChanged": tells } });
    let agreed = json!({ "protocolVersion": "2025-06-18", "capabilities": capabilities });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "result": agreed });
    Canned::json(200, body.to_string()).header("mcp-session-id", session)
}

fn shaken(session: &str, tells: bool) -> Vec<Canned> {
    vec![Canned::json(404, UNKNOWN), agreed(session, tells), Canned::json(202, "")]
}

#[tokio::test]
async fn a_subscription_asks_for_tools_only_and_tells_each_change_until_it_ends() {
    let server = modern(Canned::events(&[ACKNOWLEDGED]).live()).await;
    let mut changes = listen(&client(&server)).await.unwrap().unwrap();
    let asked = server.streams().pop().unwrap();
    assert_eq!(asked.header("mcp-method"), "subscriptions/listen");
    assert_eq!(asked.header("mcp-protocol-version"), "2026-07-28");
    assert_eq!(asked.header("authorization"), "Bearer abc");
    let body = asked.json();
    assert_eq!(body["params"]["notifications"], json!({ "toolsListChanged": true }));
    assert_eq!(body["id"], 1);
    server.say(": still there\n\n");
    server.say(OTHER);
    server.say(CHANGED);
    changes.changed().await.unwrap();
    server.say(CHANGED);
    changes.changed().await.unwrap();
    server.say(&format!("{CHANGED}{CHANGED}{ENDED}"));
    changes.changed().await.unwrap();
    let failure = changes.changed().await.unwrap_err();
    assert!(failure.to_string().contains("the subscription ended"), "{failure}");
}

#[tokio::test]
async fn a_stream_that_breaks_or_ends_early_is_a_failure() {
    for stream in [Canned::events(&[]), Canned::events(&[]).broken(), Canned::events(&[ENDED])] {
        let server = modern(stream).await;
        let failure = listen(&client(&server)).await.unwrap_err();
        assert!(matches!(failure, Failure::Lost { .. }), "{failure}");
    }
    let server = modern(Canned::events(&[ACKNOWLEDGED, CHANGED]).live()).await;
    let mut changes = listen(&client(&server)).await.unwrap().unwrap();
    changes.changed().await.unwrap();
    server.end_streams();
    assert!(matches!(changes.changed().await, Err(Failure::Lost { .. })));
}

#[tokio::test]
async fn who_does_not_tell_of_changes_is_not_a_failure() {
    let other = ACKNOWLEDGED.replace("toolsListChanged", "promptsListChanged");
    let unknown = format!("data: {UNKNOWN}\n\n");
    for no in [
        Canned::json(404, UNKNOWN),
        Canned::json(200, UNKNOWN),
        Canned::json(405, ""),
        Canned::json(404, "not here"),
        Canned::json(200, RESULT),
        Canned::events(&[&other]).stuck(),
        Canned::events(&[&unknown]),
    ] {
        let server = modern(no.clone()).await;
        let opened = listen(&client(&server)).await;
        assert!(matches!(opened, Ok(None)), "{no:?}: {opened:?}");
        assert_eq!(server.streams().len(), 1);
    }
}

#[tokio::test]
async fn who_may_tell_another_time_is_a_failure() {
    for status in [401, 429, 502, 503] {
        let server = modern(Canned::json(status, "no")).await;
        let failure = listen(&client(&server)).await.unwrap_err();
        assert_eq!(failure.head().unwrap().status, status);
    }
}

#[tokio::test]
async fn an_older_server_tells_on_the_stream_of_its_session() {
    let streams = vec![Canned::events(&["data:\n\n"]).live()];
    let server = Server::telling(shaken("s1", true), streams).await;
    let mut changes = listen(&client(&server)).await.unwrap().unwrap();
    let asked = server.streams().pop().unwrap();
    assert_eq!((asked.header("accept"), asked.body.as_str()), ("text/event-stream", ""));
    assert_eq!(asked.header("mcp-session-id"), "s1");
    assert_eq!(asked.header("mcp-protocol-version"), "2025-06-18");
    assert_eq!(asked.header("authorization"), "Bearer abc");
    server.say(OTHER);
    server.say(CHANGED);
    changes.changed().await.unwrap();
    server.end_streams();
    assert!(matches!(changes.changed().await, Err(Failure::Lost { .. })));
}

#[tokio::test]
async fn an_older_server_that_says_it_tells_of_none_is_not_asked() {
    let server = Server::telling(shaken("s1", false), vec![Canned::events(&[]).live()]).await;
    assert!(listen(&client(&server)).await.unwrap().is_none());
    assert!(server.streams().is_empty());
    let server = Server::telling(shaken("s1", true), vec![Canned::json(405, "")]).await;
    assert!(listen(&client(&server)).await.unwrap().is_none());
    assert_eq!(server.streams().len(), 1);
}

#[tokio::test]
async fn a_session_that_was_forgotten_is_begun_anew_once() {
    let script = || [shaken("s1", true), shaken("s2", true), shaken("s3", true)].concat();
    let gone = || Canned::json(404, UNKNOWN);
    let server = Server::telling(script(), vec![gone(), Canned::events(&[]).live()]).await;
    assert!(listen(&client(&server)).await.unwrap().is_some());
    let sessions = |server: &Server| {
        let seen = server.streams();
        seen.iter().map(|seen| seen.header("mcp-session-id").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(sessions(&server), ["s1", "s2"]);
    let server = Server::telling(script(), vec![gone()]).await;
    assert!(listen(&client(&server)).await.unwrap().is_none());
    assert_eq!(sessions(&server), ["s1", "s2"]);
}

#[tokio::test]
async fn whoever_drops_it_ends_it() {
    let server = modern(Canned::events(&[ACKNOWLEDGED]).live()).await;
    let client = client(&server);
    let changes = listen(&client).await.unwrap().unwrap();
    assert_eq!(server.listeners(), 1);
    drop(changes);
    while server.listeners() > 0 {
        tokio::task::yield_now().await;
    }
}
