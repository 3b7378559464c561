//! How a call ends before its time: the gateway stops, or the caller goes away.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Request;
use http::request::Builder;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use toolgate_tests::client::{Ask, LEGACY, message};
use toolgate_tests::gateway::{Gateway, parse_log};
use toolgate_tests::process::Scratch;
use toolgate_tests::sick::{Act, Era, Shape, Sick};
use toolgate_tests::wait::until;

use crate::expect::OPEN;

async fn before(sick: &Sick, grace: &str) -> Result<Gateway> {
    let url = sick.url();
    let config = format!(
        "{OPEN}shutdown: {{ grace: {grace} }}\ntargets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n"
    );
    Gateway::start(&config).await
}

/// The line of a call that the caller did not wait for.
async fn line_of_call(gateway: &Gateway) -> Result<Value> {
    until("the call is in the access log", async || {
        let lines = parse_log(&gateway.access_log())?;
        Ok(lines.into_iter().find(|line| line["method"] == "tools/call"))
    })
    .await
}

#[tokio::test]
async fn a_call_in_flight_is_finished_before_the_gateway_exits_with_0() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, "10s").await?;
    let client = gateway.client();
    sick.then([Act::Hold]);
    let call = tokio::spawn(async move { client.tool("sick___write", json!({})).await });
    sick.until_called("write", 1).await?;
    gateway.terminate()?;
    let client = gateway.client();
    until("no new connection is served", async || {
        Ok(client.modern("server/discover", json!({})).await.is_err().then_some(()))
    })
    .await?;
    assert!(!call.is_finished());
    let released = Instant::now();
    sick.release(1);
    let answer = call.await??;
    assert_eq!(answer.content()?, "done");
    let stopped = gateway.ended().await?;
    assert!(released.elapsed() < Duration::from_secs(5), "{:?}", released.elapsed());
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.stderr);
    let lines = parse_log(&stopped.access_log)?;
    let id = answer.header("x-request-id").context("an id")?;
    let line = lines.iter().find(|line| line["request_id"] == id).context("the call's line")?;
    assert_eq!(line["outcome"], "ok");
    Ok(())
}

#[tokio::test]
async fn a_call_that_does_not_finish_ends_with_the_grace_period_and_is_logged() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, "1s").await?;
    let client = gateway.client();
    sick.then([Act::Hang]);
    let call = tokio::spawn(async move { client.tool("sick___write", json!({})).await });
    sick.until_called("write", 1).await?;
    let start = Instant::now();
    let stopped = gateway.stop().await?;
    let took = start.elapsed();
    assert!((Duration::from_millis(900)..Duration::from_secs(4)).contains(&took), "{took:?}");
    let call = call.await?;
    ensure!(call.is_err() || call?.result().is_err(), "an answer out of nothing");
    let lines = parse_log(&stopped.access_log)?;
    let line = lines.iter().find(|line| line["method"] == "tools/call");
    let line = line.context("nothing is lost silently: the call has a line")?;
    assert_ne!(line["outcome"], "ok");
    assert_ne!(line["blame"], "caller", "the caller did not leave: {line}");
    Ok(())
}

#[tokio::test]
async fn an_idle_gateway_exits_at_once_and_every_line_is_written() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, "10s").await?;
    for _ in 0..50 {
        gateway.client().tool("sick___write", json!({})).await?.result()?;
    }
    let start = Instant::now();
    let stopped = gateway.stop().await?;
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(stopped.status.code(), Some(0));
    let calls = parse_log(&stopped.access_log)?;
    assert_eq!(calls.iter().filter(|line| line["method"] == "tools/call").count(), 50);
    Ok(())
}

#[tokio::test]
async fn an_open_stream_of_a_session_does_not_keep_the_gateway_from_exiting() -> Result<()> {
    let sick = Sick::start(Era::Legacy).await?;
    let gateway = before(&sick, "8s").await?;
    let session = gateway.client().session().await?;
    let stream = session.stream().await?;
    assert_eq!(stream.status, 200);
    let start = Instant::now();
    let stopped = gateway.stop().await?;
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(stopped.status.code(), Some(0));
    drop(stream);
    Ok(())
}

#[tokio::test]
async fn a_modern_target_sees_the_connection_close_when_the_caller_leaves() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, "1s").await?;
    let client = gateway.client();
    sick.then([Act::Hang]);
    let call = tokio::spawn(async move { client.tool("sick___write", json!({})).await });
    sick.until_called("write", 1).await?;
    call.abort();
    sick.until_hung_up(1).await?;
    left(&line_of_call(&gateway).await?)?;
    assert_eq!(sick.asked("notifications/cancelled"), 0);
    gateway.books_agree().await
}

