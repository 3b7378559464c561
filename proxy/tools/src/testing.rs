//! An upstream on this machine, and a caller.
//!
//! Enters: how to answer each request. Leaves: its address, and what it was asked. Never: anything
//! outside tests.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::context::Context;
use crate::schema;
use crate::toolset::{Reply, Toolset};
use crate::upstream::decoded;

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

/// How a request is answered.
#[derive(Clone, Debug)]
pub(crate) enum Say {
    /// With that status, those headers and that body.
    This(u16, Vec<(&'static str, String)>, String),
    /// Never.
    Nothing,
}

/// A server that is gone when it is dropped.
pub(crate) struct Fixture {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Asked {
    /// A field of the form or of the query.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let text = if self.body.is_empty() { &self.query } else { &self.body };
        let mut pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| decoded(key) == name).map(|(_, value)| decoded(value))
    }
}

impl Say {
    pub(crate) fn json(value: &Value) -> Self {
        Self::This(200, vec![("content-type", "application/json".into())], value.to_string())
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::This(status, Vec::new(), String::new())
    }

    pub(crate) fn html(text: &str) -> Self {
        Self::This(200, vec![("content-type", "text/html".into())], text.into())
    }
}

impl Fixture {
    /// Answers each request as told.
    pub(crate) async fn start(answer: impl Fn(&Asked) -> Say + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (books, answer) = (Arc::clone(&asked), Arc::new(answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (books, answer) = (Arc::clone(&books), Arc::clone(&answer));
                tokio::spawn(serve(stream, books, answer));
            }
        });
        Self { url, asked, task }
    }

    /// Always the same.
    pub(crate) async fn saying(say: Say) -> Self {
        Self::start(move |_| say.clone()).await
    }

    /// Bytes that are no HTTP, or the beginning of some, and then the end of the connection.
    pub(crate) async fn cutting(bytes: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = [0; 1024];
                let _read = tokio::io::AsyncReadExt::read(&mut stream, &mut head).await;
                let _written = stream.write_all(bytes).await;
            }
        });
        Self { url, asked: Arc::default(), task }
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve<A>(stream: TcpStream, books: Arc<Mutex<Vec<Asked>>>, answer: Arc<A>)
where
    A: Fn(&Asked) -> Say + Send + Sync + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (books, answer) = (Arc::clone(&books), Arc::clone(&answer));
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let asked = Asked {
                method: head.method.to_string(),
                path: head.uri.path().to_owned(),
                query: head.uri.query().unwrap_or_default().to_owned(),
                headers: head.headers,
                body: String::from_utf8_lossy(&body).into_owned(),
            };
            let say = answer(&asked);
            books.lock().unwrap().push(asked);
            let Say::This(status, headers, body) = say else { return std::future::pending().await };
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            Ok::<_, Infallible>(response.body(Full::new(Bytes::from(body))).unwrap())
        }
    });
    let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// An address at which nobody listens.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Calls a tool, with plenty of time.
pub(crate) async fn call(tools: &Toolset, name: &str, arguments: Value) -> Reply {
    call_within(tools, name, arguments, Duration::from_secs(20)).await
}

/// Calls a tool. A result must be what its schema says, and an error an envelope.
pub(crate) async fn call_within(
    tools: &Toolset,
    name: &str,
    arguments: Value,
    time: Duration,
) -> Reply {
    let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
    let context = Context::new(Instant::now() + time, "call-1".into());
    let reply = tools.call(name, arguments, context).expect("a known tool").await;
    let structured = reply.structured().clone();
    if reply.is_error() {
        assert_eq!(structured["correlation_id"], "call-1", "{structured}");
        assert!(structured["retryable"].is_boolean(), "{structured}");
        let message = structured["message"].as_str().unwrap_or_default();
        assert!(message.len() > 10 && reply.text().contains(message), "{structured}");
    } else {
        let definitions = tools.definitions();
        let definition = definitions.iter().find(|one| one["name"] == name).unwrap();
        let mistakes = schema::mistakes_in(&definition["outputSchema"], structured);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        assert!(!reply.text().is_empty(), "no text");
    }
    reply
}

/// The code of an error.
pub(crate) fn code(reply: &Reply) -> String {
    assert!(reply.is_error(), "a success: {}", reply.structured());
    reply.structured()["code"].as_str().unwrap().to_owned()
}

/// The message of an error with that code.
pub(crate) fn message(reply: &Reply, wanted: &str) -> String {
    assert_eq!(code(reply), wanted, "{}", reply.structured());
    reply.structured()["message"].as_str().unwrap().to_owned()
}

/// Every way in which an upstream can be sick; each must be an error of the code beside it.
pub(crate) async fn sick() -> Vec<(&'static str, Sick)> {
    let limited = Say::This(429, vec![("retry-after", "7".into())], "slow down".into());
    let garbage = Say::This(200, Vec::new(), "}{ not JSON \u{0} <".into());
    let huge = Say::This(200, Vec::new(), "x".repeat(17 << 20));
    vec![
        ("unreachable", Sick { url: nobody().await, _fixture: None }),
        ("unreachable", Sick::of(Fixture::cutting(b"").await)),
        ("unreachable", Sick::of(Fixture::cutting(b"SSH-2.0-nothing\r\n").await)),
        (
            "unreachable",
            Sick::of(Fixture::cutting(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"a").await),
        ),
        ("timeout", Sick::of(Fixture::saying(Say::Nothing).await)),
        ("rate_limited", Sick::of(Fixture::saying(limited).await)),
        ("denied", Sick::of(Fixture::saying(Say::status(403)).await)),
        ("upstream_error", Sick::of(Fixture::saying(Say::status(500)).await)),
        ("upstream_error", Sick::of(Fixture::saying(Say::status(503)).await)),
        ("garbled", Sick::of(Fixture::saying(garbage).await)),
        ("garbled", Sick::of(Fixture::saying(Say::json(&serde_json::json!([1, 2]))).await)),
        ("garbled", Sick::of(Fixture::saying(Say::json(&serde_json::json!({}))).await)),
        ("too_large", Sick::of(Fixture::saying(huge).await)),
    ]
}

/// A sick upstream.
pub(crate) struct Sick {
    pub(crate) url: String,
    _fixture: Option<Fixture>,
}

impl Sick {
    fn of(fixture: Fixture) -> Self {
        Self { url: fixture.url.clone(), _fixture: Some(fixture) }
    }
}

/// Calls each tool with its arguments against every sickness.
pub(crate) async fn no_sickness_is_a_success(
    tools_at: impl Fn(&str) -> Toolset,
    calls: &[(&str, Value)],
) {
    let time = Duration::from_millis(800);
    for (wanted, sick) in sick().await {
        let tools = tools_at(&sick.url);
        let named: Vec<&str> = tools.names().collect();
        assert!(named.iter().all(|name| calls.iter().any(|(call, _)| call == name)), "{named:?}");
        for (name, arguments) in calls {
            let reply = call_within(&tools, name, arguments.clone(), time).await;
            assert_eq!(code(&reply), wanted, "{name}: {}", reply.structured());
            let upstream = &reply.structured()["upstream"];
            assert!(upstream["service"].is_string(), "{name}: {}", reply.structured());
            if wanted == "rate_limited" {
                assert_eq!(reply.structured()["retry_after_ms"], 7000, "{name}");
            }
        }
    }
}

/// The members of an object.
pub(crate) fn arguments(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("not an object") };
    members
}
