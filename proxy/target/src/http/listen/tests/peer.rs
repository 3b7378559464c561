//! A small target over HTTP, of either era, and a gateway's side of it.
//!
//! Enters: what it offers. Leaves: the streams that were opened, and the answers that it was sent.
//! Never: an event that the test did not ask for.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::unfold;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use toolgate_call::{Deadline, Era, Ledger, Listed, Op, Outbound, Refusal, Reply, Watched};
use toolgate_telemetry::Telemetry;
use tower::ServiceExt as _;

use super::{LONG, Notices};
use crate::{Credentials, EraChoice, HttpConfig, HttpTarget};

type Answered = Response<BoxBody<Bytes, Infallible>>;

/// The target.
pub(super) struct Peer {
    url: http::Uri,
    script: Arc<Script>,
    streams: mpsc::UnboundedReceiver<Opened>,
    answers: mpsc::UnboundedReceiver<Value>,
}

/// A stream that was opened, or asked for in vain. Dropped, it ends.
pub(super) struct Opened {
    pub(super) method: Method,
    headers: HeaderMap,
    pub(super) body: Value,
    say: mpsc::Sender<Bytes>,
}

/// The gateway's side.
pub(super) struct Caller(pub(super) HttpTarget);

struct Script {
    era: Era,
    offer: AtomicU16,
    quiet: AtomicBool,
    nameless: AtomicBool,
    sessions: AtomicUsize,
    session: Mutex<String>,
    streams: mpsc::UnboundedSender<Opened>,
    answers: mpsc::UnboundedSender<Value>,
}

/// A target of that peer's; nothing is known of its era.
pub(super) fn target(peer: &Peer) -> (Caller, Notices) {
    target_watching(peer, watch::Sender::default().subscribe())
}

/// The same, some of whose resources are watched.
pub(super) fn target_watching(peer: &Peer, watched: watch::Receiver<Watched>) -> (Caller, Notices) {
    let mut secret = HeaderValue::from_static("Bearer of the gateway");
    secret.set_sensitive(true);
    let config = HttpConfig {
        target: Arc::from("t"),
        url: peer.url.clone(),
        era: EraChoice::Auto,
        connect_timeout: LONG,
        idle_timeout: LONG,
        max_response: 64 * 1024,
        credentials: Credentials::Fixed(vec![(HeaderName::from_static("authorization"), secret)]),
        watched,
    };
    let (heard, notices) = mpsc::unbounded_channel();
    let sink = Arc::new(move |notice| {
        let _test_is_over = heard.send(notice);
    });
    (Caller(HttpTarget::new(config, Telemetry::for_tests(), sink).unwrap()), notices)
}

// === impl Caller ===

impl Caller {
    /// `tools/list`.
    pub(super) async fn list(&self) -> Result<Reply, Refusal> {
        let now = Instant::now();
        let outbound = Outbound {
            op: Op::List { what: Listed::Tools, cursor: None },
            deadline: Deadline::after(now, Duration::from_secs(10)),
            ledger: Arc::new(Ledger::new(now)),
            request_id: Arc::from("r"),
            trace: None,
            abilities: toolgate_call::Abilities::NONE,
            more: None,
        };
        self.0.clone().service().oneshot(outbound).await
    }
}

// === impl Peer ===

impl Peer {
    pub(super) async fn start(era: Era) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap()).parse().unwrap();
        let (streams, streams_seen) = mpsc::unbounded_channel();
        let (answers, answers_seen) = mpsc::unbounded_channel();
        let script = Arc::new(Script {
            era,
            offer: AtomicU16::new(200),
            quiet: AtomicBool::new(false),
            nameless: AtomicBool::new(false),
            sessions: AtomicUsize::new(0),
            session: Mutex::default(),
            streams,
            answers,
        });
        tokio::spawn(accept(listener, Arc::clone(&script)));
        Self { url, script, streams: streams_seen, answers: answers_seen }
    }

    /// With which status a stream is answered.
    pub(super) fn offers(&self, status: u16) {
        self.script.offer.store(status, SeqCst);
    }

    /// `server/discover` names no `listChanged`.
    pub(super) fn announces_nothing(&self) {
        self.script.quiet.store(true, SeqCst);
    }

    /// `initialize` gives no session id.
    pub(super) fn gives_no_session_id(&self) {
        self.script.nameless.store(true, SeqCst);
    }

    /// The session that it gave is unknown from now on.
    pub(super) fn loses_its_session(&self) {
        *self.script.session.lock().unwrap() = "lost".into();
    }

    /// The next stream that is opened.
    pub(super) async fn opened(&mut self) -> Opened {
        timeout(LONG, self.streams.recv()).await.expect("no stream was opened").unwrap()
    }

    /// The next answer to a question of its own.
    pub(super) async fn answer(&mut self) -> Value {
        timeout(LONG, self.answers.recv()).await.expect("no answer").unwrap()
    }
}

