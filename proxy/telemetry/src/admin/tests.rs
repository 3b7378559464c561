//! The admin server over a real socket.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::host::is_ours;
use super::{Admin, Check, Ends, converse, level, serve};
use crate::agent::{AgentOptions, AgentTelemetry};
use crate::diagnostics::Levels;
use crate::{AccessLogTo, Telemetry};

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

fn check(name: &str, ok: bool, required: bool) -> Check {
    Check { name: name.to_owned(), ok, required, detail: format!("{name}: {ok}") }
}

async fn start(checks: Vec<Check>) -> Server {
    let admin = Admin::new(Telemetry::for_tests(), Arc::new(move || checks.clone()));
    started(admin.hosts(&["gateway.internal:8800".to_owned()])).await
}

async fn started(admin: Admin) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(serve(listener, admin, async {
        stopped.await.ok();
    }));
    Server { address, stop, task }
}

impl Server {
    async fn ask(&self, head: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("{head}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_ascii_lowercase(), body.to_owned())
    }

    async fn get(&self, path: &str) -> (u16, String, String) {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost")).await
    }
}

#[tokio::test]
async fn metrics_are_served_as_prometheus_text() {
    let server = start(vec![]).await;
    let (status, head, body) = server.get("/metrics").await;
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    assert!(body.contains("# TYPE toolgate_requests_total counter"));
    assert!(body.contains("process_cpu_seconds_total"));
}

#[tokio::test]
async fn an_agent_shows_its_metrics_and_has_no_recorder_of_calls() {
    let options = AgentOptions { log: AccessLogTo::Off, ..AgentOptions::default() };
    let telemetry = AgentTelemetry::start(options).unwrap();
    let server =
        started(Admin::new(telemetry, Arc::new(|| vec![check("model", true, true)]))).await;
    let (status, _, body) = server.get("/metrics").await;
    assert_eq!(status, 200);
    assert!(body.contains("# TYPE toolgate_agent_turns_active gauge"), "{body}");
    assert!(!body.contains("toolgate_requests_total"));
    let (status, _, index) = server.get("/").await;
    assert!(status == 200 && index.contains("/debug/log") && !index.contains("/debug/calls"));
    assert_eq!(server.get("/debug/calls").await.0, 404);
    assert_eq!(server.get("/readyz").await.0, 200);
    let (_, head, open) = server
        .ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: application/openmetrics-text")
        .await;
    assert!(head.contains("openmetrics-text") && open.ends_with("# EOF\n"));
}

#[tokio::test]
async fn health_is_ok_while_the_process_serves() {
    let server = start(vec![check("keys", false, true)]).await;
    let (status, _, body) = server.get("/healthz").await;
    assert_eq!((status, body.trim()), (200, "ok"));
}

#[tokio::test]
async fn readiness_needs_the_required_checks_only() {
    let ready = start(vec![check("keys", true, true), check("target", false, false)]).await;
    let (status, head, body) = ready.get("/readyz").await;
    assert_eq!(status, 200);
    assert!(head.contains("content-type: application/json"));
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["ready"], true);
    assert_eq!(body["checks"][1]["name"], "target");
    assert_eq!(body["checks"][1]["ok"], false);
    assert_eq!(body["checks"][1]["detail"], "target: false");

    let waiting = start(vec![check("keys", false, true)]).await;
    let (status, _, body) = waiting.get("/readyz").await;
    assert_eq!(status, 503);
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["ready"], false);
}

#[tokio::test]
async fn an_unknown_page_is_answered_with_the_list_of_pages() {
    let server = start(vec![]).await;
    let (status, _, body) = server.get("/debug").await;
    assert_eq!(status, 404);
    let (found, _, index) = server.get("/").await;
    assert_eq!(found, 200);
    assert!(body.ends_with(&index));
    for path in ["/metrics", "/healthz", "/readyz", "/debug/calls"] {
        assert!(index.contains(path));
    }
}

