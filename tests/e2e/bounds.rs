//! What callers can make the gateway hold has bounds, and at a bound they are told the truth.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use toolgate_tests::client::Ask;
use toolgate_tests::gateway::{Gateway, parse_log};
use toolgate_tests::sick::{Act, Era, Sick};
use toolgate_tests::wait::until;

use crate::expect::{OPEN, Refused, fine};

async fn before(sick: &Sick, more: &str) -> Result<Gateway> {
    let url = sick.url();
    let config = format!("{OPEN}{more}targets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n");
    Gateway::start(&config).await
}

fn overloaded(says: &'static str) -> Refused {
    Refused {
        status: 503,
        code: 503,
        says,
        reason: "overloaded",
        blame: "gateway",
        retry_safe: true,
    }
}

fn head(gateway: &Gateway, more: &str) -> String {
    let host = gateway.listen();
    format!("POST /mcp HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n\r\n")
}

#[tokio::test]
async fn large_bodies_of_all_callers_together_have_a_limit() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, "limits: { body: 256KiB, bodies: 300KiB }\n").await?;
    let mut holder = TcpStream::connect(gateway.listen()).await?;
    let of_json = "Content-Type: application/json\r\nContent-Length: 250000";
    holder.write_all(head(&gateway, of_json).as_bytes()).await?;
    holder.write_all(&vec![b' '; 249_999]).await?;
    let client = gateway.client();
    let call = |size: usize| client.tool("sick___write", json!({ "text": "x".repeat(size) }));
    let refused = until("the held body is counted", async || {
        let answer = call(200_000).await?;
        Ok((answer.status == 503).then_some(answer))
    })
    .await?;
    overloaded("large request bodies").check(&gateway, &refused).await?;
    assert_eq!(refused.header("retry-after").as_deref(), Some("1"));
    fine(&gateway, &call(1000).await?).await?;
    drop(holder);
    until("what a caller held is free when it has left", async || {
        Ok((call(200_000).await?.status == 200).then_some(()))
    })
    .await?;
    gateway.books_agree().await
}

#[tokio::test]
async fn a_caller_that_leaves_in_the_middle_of_its_body_has_cancelled() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, "").await?;
    let mut caller = TcpStream::connect(gateway.listen()).await?;
    let of_json = "Content-Type: application/json\r\nContent-Length: 100";
    caller.write_all(head(&gateway, of_json).as_bytes()).await?;
    caller.write_all(b"{").await?;
    drop(caller);
    let line =
        until("it is in the access log", async || Ok(parse_log(&gateway.access_log())?.pop()))
            .await?;
    assert_eq!((&line["reason"], &line["blame"]), (&json!("client_cancelled"), &json!("caller")));
    gateway.books_agree().await
}

#[tokio::test]
async fn a_call_can_be_cancelled_when_every_permit_is_taken() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, "limits: { concurrency: 1 }\n").await?;
    let session = gateway.client().session().await?;
    sick.then([Act::Hang]);
    let calling = session.clone();
    let call = tokio::spawn(async move { calling.tool("sick___write", json!({})).await });
    sick.until_called("write", 1).await?;
    let shed = session.tool("sick___write", json!({})).await?;
    overloaded("its limit of 1 calls").check(&gateway, &shed).await?;
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#;
    assert_eq!(session.send(cancel).await?.status, 202);
    let cancelled = call.await??;
    assert_eq!(cancelled.status, 200, "an answer in band, as everything in that era");
    assert_eq!(cancelled.message()?["error"]["data"]["reason"], "client_cancelled");
    sick.until_hung_up(1).await?;
    assert_eq!(session.end().await?.status, 204);
    gateway.books_agree().await
}

