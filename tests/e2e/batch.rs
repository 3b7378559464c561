//! Several messages in one POST, which only sessions of 2025-03-26 may send.

use anyhow::{Context, Result, bail, ensure};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use toolgate_tests::client::{Answer, Ask, LEGACY, MODERN, message, with_meta};
use toolgate_tests::gateway::{Gateway, parse_log};
use toolgate_tests::sick::{Act, Era, Sick};
use toolgate_tests::wait::until;

use crate::expect::OPEN;

/// The only revision with batches.
const BATCHED: &str = "2025-03-26";
const INVALID_REQUEST: i64 = -32600;

/// A session that agreed on that revision.
async fn session(gateway: &Gateway, version: &str) -> Result<String> {
    let info = json!({ "name": "e2e", "version": "1" });
    let params = json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": info });
    let body = message("1", "initialize", &params.to_string());
    let answer = gateway.client().send(Ask::post(body)).await?;
    answer.header("mcp-session-id").context("no session")
}

/// A POST in a session, without a revision in its headers, as clients of 2025-03-26 send it.
fn ask(session: &str, body: impl Into<String>) -> Ask {
    Ask::post(body.into()).header("mcp-session-id", session)
}

async fn send(gateway: &Gateway, session: &str, body: impl Into<String>) -> Result<Answer> {
    gateway.client().send(ask(session, body)).await
}

fn call(id: &str, tool: &str, arguments: &Value) -> String {
    message(id, "tools/call", &json!({ "name": tool, "arguments": arguments }).to_string())
}

fn batch(messages: &[String]) -> String {
    format!("[{}]", messages.join(","))
}

/// The whole batch is refused, and none of it was done.
fn refused(answer: &Answer, status: u16, says: &str) -> Result<()> {
    let message = answer.message()?;
    let error = &message["error"];
    let as_expected = answer.status == status
        && error["code"] == INVALID_REQUEST
        && error["message"].as_str().unwrap_or_default().contains(says);
    ensure!(as_expected, "{says:?} expected: {} {message}", answer.status);
    Ok(())
}

async fn open() -> Result<Gateway> {
    Gateway::start(&format!("{OPEN}targets:\n  clock: {{ builtin: clock }}\n")).await
}

const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