#[tokio::test]
async fn a_caller_that_leaves_in_the_middle_of_a_stream_cancels_it() -> Result<()> {
    for era in [Era::Modern, Era::Legacy] {
        let sick = Sick::start(era).await?;
        let gateway = before(&sick, "1s").await?;
        sick.then([Act::Stream(Shape::Hang)]);
        let mut stream = gateway.client().open(Ask::verbose_tool("sick___write")).await?;
        assert_eq!(stream.next_message().await?["params"]["data"]["number"], 0);
        drop(stream);
        sick.until_hung_up(1).await?;
        let line = line_of_call(&gateway).await?;
        left(&line)?;
        assert_eq!(line["streamed"], true);
        let told = usize::from(era == Era::Legacy);
        until("an older target is told as well", async || {
            Ok((sick.asked("notifications/cancelled") == told).then_some(()))
        })
        .await?;
        gateway.books_agree().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_call_that_streams_is_in_flight_and_holds_its_permit_until_its_end() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, "1s").await?;
    sick.then([Act::Stream(Shape::Hang)]);
    let mut stream = gateway.client().open(Ask::verbose_tool("sick___write")).await?;
    stream.next_message().await?;
    let metrics = gateway.metrics().await?;
    let in_use = metrics.sum("toolgate_concurrency_in_use", &[("target", "sick")]);
    let active = metrics.sum("toolgate_requests_active", &[]);
    assert_eq!((in_use, active), (1.0, 1.0), "permits in use and calls in flight");
    drop(stream);
    until("nothing is in flight", async || {
        let metrics = gateway.metrics().await?;
        let in_use = metrics.sum("toolgate_concurrency_in_use", &[("target", "sick")]);
        Ok((in_use + metrics.sum("toolgate_requests_active", &[]) < 1.0).then_some(()))
    })
    .await
}

#[tokio::test]
async fn an_older_target_is_told_when_the_caller_leaves() -> Result<()> {
    let sick = Sick::start(Era::Legacy).await?;
    let gateway = before(&sick, "1s").await?;
    let client = gateway.client();
    sick.then([Act::Hang]);
    let call = tokio::spawn(async move { client.tool("sick___write", json!({})).await });
    sick.until_called("write", 1).await?;
    call.abort();
    until("the target is told", async || {
        Ok((sick.asked("notifications/cancelled") > 0).then_some(()))
    })
    .await?;
    let seen = sick.seen();
    let sent = seen.iter().find(|seen| seen.tool == "write").context("the call")?;
    let told = seen.iter().find(|seen| seen.method == "notifications/cancelled");
    let told = told.context("the notification")?;
    assert_eq!(told.json()["params"]["requestId"], sent.json()["id"]);
    assert_eq!(told.header("mcp-session-id"), sent.header("mcp-session-id"));
    left(&line_of_call(&gateway).await?)?;
    gateway.books_agree().await
}

#[tokio::test]
async fn a_child_is_told_when_the_caller_leaves() -> Result<()> {
    let scratch = Scratch::new()?;
    let record = scratch.path().join("record");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/sick_stdio.py");
    let config = format!(
        "{OPEN}targets:\n  child: {{ stdio: {{ command: [python3, {script:?}, modern, {record:?}] }} }}\n"
    );
    let gateway = Gateway::start(&config).await?;
    let client = gateway.client();
    until("the child answers", async || {
        Ok(client.tool("child___read", json!({})).await?.result().is_ok().then_some(()))
    })
    .await?;
    let read = || std::fs::read_to_string(&record).unwrap_or_default();
    let call = tokio::spawn(async move { client.tool("child___hang", json!({})).await });
    until("the call is with the child", async || Ok(read().contains("\"hang\"").then_some(())))
        .await?;
    call.abort();
    until("the child is told", async || {
        Ok(read().contains("notifications/cancelled").then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_client_of_the_older_era_cancels_its_call_by_notification() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, "1s").await?;
    let session = gateway.client().session().await?;
    sick.then([Act::Hang]);
    let calling = session.clone();
    let call = tokio::spawn(async move { calling.tool("sick___write", json!({})).await });
    sick.until_called("write", 1).await?;
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#;
    assert_eq!(session.send(cancel).await?.status, 202);
    sick.until_hung_up(1).await?;
    // Someone must end the exchange; what it says is read by nobody.
    drop(call.await?);
    left(&line_of_call(&gateway).await?)?;
    gateway.books_agree().await
}

#[tokio::test]
async fn another_session_cannot_cancel_a_call() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, "1s").await?;
    let (session, other) = (gateway.client().session().await?, gateway.client().session().await?);
    sick.then([Act::Hold]);
    let calling = session.clone();
    let call = tokio::spawn(async move { calling.tool("sick___write", json!({})).await });
    sick.until_called("write", 1).await?;
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#;
    assert_eq!(other.send(cancel).await?.status, 202);
    sick.release(1);
    assert_eq!(call.await??.content()?, "done");
    Ok(())
}