#[tokio::test]
async fn streams_of_sessions_have_a_limit() -> Result<()> {
    let sick = Sick::start(Era::Legacy).await?;
    let gateway = before(&sick, "limits: { streams: 1 }\n").await?;
    let session = gateway.client().session().await?;
    let first = session.stream().await?;
    assert_eq!(first.status, 200);
    let second = session.stream().await?.finish().await?;
    overloaded("its limit of 1 open streams").check(&gateway, &second).await?;
    drop(first);
    until("the place is free again", async || {
        Ok((session.stream().await?.status == 200).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_stream_is_not_opened_for_a_caller_that_takes_none() -> Result<()> {
    let sick = Sick::start(Era::Legacy).await?;
    let gateway = before(&sick, "").await?;
    let session = gateway.client().session().await?;
    let ask = Ask::get("/mcp")
        .header("mcp-protocol-version", "2025-11-25")
        .header("mcp-session-id", &session.id)
        .header("accept", "application/json");
    let answer = gateway.client().send(ask.clone()).await?;
    let wanted = Refused::caller(406, -32600, "invalid_request", "accept text/event-stream");
    wanted.check(&gateway, &answer).await?;
    let stream = gateway.client().open(ask.instead("accept", "Text/Event-Stream")).await?;
    assert_eq!(stream.status, 200, "media types are the same in capitals");
    Ok(())
}

/// A gateway that closed over unread bytes would reset the connection, answer and all.
#[tokio::test]
async fn a_refusal_by_the_head_reaches_a_caller_that_writes_its_body_first() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, "").await?;
    let size = 900_000;
    for (more, status) in [
        ("Content-Type: text/plain", "HTTP/1.1 415"),
        ("Content-Type: application/json\r\nAccept: text/html", "HTTP/1.1 406"),
        ("Origin: https://evil.example.com", "HTTP/1.1 403"),
    ] {
        let mut caller = TcpStream::connect(gateway.listen()).await?;
        let head = head(&gateway, &format!("{more}\r\nContent-Length: {size}"));
        caller.write_all(head.as_bytes()).await?;
        caller.write_all(&vec![b'x'; size / 2]).await.with_context(|| more.to_owned())?;
        let early = timeout(Duration::from_millis(50), caller.read_u8()).await;
        assert!(early.is_err(), "answered, and closed, while the caller still writes: {early:?}");
        // The gateway does not wait for long, so a slow machine may find it closed.
        let _late = caller.write_all(&vec![b'x'; size / 2]).await;
        let mut told = String::new();
        caller.read_to_string(&mut told).await.with_context(|| more.to_owned())?;
        assert!(told.starts_with(status), "{told}");
    }
    // Whoever waits to be asked for its body is not asked.
    let expecting = "Content-Type: text/plain\r\nExpect: 100-continue\r\nContent-Length: 1000000";
    let told = gateway.client().raw(head(&gateway, expecting).as_bytes()).await?;
    assert!(told.starts_with("HTTP/1.1 415"), "{told}");
    gateway.books_agree().await
}

#[tokio::test]
async fn a_refused_request_is_recorded_with_what_could_be_read_of_it() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, "").await?;
    let ask = Ask::tool("sick___write", json!({})).instead("mcp-name", "other");
    let answer = gateway.client().send(ask).await?;
    assert_eq!(answer.message()?["id"], 1);
    let line = gateway.line_of(&answer).await?;
    assert_eq!((&line["method"], &line["status"]), (&json!("tools/call"), &json!(400)));
    let metrics = gateway.metrics().await?;
    let refused = [("mcp_method_name", "tools/call"), ("outcome", "caller")];
    assert_eq!(metrics.sum("toolgate_requests_total", &refused), 1.0);
    Ok(())
}

#[tokio::test]
async fn a_connection_too_many_is_closed_and_counted_and_the_others_stay() -> Result<()> {
    const ROOM: usize = 4;
    const TOO_MANY: usize = 3;
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, "limits: { connections: 4 }\n").await?;
    // The harness' look at the port is a connection until the gateway has seen it go.
    let open = async |wanted: f64| {
        until(format!("{wanted} connections are open"), async || {
            let now = gateway.metrics().await?.sum("toolgate_connections_active", &[]);
            Ok((now == wanted).then_some(()))
        })
        .await
    };
    open(0.0).await?;
    let mut kept = gateway.client().kept();
    kept.send(Ask::tool("sick___read", json!({}))).await?.result()?;
    let mut held = Vec::new();
    for _ in 1..ROOM {
        held.push(TcpStream::connect(gateway.listen()).await?);
    }
    open(f64::from(u32::try_from(ROOM)?)).await?;
    for _ in 0..TOO_MANY {
        let mut turned_away = TcpStream::connect(gateway.listen()).await?;
        let closed = timeout(Duration::from_secs(5), turned_away.read(&mut [0])).await?;
        assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    }
    kept.send(Ask::tool("sick___read", json!({}))).await?.result()?;
    let labels = [("reason", "limit")];
    let counted = gateway.metrics().await?.sum("toolgate_connections_rejected_total", &labels);
    assert_eq!(counted, f64::from(u32::try_from(TOO_MANY)?));
    held.clear();
    open(1.0).await?;
    gateway.client().tool("sick___read", json!({})).await?.result()?;
    Ok(())
}
