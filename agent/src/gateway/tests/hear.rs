//! Word of changes, from a gateway that answers as scripted.

use super::*;

const ACKNOWLEDGED: &str = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/acknowledged\",\"params\":{\"notifications\":{\"toolsListChanged\":true}}}\n\n";
const CHANGED: &str =
    "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n";
/// After a failed renewal.
const AGAIN: Duration = Duration::from_millis(10_001);
const HOUR: Duration = Duration::from_hours(1);
/// A second, and what timers round up.
const STEP: Duration = Duration::from_millis(1001);

fn live() -> Canned {
    Canned::events(&[ACKNOWLEDGED]).live()
}

/// A server that tells as scripted, and a gateway that has listed once.
async fn begun(tokens: Tokens, streams: Vec<Canned>) -> (Server, Gateway) {
    let lists = vec![result("{}"), listed(&["a"]), listed(&["b"]), listed(&["c"])];
    let server = Server::telling(lists, streams).await;
    let gateway = gateway(&server, tokens, HOUR);
    gateway.list().await.unwrap();
    (server, gateway)
}

/// Whatever is under way gets on; the clock does not.
async fn settled() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

async fn until(is: impl Fn() -> bool) {
    while !is() {
        tokio::task::yield_now().await;
    }
}

fn is_old(gateway: &Gateway) -> bool {
    gateway.0.list.get().unwrap().1 != Age::Good
}

/// One turn, and what it renews beside it.
async fn turn(gateway: &Gateway) -> Vec<String> {
    let had = gateway.list().await.unwrap();
    settled().await;
    had.tools.iter().map(|tool| tool.name.clone()).collect()
}

/// Ends the stream; how many seconds later the next one is asked for.
async fn pause_after_the_end(server: &Server) -> usize {
    let before = server.streams().len();
    pause();
    server.end_streams();
    settled().await;
    let mut seconds = 0;
    while server.streams().len() == before {
        assert!(seconds < 60, "it is not taken up again");
        advance(STEP).await;
        settled().await;
        seconds += 1;
    }
    resume();
    until(|| server.listeners() == 1).await;
    settled().await;
    seconds
}

#[tokio::test]
async fn the_turn_after_a_notice_has_the_new_list_on_one_stream() {
    let (server, gateway) = begun(Tokens::none(), vec![live()]).await;
    // What changed before the stream began was told to nobody.
    until(|| is_old(&gateway)).await;
    assert_eq!(turn(&gateway).await, ["a"], "nobody waits for it");
    until(|| !is_old(&gateway)).await;
    assert_eq!(lists(&server), 2);
    assert_eq!(turn(&gateway).await, ["b"]);
    assert_eq!(lists(&server), 2, "nothing was said");
    server.say(CHANGED);
    until(|| is_old(&gateway)).await;
    assert_eq!(lists(&server), 2, "a turn renews it, not the notice");
    assert!(gateway.known().unwrap().unwrap().ends_with("has changed since"));
    let (one, other) = (gateway.clone(), gateway.clone());
    let both = tokio::join!(turn(&one), turn(&other));
    assert_eq!(both, (vec!["c".to_owned()], vec!["c".to_owned()]));
    assert!(!is_old(&gateway) && !gateway.known().unwrap().unwrap().contains("since"));
    assert_eq!((lists(&server), server.streams().len(), server.listeners()), (3, 1, 1));
}

#[tokio::test]
async fn a_changed_list_that_does_not_come_is_not_waited_for_long() {
    let failing = Canned::json(503, "no");
    let lists = vec![result("{}"), listed(&["a"]), failing, Canned::events(&[]).live()];
    let server = Server::telling(lists, vec![live()]).await;
    let gateway = gateway(&server, Tokens::none(), HOUR);
    gateway.list().await.unwrap();
    until(|| server.listeners() == 1).await;
    server.say(CHANGED);
    let changed = || gateway.0.list.get().unwrap().1 == Age::Changed;
    until(changed).await;
    assert_eq!(turn(&gateway).await, ["a"], "it cannot be listed");
    assert!(!changed(), "it is not asked again at once");
    later(AGAIN).await;
    assert!(changed(), "it has changed all the same");
    let asking = tokio::spawn({
        let gateway = gateway.clone();
        async move { turn(&gateway).await }
    });
    until(|| self::lists(&server) == 3).await;
    later(SOON).await;
    assert_eq!(asking.await.unwrap(), ["a"], "nobody answers");
}