#[tokio::test]
async fn a_caller_that_leaves_before_its_body_is_whole_is_logged_and_forgotten() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, "1s").await?;
    let announced = Ask::modern_raw("1", "tools/call", "{}").header("content-length", "5000");
    let client = gateway.client();
    let sent = tokio::spawn(async move { client.send(announced).await });
    until("the call is in flight", async || {
        let metrics = gateway.metrics().await?;
        Ok((metrics.sum("toolgate_requests_active", &[]) >= 1.0).then_some(()))
    })
    .await?;
    sent.abort();
    until("nobody is in flight", async || {
        let metrics = gateway.metrics().await?;
        Ok((metrics.sum("toolgate_requests_active", &[]) < 1.0).then_some(()))
    })
    .await?;
    gateway.books_agree().await
}

/// A caller over HTTP/2 (prior knowledge): each of its requests is a stream of one connection.
async fn over_http2(gateway: &Gateway) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(gateway.listen()).await?;
    let io = TokioIo::new(stream);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

fn http2_request(gateway: &Gateway, method: &str, headers: &[(&str, &str)]) -> Builder {
    let mut request = Request::builder().method(method).uri(gateway.mcp_url());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
}

#[tokio::test]
async fn a_call_over_http2_that_does_not_finish_is_told_so_at_the_end_of_the_grace_period()
-> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, "1s").await?;
    let session = gateway.client().session().await?;
    let mut sender = over_http2(&gateway).await?;
    sick.then([Act::Hang]);
    let headers = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", LEGACY),
        ("mcp-session-id", session.id.as_str()),
    ];
    let call = message("7", "tools/call", r#"{"name":"sick___write"}"#);
    let call = http2_request(&gateway, "POST", &headers).body(Full::from(call))?;
    let answering = tokio::spawn(async move {
        let answer = sender.send_request(call).await?;
        let (head, body) = answer.into_parts();
        anyhow::Ok((head.status.as_u16(), body.collect().await?.to_bytes()))
    });
    sick.until_called("write", 1).await?;
    let stopped = gateway.stop().await?;
    let (status, body) = answering.await??;
    let body: Value = serde_json::from_slice(&body)?;
    assert_eq!((status, &body["error"]["data"]["reason"]), (503, &json!("shutdown")));
    let lines = parse_log(&stopped.access_log)?;
    let line = lines.iter().find(|line| line["method"] == "tools/call").context("its line")?;
    assert_eq!((&line["reason"], &line["blame"]), (&json!("shutdown"), &json!("gateway")));
    Ok(())
}

#[tokio::test]
async fn an_open_stream_over_http2_does_not_keep_the_gateway_from_exiting() -> Result<()> {
    let sick = Sick::start(Era::Legacy).await?;
    let gateway = before(&sick, "8s").await?;
    let session = gateway.client().session().await?;
    let mut sender = over_http2(&gateway).await?;
    let headers = [
        ("accept", "text/event-stream"),
        ("mcp-protocol-version", LEGACY),
        ("mcp-session-id", session.id.as_str()),
    ];
    let open = http2_request(&gateway, "GET", &headers).body(Full::default())?;
    let stream = sender.send_request(open).await?;
    assert_eq!(stream.status(), 200);
    let start = Instant::now();
    let reading = tokio::spawn(stream.into_body().collect());
    let stopped = gateway.stop().await?;
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(stopped.status.code(), Some(0));
    reading.await?.context("the stream ends well")?;
    Ok(())
}

/// The call ended because its caller left.
fn left(line: &Value) -> Result<()> {
    let said = (&line["reason"], &line["blame"], &line["outcome"]);
    ensure!(said == (&json!("client_cancelled"), &json!("caller"), &json!("caller")), "{line}");
    Ok(())
}
