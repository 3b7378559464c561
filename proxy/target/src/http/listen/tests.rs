//! Listening, against a target that is told what to say.

mod peer;

use std::time::Duration;

use http::Response;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use toolgate_call::{Era, Watched};

use super::said::refused;
use super::{Ending, Wish};
use crate::TargetNotice;
use peer::{Opened, Peer, target, target_watching};

const LONG: Duration = Duration::from_secs(10);
const CHANGED: &str = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;

type Notices = mpsc::UnboundedReceiver<TargetNotice>;

/// Waits for one change.
async fn changed(notices: &mut Notices) {
    let notice = timeout(LONG, notices.recv()).await.expect("no change was reported");
    assert_eq!(notice, Some(TargetNotice::ListsChanged));
}

/// Time passes: whoever waits for it goes on.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// A peer, a target that has listed its tools, and its first stream.
async fn listening(era: Era) -> (Peer, peer::Caller, Notices, Opened) {
    let mut peer = Peer::start(era).await;
    let (caller, notices) = target(&peer);
    caller.list().await.unwrap();
    let opened = peer.opened().await;
    if era == Era::Modern {
        opened.acknowledge(json!({ "toolsListChanged": true })).await;
    }
    (peer, caller, notices, opened)
}

#[tokio::test]
async fn a_session_of_the_older_era_is_listened_to() {
    let (_peer, _caller, mut notices, opened) = listening(Era::Legacy).await;
    assert_eq!(opened.method, "GET");
    assert_eq!(opened.header("accept"), "text/event-stream");
    assert_eq!(opened.header("mcp-session-id"), "session-1");
    assert_eq!(opened.header("mcp-protocol-version"), "2025-11-25");
    assert_eq!(opened.header("authorization"), "Bearer of the gateway");
    assert_eq!(opened.header("content-type"), "", "there is no content");
    opened.say("").await;
    opened.say(r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#).await;
    opened.say("not even JSON").await;
    opened.say(CHANGED).await;
    changed(&mut notices).await;
    assert!(notices.try_recv().is_err(), "one change, one report");
}

#[tokio::test]
async fn a_modern_target_is_subscribed_to() {
    let (_peer, _caller, mut notices, opened) = listening(Era::Modern).await;
    assert_eq!(opened.method, "POST");
    assert_eq!(opened.header("mcp-method"), "subscriptions/listen");
    assert_eq!(opened.header("mcp-protocol-version"), "2026-07-28");
    assert_eq!(opened.body["method"], "subscriptions/listen");
    let params = &opened.body["params"];
    let all = json!({
        "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
    });
    assert_eq!(params["notifications"], all);
    assert_eq!(params["_meta"]["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert_eq!(params["_meta"]["io.modelcontextprotocol/clientCapabilities"], json!({}));
    assert_ne!(opened.body["id"], 0, "an id of 0 reads as missing");
    opened.say(CHANGED).await;
    changed(&mut notices).await;
    assert!(notices.try_recv().is_err(), "one change, one report");
}

#[tokio::test]
async fn after_a_stream_that_ended_another_is_opened_and_a_change_reported() {
    for era in [Era::Legacy, Era::Modern] {
        let (mut peer, _caller, mut notices, opened) = listening(era).await;
        opened.say(CHANGED).await;
        changed(&mut notices).await;
        drop(opened);
        let again = peer.opened().await;
        if era == Era::Modern {
            let early = notices.try_recv();
            assert!(early.is_err(), "a subscription counts from its acknowledgement on");
            again.acknowledge(json!({ "toolsListChanged": true })).await;
        }
        changed(&mut notices).await;
        assert!(notices.try_recv().is_err(), "{era:?}: one report a reconnect");
        again.say(CHANGED).await;
        changed(&mut notices).await;
    }
}

#[tokio::test]
async fn a_subscription_that_the_target_ends_is_made_again() {
    let (mut peer, _caller, mut notices, opened) = listening(Era::Modern).await;
    let id = &opened.body["id"];
    opened.say(&json!({ "jsonrpc": "2.0", "id": id, "result": {} }).to_string()).await;
    let again = peer.opened().await;
    assert_ne!(&again.body["id"], id);
    again.acknowledge(json!({ "toolsListChanged": true })).await;
    changed(&mut notices).await;
}

#[tokio::test]
async fn where_no_stream_is_offered_none_is_asked_for_until_the_session_changes() {
    let mut peer = Peer::start(Era::Legacy).await;
    peer.offers(405);
    let (caller, mut notices) = target(&peer);
    caller.list().await.unwrap();
    assert_eq!(peer.opened().await.header("mcp-session-id"), "session-1");
    caller.list().await.unwrap();
    caller.list().await.unwrap();
    pass(Duration::from_secs(120)).await;
    peer.offers(200);
    peer.loses_its_session();
    caller.list().await.unwrap();
    assert_eq!(peer.opened().await.header("mcp-session-id"), "session-2", "the second GET of all");
    assert!(notices.try_recv().is_err(), "nothing was missed: there was no stream before");
}

#[tokio::test]
async fn a_session_made_again_has_a_stream_of_its_own() {
    let (mut peer, caller, mut notices, opened) = listening(Era::Legacy).await;
    peer.loses_its_session();
    caller.list().await.unwrap();
    opened.closed().await;
    let again = peer.opened().await;
    assert_eq!(again.header("mcp-session-id"), "session-2");
    changed(&mut notices).await;
    assert!(notices.try_recv().is_err(), "one report");
}

#[tokio::test]
async fn a_lost_stream_that_is_not_offered_again_counts_as_a_change() {
    let (mut peer, caller, mut notices, opened) = listening(Era::Legacy).await;
    peer.offers(404);
    peer.loses_its_session();
    drop(opened);
    assert_eq!(peer.opened().await.header("mcp-session-id"), "session-1");
    changed(&mut notices).await;
    // The list that follows finds the session gone, and all begins anew.
    peer.offers(200);
    caller.list().await.unwrap();
    assert_eq!(peer.opened().await.header("mcp-session-id"), "session-2");
    changed(&mut notices).await;
}

#[tokio::test]
async fn a_target_that_goes_takes_its_stream_with_it() {
    for era in [Era::Legacy, Era::Modern] {
        let (_peer, caller, _notices, opened) = listening(era).await;
        drop(caller);
        opened.closed().await;
    }
}

#[tokio::test]
async fn a_targets_own_questions_are_answered_on_its_session() {
    let (mut peer, _caller, _notices, opened) = listening(Era::Legacy).await;
    opened.say(r#"{"jsonrpc":"2.0","id":"p","method":"ping"}"#).await;
    assert_eq!(peer.answer().await, json!({ "jsonrpc": "2.0", "id": "p", "result": {} }));
    opened.say(r#"{"jsonrpc":"2.0","id":7,"method":"roots/list"}"#).await;
    let refused = peer.answer().await;
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(7), &json!(-32601)));
}

#[tokio::test]
async fn a_subscription_to_nothing_is_given_up() {
    let mut peer = Peer::start(Era::Modern).await;
    let (caller, _notices) = target(&peer);
    caller.list().await.unwrap();
    let opened = peer.opened().await;
    opened.acknowledge(json!({ "toolsListChanged": false })).await;
    opened.closed().await;
}

#[tokio::test]
async fn nothing_is_opened_before_a_call_or_where_nothing_is_announced() {
    let peer = Peer::start(Era::Modern).await;
    peer.announces_nothing();
    let (caller, _notices) = target(&peer);
    assert!(Wish::of(&caller.0.0).is_none() && caller.0.0.listener.task.get().is_none());
    caller.list().await.unwrap();
    assert!(caller.0.0.listener.task.get().is_some());
    assert!(Wish::of(&caller.0.0).is_none(), "discover does not name listChanged");

    let peer = Peer::start(Era::Legacy).await;
    peer.gives_no_session_id();
    let (caller, _notices) = target(&peer);
    caller.list().await.unwrap();
    assert!(Wish::of(&caller.0.0).is_none(), "a stream belongs to a session");
}

#[test]
fn a_status_tells_whether_asking_again_is_of_use() {
    let ending = |status: u16, kind: &str| {
        let head = Response::builder().status(status).header("content-type", kind);
        refused(&head.body(()).unwrap())
    };
    assert_eq!(ending(200, "text/event-stream; charset=utf-8"), None);
    for (status, kind) in [(200, "application/json"), (202, ""), (301, ""), (501, "")] {
        assert!(matches!(ending(status, kind), Some(Ending::NotOffered(_))), "{status}");
    }
    for status in [400, 404, 405, 406, 415] {
        let refused = ending(status, "text/event-stream");
        assert!(matches!(refused, Some(Ending::NotOffered(_))), "{status}");
    }
    for status in [401, 403, 408, 409, 429, 500, 502, 503, 504] {
        assert!(matches!(ending(status, ""), Some(Ending::Over(_))), "{status}");
    }
}

fn uris(uris: &[&str]) -> Watched {
    let uris = uris.iter().map(|uri| std::sync::Arc::from(*uri)).collect();
    std::sync::Arc::new(toolgate_call::Watch { uris, ..toolgate_call::Watch::default() })
}

fn update(uri: &str) -> String {
    let params = json!({ "uri": uri, "_meta": { "io.modelcontextprotocol/subscriptionId": 7 } });
    let method = "notifications/resources/updated";
    json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string()
}

/// Waits for word of a resource.
async fn updated(notices: &mut Notices, uri: &str) {
    let notice = timeout(LONG, notices.recv()).await.expect("no update was reported");
    assert_eq!(notice, Some(TargetNotice::Updated(uri.into())));
}

#[tokio::test]
async fn another_subscription_takes_over_before_the_first_one_goes() {
    let mut peer = Peer::start(Era::Modern).await;
    peer.announces_nothing();
    let watched = watch::Sender::new(Watched::default());
    let (caller, mut notices) = target_watching(&peer, watched.subscribe());
    caller.list().await.unwrap();
    watched.send_replace(uris(&["t://x"]));
    let first = peer.opened().await;
    let filter = |opened: &Opened| opened.body["params"]["notifications"].clone();
    assert_eq!(
        filter(&first),
        json!({ "resourceSubscriptions": ["t://x"] }),
        "lists were not promised"
    );
    first.acknowledge(filter(&first)).await;
    first.say(&update("t://x")).await;
    updated(&mut notices, "t://x").await;
    watched.send_replace(uris(&["t://x", "t://y"]));
    let second = peer.opened().await;
    assert_eq!(filter(&second), json!({ "resourceSubscriptions": ["t://x", "t://y"] }));
    first.say(&update("t://x")).await;
    updated(&mut notices, "t://x").await;
    second.acknowledge(filter(&second)).await;
    first.closed().await;
    second.say(&update("t://y")).await;
    updated(&mut notices, "t://y").await;
    assert!(notices.try_recv().is_err(), "nothing was missed, so that nothing may have changed");
    drop(second);
    let third = peer.opened().await;
    third.acknowledge(filter(&third)).await;
    changed(&mut notices).await;
    updated(&mut notices, "t://x").await;
    updated(&mut notices, "t://y").await;
}

#[tokio::test]
async fn an_older_target_is_asked_for_each_resource_on_each_session() {
    let mut peer = Peer::start(Era::Legacy).await;
    let watched = watch::Sender::new(uris(&["t://x"]));
    let (caller, mut notices) = target_watching(&peer, watched.subscribe());
    caller.list().await.unwrap();
    let opened = peer.opened().await;
    let asked = |said: serde_json::Value| (said["method"].clone(), said["params"]["uri"].clone());
    let subscribe = |uri: &str| (json!("resources/subscribe"), json!(uri));
    assert_eq!(asked(peer.answer().await), subscribe("t://x"));
    opened.say(&update("t://x")).await;
    updated(&mut notices, "t://x").await;
    watched.send_replace(uris(&["t://y"]));
    assert_eq!(asked(peer.answer().await), subscribe("t://y"));
    let gone = (json!("resources/unsubscribe"), json!("t://x"));
    assert_eq!(asked(peer.answer().await), gone);
    // Another stream of the same session carries what was subscribed to already.
    drop(opened);
    let opened = peer.opened().await;
    assert_eq!(opened.header("mcp-session-id"), "session-1");
    changed(&mut notices).await;
    updated(&mut notices, "t://y").await;
    watched.send_replace(uris(&["t://y", "t://z"]));
    assert_eq!(asked(peer.answer().await), subscribe("t://z"), "and not `t://y` again");
    watched.send_replace(uris(&["t://y"]));
    assert_eq!(asked(peer.answer().await).1, json!("t://z"));
    // The target is another one now; nobody calls it.
    peer.loses_its_session();
    peer.offers(404);
    drop(opened);
    let refused = peer.opened().await;
    assert_eq!(refused.header("mcp-session-id"), "session-1");
    peer.offers(200);
    assert_eq!(peer.opened().await.header("mcp-session-id"), "session-2");
    assert_eq!(asked(peer.answer().await), subscribe("t://y"), "again, on the new session");
    changed(&mut notices).await;
    updated(&mut notices, "t://y").await;
}

#[tokio::test]
async fn a_resource_that_a_target_does_not_take_costs_no_word_of_its_lists() {
    let mut peer = Peer::start(Era::Modern).await;
    let watched = watch::Sender::new(uris(&["t://gone"]));
    let (caller, mut notices) = target_watching(&peer, watched.subscribe());
    caller.list().await.unwrap();
    let first = peer.opened().await;
    let filter = |opened: &Opened| opened.body["params"]["notifications"].clone();
    assert_eq!(filter(&first)["resourceSubscriptions"], json!(["t://gone"]));
    let error = json!({ "code": -32602, "message": "no such resource" });
    let refusal = json!({ "jsonrpc": "2.0", "id": first.body["id"], "error": error });
    first.say(&refusal.to_string()).await;
    let second = peer.opened().await;
    assert_eq!(filter(&second).get("resourceSubscriptions"), None);
    second.acknowledge(filter(&second)).await;
    second.say(CHANGED).await;
    changed(&mut notices).await;
    // It is asked for beside that, in case the target takes it by now.
    let third = peer.opened().await;
    assert_eq!(filter(&third)["resourceSubscriptions"], json!(["t://gone"]));
    third.acknowledge(filter(&third)).await;
    second.closed().await;
}