#[tokio::test]
async fn a_gateway_that_does_not_tell_is_asked_again_after_an_hour() {
    let unknown = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}"#;
    for no in [Canned::json(404, unknown), Canned::json(405, ""), Canned::json(404, "")] {
        let (server, gateway) = begun(Tokens::none(), vec![no]).await;
        until(|| server.streams().len() == 1).await;
        settled().await;
        assert!(!is_old(&gateway));
        later(HOUR - MINUTE).await;
        assert_eq!(turn(&gateway).await, ["a"], "the time of the list counts");
        until(|| !is_old(&gateway)).await;
        settled().await;
        assert_eq!(server.streams().len(), 1);
        later(MINUTE * 2).await;
        until(|| server.streams().len() == 2).await;
    }
}

#[tokio::test]
async fn a_stream_that_ends_is_taken_up_again_after_a_growing_pause() {
    let (server, gateway) = begun(Tokens::none(), vec![live()]).await;
    until(|| server.listeners() == 1).await;
    for seconds in [1, 2, 4, 8, 16, 30, 30] {
        assert_eq!(pause_after_the_end(&server).await, seconds);
    }
    later(MINUTE).await;
    assert_eq!(pause_after_the_end(&server).await, 1, "the last one held");
    assert!(is_old(&gateway), "what changed meanwhile was told to nobody");
    assert_eq!(server.listeners(), 1);
}

#[tokio::test]
async fn a_gateway_that_cannot_tell_now_is_asked_again() {
    let streams = vec![Canned::json(503, "no"), Canned::events(&[]).broken(), live()];
    let (server, _gateway) = begun(Tokens::none(), streams).await;
    until(|| server.streams().len() == 1).await;
    settled().await;
    assert_eq!(server.streams().len(), 1);
    later(STEP).await;
    until(|| server.streams().len() == 2).await;
    settled().await;
    assert_eq!(server.streams().len(), 2);
    later(STEP * 2).await;
    until(|| server.listeners() == 1).await;
}

#[tokio::test]
async fn a_stream_that_never_begins_is_given_up() {
    let (server, _gateway) = begun(Tokens::none(), vec![Canned::events(&[]).live(), live()]).await;
    until(|| server.listeners() == 1).await;
    settled().await;
    later(Duration::from_secs(15)).await;
    until(|| server.listeners() == 0).await;
    settled().await;
    later(STEP).await;
    until(|| server.listeners() == 1).await;
    assert_eq!(server.streams().len(), 2);
}

#[tokio::test]
async fn the_end_of_the_gateway_is_the_end_of_the_stream() {
    let (server, gateway) = begun(Tokens::none(), vec![live()]).await;
    until(|| server.listeners() == 1).await;
    let other = gateway.clone();
    drop(gateway);
    settled().await;
    assert_eq!(server.listeners(), 1, "somebody has it still");
    drop(other);
    until(|| server.listeners() == 0).await;
    later(MINUTE).await;
    settled().await;
    assert_eq!(server.streams().len(), 1);
    // While there is no stream.
    let (server, gateway) = begun(Tokens::none(), vec![Canned::json(503, "no")]).await;
    until(|| server.streams().len() == 1).await;
    settled().await;
    drop(gateway);
    later(MINUTE).await;
    settled().await;
    assert_eq!(server.streams().len(), 1);
}

#[tokio::test]
async fn a_token_that_is_not_taken_for_the_stream_is_renewed_once() {
    let no = || Canned::json(401, "no");
    let issuer = Server::start(vec![token("one"), token("two"), token("three")]).await;
    let tokens = fetched(&issuer, &Arc::default());
    let (server, _gateway) = begun(tokens, vec![no(), no(), no(), live()]).await;
    let shown = || -> Vec<String> {
        server.streams().iter().map(|seen| seen.header("authorization").to_owned()).collect()
    };
    until(|| server.streams().len() == 2).await;
    settled().await;
    assert_eq!(shown(), ["Bearer one", "Bearer two"]);
    later(STEP).await;
    until(|| server.listeners() == 1).await;
    assert_eq!(shown(), ["Bearer one", "Bearer two", "Bearer two", "Bearer three"]);
    assert_eq!(issuer.seen().len(), 3);
}

#[tokio::test]
async fn nothing_is_heard_of_a_gateway_that_did_not_list() {
    let server = Server::telling(vec![Canned::json(503, "no")], vec![live()]).await;
    let gateway = gateway(&server, Tokens::none(), HOUR);
    gateway.list().await.unwrap_err();
    settled().await;
    assert!(server.streams().is_empty());
}

#[tokio::test]
async fn what_changes_while_the_list_is_fetched_is_not_lost() {
    let list = List::new(HOUR);
    let fetched = Ok(Listed::default());
    let before = list.changes();
    list.changed();
    list.renewed(&fetched, before);
    assert_eq!(list.get().unwrap().1, Age::Changed, "it may be the list from before");
    list.renewed(&fetched, list.changes());
    assert_eq!(list.get().unwrap().1, Age::Good);
    list.outdated();
    assert_eq!(list.get().unwrap().1, Age::Old, "it may be the same");
}