// === impl Opened ===

impl Opened {
    /// A header, or nothing.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Says something.
    pub(super) async fn say(&self, message: &str) {
        self.say.send(format!("event: message\ndata: {message}\n\n").into()).await.unwrap();
    }

    /// Says which notifications will come.
    pub(super) async fn acknowledge(&self, accepted: Value) {
        let id = &self.body["id"];
        let meta = json!({ "io.modelcontextprotocol/subscriptionId": id });
        let params = json!({ "notifications": accepted, "_meta": meta });
        let method = "notifications/subscriptions/acknowledged";
        let message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        self.say(&message.to_string()).await;
    }

    /// Waits until nobody listens any more.
    pub(super) async fn closed(&self) {
        timeout(LONG, self.say.closed()).await.expect("the stream is still open");
    }
}

async fn accept(listener: TcpListener, script: Arc<Script>) {
    while let Ok((stream, _)) = listener.accept().await {
        let script = Arc::clone(&script);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let script = Arc::clone(&script);
                async move { Ok::<_, Infallible>(script.serve(request).await) }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            drop(connection.await);
        });
    }
}

// === impl Script ===

impl Script {
    async fn serve(&self, request: Request<Incoming>) -> Answered {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        if parts.method == Method::GET || body["method"] == "subscriptions/listen" {
            return self.stream(parts.method, parts.headers, body);
        }
        let result = match (self.era, body["method"].as_str().unwrap_or_default()) {
            (Era::Modern, "server/discover") => self.discovered(),
            (Era::Legacy, "initialize") => return self.initialized(&body),
            (Era::Legacy, "server/discover") => return status(400),
            (Era::Legacy, _) if !self.knows(&parts.headers) => return status(404),
            (Era::Legacy, "") => {
                self.answers.send(body).unwrap();
                return status(202);
            }
            (Era::Legacy, "notifications/initialized") => return status(202),
            (_, "tools/list") => json!({ "tools": [] }),
            (Era::Legacy, "resources/subscribe" | "resources/unsubscribe") => {
                self.answers.send(body.clone()).unwrap();
                json!({})
            }
            (era, other) => panic!("{era:?}: {other}"),
        };
        json_response(&body, &result)
    }

    fn stream(&self, method: Method, headers: HeaderMap, body: Value) -> Answered {
        let (say, said) = mpsc::channel::<Bytes>(8);
        self.streams.send(Opened { method, headers, body, say }).unwrap();
        let offer = self.offer.load(SeqCst);
        if offer != 200 {
            return status(offer);
        }
        let events = unfold(said, |mut said| async { said.recv().await.map(|data| (data, said)) });
        let frames = events.map(|data| Ok(Frame::data(data)));
        let response = Response::builder().header("content-type", "text/event-stream");
        response.body(BoxBody::new(StreamBody::new(frames))).unwrap()
    }

    fn discovered(&self) -> Value {
        let tools =
            if self.quiet.load(SeqCst) { json!({}) } else { json!({ "listChanged": true }) };
        json!({ "supportedVersions": ["2026-07-28"], "capabilities": { "tools": tools } })
    }

    fn initialized(&self, body: &Value) -> Answered {
        let result =
            json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {} });
        let mut response = json_response(body, &result);
        if !self.nameless.load(SeqCst) {
            let session = format!("session-{}", self.sessions.fetch_add(1, SeqCst) + 1);
            let value = HeaderValue::from_str(&session).unwrap();
            *self.session.lock().unwrap() = session;
            response.headers_mut().insert("mcp-session-id", value);
        }
        response
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        let theirs = headers.get("mcp-session-id").map_or(&b""[..], HeaderValue::as_bytes);
        theirs == self.session.lock().unwrap().as_bytes()
    }
}

fn json_response(asked: &Value, result: &Value) -> Answered {
    let body = json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result }).to_string();
    let response = Response::builder().header("content-type", "application/json");
    response.body(Full::new(Bytes::from(body)).boxed()).unwrap()
}

fn status(status: u16) -> Answered {
    Response::builder().status(status).body(Full::new(Bytes::new()).boxed()).unwrap()
}