#[tokio::test]
async fn the_last_calls_are_served_as_json() {
    let server = start(vec![]).await;
    for path in ["/debug/calls", "/debug/calls/", "/debug/calls?limit=7"] {
        let (status, head, body) = server.get(path).await;
        assert_eq!(status, 200, "{path}");
        assert!(head.contains("content-type: application/json"), "{head}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["calls"], Value::Array(vec![]));
    }
    for (path, status) in [
        ("/debug/calls?nope=1", 400),
        ("/debug/calls/x?limit=1", 400),
        ("/debug/calls/x", 404),
        ("/debug/calls/%", 404),
        ("/debug/callsx", 404),
    ] {
        assert_eq!(server.get(path).await.0, status, "{path}");
    }
    let foreign = "GET /debug/calls HTTP/1.1\r\nHost: evil.example";
    assert_eq!(server.ask(foreign).await.0, 403);
}

#[tokio::test]
async fn nothing_can_be_posted_and_head_has_no_body() {
    let server = start(vec![]).await;
    let (status, head, _) =
        server.ask("POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0").await;
    assert_eq!(status, 405);
    assert!(head.contains("allow: get, head"), "{head}");
    let (status, head, body) = server.ask("HEAD /healthz HTTP/1.1\r\nHost: localhost").await;
    assert_eq!((status, &*body), (200, ""));
    assert!(head.contains("content-length: 3"), "{head}");
}

#[tokio::test]
async fn a_page_under_a_foreign_name_is_refused() {
    let server = start(vec![]).await;
    let port = server.address.port();
    for host in ["evil.example", "127.0.0.1.evil.example", "10.9.8.7", "localhost@evil.example"] {
        let (status, _, body) =
            server.ask(&format!("GET /metrics HTTP/1.1\r\nHost: {host}:{port}")).await;
        assert_eq!(status, 403, "{host}");
        assert!(!body.contains("toolgate_"), "{host}");
    }
    for host in [format!("127.0.0.1:{port}"), format!("[::1]:{port}"), "GATEWAY.internal".into()] {
        let (status, ..) = server.ask(&format!("GET /healthz HTTP/1.1\r\nHost: {host}")).await;
        assert_eq!(status, 200, "{host}");
    }
    let twice = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example";
    assert_eq!(server.ask(twice).await.0, 403);
    let absolute = "GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost";
    assert_eq!(server.ask(absolute).await.0, 403);
    assert_eq!(server.ask("GET /healthz HTTP/1.0").await.0, 403);
}

#[tokio::test]
async fn the_server_ends_when_told_even_with_an_idle_connection() {
    let server = start(vec![]).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    server.stop.send(()).unwrap();
    server.task.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[test]
fn a_host_is_ours_by_loopback_local_address_or_configuration() {
    let configured = ["gateway.internal".to_owned()];
    let local = Some(IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3)));
    let ours = |host: &str| is_ours(host, local, &configured);
    for host in ["localhost", "LOCALHOST:80", "localhost.", "127.0.0.1", "127.8.8.8:1", "[::1]:9"] {
        assert!(ours(host), "{host}");
    }
    for host in ["10.1.2.3:9464", "[::ffff:10.1.2.3]", "gateway.internal:9464"] {
        assert!(ours(host), "{host}");
    }
    let foreign =
        ["", ":80", "10.1.2.4", "evil.example", "localhost:x", "localhost:80:80", "[::1", "[::1]x"];
    for host in foreign {
        assert!(!ours(host), "{host}");
    }
    assert!(!is_ours("10.1.2.3", None, &[]));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_does_not_keep_its_place() {
    let (mut client, stream) = tokio::io::duplex(64);
    let admin = Admin::new(Telemetry::for_tests(), Arc::new(Vec::new));
    let (_stop, stopping) = watch::channel(());
    let began = tokio::time::Instant::now();
    let asking = client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let serving = converse(stream, Ends::default(), admin, stopping);
    let (asked, ()) = tokio::join!(asking, serving);
    asked.unwrap();
    let took = began.elapsed();
    assert!((super::LIFETIME..=super::LIFETIME + super::LAST_ANSWER).contains(&took), "{took:?}");
}

/// An admin server with a level of its own, and what that level is part of.
fn levelled() -> (Admin, impl tracing::Subscriber + Send + Sync) {
    let (layer, levels) = Levels::new("info").unwrap();
    let admin = Admin::new(Telemetry::for_tests(), Arc::new(Vec::new));
    let subscriber =
        tracing_subscriber::layer::SubscriberExt::with(tracing_subscriber::registry(), layer);
    (Admin { levels: Some(levels), ..admin }, subscriber)
}

#[tokio::test]
async fn the_log_level_is_shown_and_changed_for_a_while() {
    let (admin, _subscriber) = levelled();
    let server = started(admin).await;
    let put = |query: &str| format!("PUT /debug/log?{query} HTTP/1.1\r\nHost: localhost");
    let (status, head, body) = server.get("/debug/log").await;
    assert!(status == 200 && head.contains("content-type: application/json"), "{head}");
    let untouched = r#"{"level":"info","configured":"info","returns_in_ms":null}"#;
    assert_eq!(body.trim(), untouched);
    let (status, _, body) = server.ask(&put("level=info,toolgate_reach=debug&for=10m")).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["level"]), (200, &"info,toolgate_reach=debug".into()));
    assert!((590_000..=600_000).contains(&body["returns_in_ms"].as_u64().unwrap()), "{body}");
    let usual: Value = serde_json::from_str(&server.ask(&put("level=debug")).await.2).unwrap();
    assert!((890_000..=900_000).contains(&usual["returns_in_ms"].as_u64().unwrap()), "{usual}");
    assert_eq!(server.ask(&put("level=info&for=24h")).await.2.trim(), untouched);
}