#[tokio::test]
async fn each_request_of_a_batch_is_answered_and_recorded_by_itself() -> Result<()> {
    let gateway = open().await?;
    let session = session(&gateway, BATCHED).await?;
    let messages = [
        call("1", "clock___sleep", &json!({ "ms": 50 })),
        INITIALIZED.to_owned(),
        message(r#""two""#, "ping", "{}"),
        call("3.5", "clock___nothing", &json!({})),
        r#"{"jsonrpc":"2.0","id":4}"#.to_owned(),
        message("123456789012345678901234567890", "tools/list", "{}"),
    ];
    let answer = send(&gateway, &session, batch(&messages)).await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type").as_deref(), Some("application/json"));
    for id in ["1", "\"two\"", "3.5", "4", "123456789012345678901234567890"] {
        ensure!(answer.text().contains(&format!(r#""id":{id},"#)), "{id}: {}", answer.text());
    }
    let answers: Vec<Value> = serde_json::from_str(&answer.text())?;
    let codes: Vec<&Value> = answers.iter().map(|answer| &answer["error"]["code"]).collect();
    // In the order of the requests, although the first was ready last.
    assert_eq!(codes, [&Value::Null, &Value::Null, &json!(-32602), &json!(-32600), &Value::Null]);
    let id = answer.header("x-request-id").context("no X-Request-Id")?;
    for (number, method, reason) in [
        (1, "tools/call", Value::Null),
        (2, "notifications/initialized", Value::Null),
        (3, "ping", Value::Null),
        (4, "tools/call", json!("target_unknown")),
        (5, "_OTHER", json!("invalid_request")),
        (6, "tools/list", Value::Null),
    ] {
        let line = gateway.line(&format!("{id}.{number}")).await?;
        assert_eq!((&line["method"], &line["reason"]), (&json!(method), &reason), "{line}");
    }
    let slow = gateway.line(&format!("{id}.1")).await?;
    let quick = gateway.line(&format!("{id}.3")).await?;
    let took = |line: &Value| line["duration_ms"].as_f64().context("a duration");
    ensure!(took(&slow)? >= 50.0 && took(&quick)? < 50.0, "{slow}, {quick}");
    ensure!(slow["trace_id"] != quick["trace_id"], "one trace for two calls");
    gateway.books_agree().await?;
    // The batch itself is not a call: six messages and the handshake.
    assert_eq!(parse_log(&gateway.access_log())?.len(), 7);
    Ok(())
}

#[tokio::test]
async fn a_batch_of_notifications_is_accepted_without_an_answer() -> Result<()> {
    let gateway = open().await?;
    let session = session(&gateway, BATCHED).await?;
    let answer = send(&gateway, &session, batch(&[INITIALIZED.into(), INITIALIZED.into()])).await?;
    assert_eq!((answer.status, answer.text().as_str()), (202, ""));
    gateway.books_agree().await
}

#[tokio::test]
async fn a_call_that_streams_makes_a_stream_of_the_batch() -> Result<()> {
    let gateway = open().await?;
    let session = session(&gateway, BATCHED).await?;
    let meta = json!({ "progressToken": "t" });
    let params = json!({ "name": "clock___sleep", "arguments": { "ms": 80 }, "_meta": meta });
    let messages = [
        message("1", "tools/call", &params.to_string()),
        message("2", "ping", "{}"),
        call("3", "clock___sleep", &json!({ "ms": 200 })),
        INITIALIZED.to_owned(),
    ];
    let answer = send(&gateway, &session, batch(&messages)).await?;
    assert_eq!(answer.header("content-type").as_deref(), Some("text/event-stream"));
    let said = answer.messages()?;
    let place = |id: u64| said.iter().position(|message| message["id"] == id);
    let progress = said.iter().filter(|said| said["method"] == "notifications/progress").count();
    let last = said.iter().rposition(|said| said["method"] == "notifications/progress");
    ensure!(progress == 3 && last < place(1), "{said:?}");
    ensure!(place(2) < place(1) && place(1) < place(3) && said.len() == 6, "{said:?}");
    gateway.books_agree().await?;
    // Who takes no stream gets an array; who takes nothing else, a stream.
    let only = |kind| ask(&session, batch(&messages)).instead("accept", kind);
    let answer = gateway.client().send(only("application/json")).await?;
    assert_eq!(serde_json::from_str::<Vec<Value>>(&answer.text())?.len(), 3);
    let pings = batch(&[message("1", "ping", "{}"), message("2", "ping", "{}")]);
    let ask = ask(&session, pings).instead("accept", "text/event-stream");
    assert_eq!(gateway.client().send(ask).await?.messages()?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_batch_elsewhere_than_in_such_a_session_is_refused() -> Result<()> {
    let gateway = open().await?;
    let pings = batch(&[message("1", "ping", "{}")]);
    let only = "in a session of 2025-03-26 only";
    refused(&gateway.client().send(Ask::post(pings.clone())).await?, 400, only)?;
    for version in ["2025-06-18", LEGACY] {
        let session = session(&gateway, version).await?;
        // The header is not what decides: the session is.
        refused(&send(&gateway, &session, pings.clone()).await?, 400, only)?;
        let named = ask(&session, pings.clone()).header("mcp-protocol-version", BATCHED);
        refused(&gateway.client().send(named).await?, 400, only)?;
    }
    let session = session(&gateway, BATCHED).await?;
    let named = ask(&session, pings.clone()).header("mcp-protocol-version", MODERN);
    refused(&gateway.client().send(named).await?, 400, only)?;
    let unknown = send(&gateway, "nobodys", pings).await?;
    assert_eq!(unknown.status, 404, "{}", unknown.text());
    gateway.books_agree().await
}

#[tokio::test]
async fn a_batch_that_is_wrong_as_a_whole_is_refused_and_none_of_it_is_done() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let url = sick.url();
    let config = format!(
        "{OPEN}limits: {{ body: 4KiB, bodies: 128KiB }}\ntargets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n"
    );
    let gateway = Gateway::start(&config).await?;
    let session = session(&gateway, BATCHED).await?;
    let good = || call("1", "sick___write", &json!({}));
    let info = json!({ "name": "e2e", "version": "1" });
    let begin = json!({ "protocolVersion": BATCHED, "capabilities": {}, "clientInfo": info });
    let modern = message("2", "tools/list", &with_meta(json!({})));
    let answer = r#"{"jsonrpc":"2.0","id":2,"result":{}}"#;
    let many: Vec<String> = (0..51).map(|id| message(&id.to_string(), "ping", "{}")).collect();
    for (body, says) in [
        ("[]".to_owned(), "must not be empty"),
        (batch(&[good(), message("2", "initialize", &begin.to_string())]), "cannot be part"),
        (batch(&[good(), message("1", "ping", "{}")]), "the same `id`"),
        (
            batch(&[
                call("\"a\"", "sick___write", &json!({})),
                message(r#""\u0061""#, "ping", "{}"),
            ]),
            "the same `id`",
        ),
        (batch(&[good(), modern]), "has no batches"),
        (batch(&[good(), answer.to_owned()]), "never both"),
        (batch(&many), "at most 50"),
    ] {
        refused(&send(&gateway, &session, body).await?, 400, says)?;
    }
    // Answers alone may come together; what was never asked is of no interest.
    let answers = send(&gateway, &session, batch(&[answer.to_owned(), answer.to_owned()])).await?;
    assert_eq!((answers.status, answers.text().as_str()), (202, ""));
    let elsewhere = r#"{"jsonrpc":"2.0","id":"tg-0-1","result":{}}"#;
    let lost = send(&gateway, &session, batch(&[answer.to_owned(), elsewhere.to_owned()])).await?;
    let lost_text = lost.text();
    let errors: Vec<Value> = serde_json::from_str(&lost_text)?;
    let [error] = &*errors else { bail!("one error for the one that is lost: {lost_text}") };
    assert_eq!((lost.status, &error["error"]["code"]), (400, &json!(INVALID_REQUEST)), "{error}");
    let says = error["error"]["message"].as_str().unwrap_or_default();
    ensure!(says.starts_with("this answers a question of another replica"), "{says}");
    let broken = send(&gateway, &session, format!("[{},", good())).await?;
    assert_eq!(broken.message()?["error"]["code"], -32700);
    let large = call("1", "sick___write", &json!({ "text": "x".repeat(5000) }));
    assert_eq!(send(&gateway, &session, batch(&[large])).await?.status, 413);
    assert_eq!(sick.calls("write"), 0);
    gateway.books_agree().await
}

#[tokio::test]
async fn a_flood_of_batches_passes_the_limits_call_by_call() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let url = sick.url();
    let target = format!("mcp: {{ url: \"{url}\" }}, concurrency: 4, retry: {{ attempts: 1 }}");
    let config = format!(
        "{OPEN}limits: {{ concurrency: 10 }}\ntargets:\n  sick: {{ {target} }}\n  clock: {{ builtin: clock }}\n"
    );
    let gateway = Gateway::start(&config).await?;
    let session = session(&gateway, BATCHED).await?;
    let first = send(&gateway, &session, call("1", "sick___write", &json!({}))).await?;
    ensure!(first.status == 200, "{}", first.text());
    let calls: Vec<String> =
        (0..50).map(|id| call(&id.to_string(), "sick___write", &json!({}))).collect();
    let body = batch(&calls);
    let answers = try_join_all((0..20).map(|_| send(&gateway, &session, body.clone()))).await?;
    let (mut done, mut shed) = (0, 0);
    for answer in answers {
        let all: Vec<Value> = serde_json::from_str(&answer.text())?;
        assert_eq!(all.len(), 50);
        for (at, one) in all.iter().enumerate() {
            assert_eq!(one["id"], at);
            if one.get("result").is_some() {
                done += 1;
            } else {
                assert_eq!(one["error"]["data"]["reason"], "overloaded", "{one}");
                shed += 1;
            }
        }
    }
    ensure!(done >= 4 && shed > 0 && done + shed == 1000, "{done} done, {shed} shed");
    assert_eq!(sick.calls("write"), done + 1);
    gateway.books_agree().await?;
    until("nothing is in flight", async || {
        let active = gateway.metrics().await?.sum("toolgate_requests_active", &[]);
        Ok((active < 1.0).then_some(()))
    })
    .await
}

#[tokio::test]
async fn whoever_leaves_cancels_every_call_of_its_batch() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let url = sick.url();
    let gateway =
        Gateway::start(&format!("{OPEN}targets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n"))
            .await?;
    let session = session(&gateway, BATCHED).await?;
    sick.then([Act::Hang, Act::Hang]);
    let calls = ["1", "2"].map(|id| call(id, "sick___write", &json!({})));
    let (client, ask) = (gateway.client(), ask(&session, batch(&calls)));
    let sending = tokio::spawn(async move { client.send(ask).await });
    sick.until_called("write", 2).await?;
    sending.abort();
    sick.until_hung_up(2).await?;
    until("both are recorded", async || {
        let lines = parse_log(&gateway.access_log())?;
        let left = lines.iter().filter(|line| line["reason"] == "client_cancelled").count();
        Ok((left == 2).then_some(()))
    })
    .await?;
    gateway.books_agree().await
}