#[tokio::test]
async fn a_change_of_the_level_that_is_not_understood_changes_nothing() {
    let (admin, _subscriber) = levelled();
    let server = started(admin).await;
    for query in [
        "",
        "level",
        "level=loud",
        "level=toolgate_reach=debug",
        "level=debug&level=info",
        "level=debug&fur=10m",
        "level=debug&for=10",
        "level=debug&for=0s",
        "level=debug&for=25h",
        "level=debug&for=999999999h",
        "level=debug&for=%FFm",
    ] {
        let put = format!("PUT /debug/log?{query} HTTP/1.1\r\nHost: localhost");
        let (status, _, advice) = server.ask(&put).await;
        assert_eq!(status, 400, "{query}: {advice}");
        assert!(advice.ends_with('\n') && advice.len() > 20, "{advice}");
    }
    assert_eq!(server.get("/debug/log?level=debug").await.0, 400);
    let posted = "POST /debug/log HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0";
    let (status, head, _) = server.ask(posted).await;
    assert!(status == 405 && head.contains("allow: get, head, put"), "{head}");
    let foreign = "PUT /debug/log?level=debug HTTP/1.1\r\nHost: evil.example";
    assert_eq!(server.ask(foreign).await.0, 403);
    assert!(server.get("/debug/log").await.2.starts_with(r#"{"level":"info","#));
}

#[tokio::test]
async fn the_level_is_changed_from_the_machine_itself_only() {
    let (admin, _subscriber) = levelled();
    let put = |peer: Option<&str>| {
        let peer = peer.map(|peer| peer.parse().unwrap());
        level::answer(&admin, &http::Method::PUT, Some("level=debug"), peer).status().as_u16()
    };
    assert_eq!([put(None), put(Some("10.0.0.7:4711")), put(Some("[2001:db8::1]:1"))], [403; 3]);
    assert_eq!(admin.levels.as_ref().unwrap().shown().level, "info");
    assert_eq!(
        [put(Some("127.0.0.1:1")), put(Some("[::1]:1")), put(Some("[::ffff:127.0.0.1]:1"))],
        [200; 3]
    );
}
