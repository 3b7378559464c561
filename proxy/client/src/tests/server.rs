//! A server inside the test that gives the answers it was told, in order.
//!
//! Enters: canned answers; for streams of changes others than for the rest. Leaves: the requests that
//! came. Never: anything a gateway would decide.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Canned {
    status: u16,
    headers: Vec<(&'static str, String)>,
    chunks: VecDeque<Bytes>,
    end: End,
}

/// What comes after the chunks.
#[derive(Clone, Copy, Debug)]
enum End {
    Whole,
    Broken,
    Never,
    /// What the test says, until it ends it.
    Live,
    NoHead,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

type Noted = Arc<Mutex<Vec<Seen>>>;

/// What is answered, and what was asked.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Canned>>>,
    seen: Noted,
}

/// One script for requests, one for streams of changes.
#[derive(Clone, Default)]
struct Scripts {
    requests: Script,
    streams: Script,
    live: Arc<Mutex<Vec<UnboundedSender<Bytes>>>>,
}

/// The server; it ends when dropped.
pub(crate) struct Server {
    address: std::net::SocketAddr,
    scripts: Scripts,
    _task: JoinSet<()>,
}

struct Chunks(Canned, UnboundedReceiver<Bytes>);

impl Canned {
    pub(crate) fn json(status: u16, body: impl Into<String>) -> Self {
        Self::of(status, "application/json", vec![body.into()])
    }

    pub(crate) fn events(chunks: &[&str]) -> Self {
        let chunks = chunks.iter().map(|&chunk| chunk.to_owned()).collect();
        Self::of(200, "text/event-stream", chunks)
    }

    pub(crate) fn of(status: u16, kind: &str, chunks: Vec<String>) -> Self {
        let headers = vec![("content-type", kind.to_owned())];
        let chunks = chunks.into_iter().map(Bytes::from).collect();
        Self { status, headers, chunks, end: End::Whole }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The connection breaks after the chunks.
    pub(crate) fn broken(self) -> Self {
        Self { end: End::Broken, ..self }
    }

    /// Nothing comes after the chunks, and the connection stays.
    pub(crate) fn stuck(self) -> Self {
        Self { end: End::Never, ..self }
    }

    /// The test says what comes after the chunks, and when it ends.
    pub(crate) fn live(self) -> Self {
        Self { end: End::Live, ..self }
    }

    fn at(mut self, origin: &str) -> Self {
        for chunk in &mut self.chunks {
            let text = String::from_utf8(chunk.to_vec()).unwrap();
            *chunk = text.replace("ORIGIN", origin).into();
        }
        self
    }

    /// The connection breaks before the head.
    pub(crate) fn hang_up() -> Self {
        Self { end: End::NoHead, ..Self::json(200, "") }
    }
}

impl Server {
    /// Serves the answers in turn; the last one again and again. `ORIGIN` in a body becomes the
    /// URL of this server. Changes are not told of.
    pub(crate) async fn start(answers: Vec<Canned>) -> Self {
        Self::telling(answers, vec![Canned::json(405, "")]).await
    }

    /// The same; whoever asks for a stream of changes is answered from the second script.
    pub(crate) async fn telling(answers: Vec<Canned>, streams: Vec<Canned>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scripts = Scripts::default();
        let origin = format!("http://{address}");
        for (script, answers) in [(&scripts.requests, answers), (&scripts.streams, streams)] {
            script.answers.lock().unwrap().extend(answers.into_iter().map(|it| it.at(&origin)));
        }
        let mut task = JoinSet::new();
        task.spawn(accept(listener, scripts.clone()));
        Self { address, scripts, _task: task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What came, but for streams of changes.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.scripts.requests.seen.lock().unwrap().clone()
    }

    /// Who asked for a stream of changes.
    pub(crate) fn streams(&self) -> Vec<Seen> {
        self.scripts.streams.seen.lock().unwrap().clone()
    }

    /// How many live streams somebody reads.
    pub(crate) fn listeners(&self) -> usize {
        let live = self.scripts.live.lock().unwrap();
        live.iter().filter(|stream| !stream.is_closed()).count()
    }

    /// Says it on every live stream.
    pub(crate) fn say(&self, text: &str) {
        for stream in &*self.scripts.live.lock().unwrap() {
            // One that nobody reads any more.
            let _gone = stream.send(Bytes::from(text.to_owned()));
        }
    }

    /// Ends every live stream.
    pub(crate) fn end_streams(&self) {
        self.scripts.live.lock().unwrap().clear();
    }

    /// The only request there was.
    pub(crate) fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A subscription, or the stream of a session.
    fn is_for_changes(&self) -> bool {
        self.header("mcp-method") == "subscriptions/listen"
            || self.header("accept") == "text/event-stream"
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        match (self.0.chunks.pop_front(), self.0.end) {
            (Some(chunk), _) => Poll::Ready(Some(Ok(Frame::data(chunk)))),
            (None, End::Whole) => Poll::Ready(None),
            (None, End::Broken | End::NoHead) => {
                Poll::Ready(Some(Err(std::io::Error::other("scripted"))))
            }
            (None, End::Never) => Poll::Pending,
            (None, End::Live) => self.1.poll_recv(cx).map(|said| Some(Ok(Frame::data(said?)))),
        }
    }
}

impl Script {
    /// Notes what came, and gives the next answer.
    fn next(&self, seen: Seen) -> Canned {
        self.seen.lock().unwrap().push(seen);
        let mut answers = self.answers.lock().unwrap();
        let next = answers.front().cloned().expect("an answer was scripted");
        if answers.len() > 1 {
            answers.pop_front();
        }
        next
    }
}

async fn accept(listener: TcpListener, scripts: Scripts) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        // What is said in pieces is heard at once.
        stream.set_nodelay(true).unwrap();
        let scripts = scripts.clone();
        let service = service_fn(move |request| answer(request, scripts.clone()));
        let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        connections.spawn(async move {
            // A connection that breaks is what some tests are about.
            let _ended = served.await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    scripts: Scripts,
) -> Result<Response<Chunks>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let seen = Seen {
        path: head.uri.path().to_owned(),
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let script = if seen.is_for_changes() { &scripts.streams } else { &scripts.requests };
    let canned = script.next(seen);
    if matches!(canned.end, End::NoHead) {
        return Err(std::io::Error::other("scripted"));
    }
    let mut response = Response::builder().status(canned.status);
    for (name, value) in &canned.headers {
        response = response.header(*name, value);
    }
    let (sender, said) = unbounded_channel();
    if matches!(canned.end, End::Live) {
        scripts.live.lock().unwrap().push(sender);
    }
    Ok(response.body(Chunks(canned, said)).unwrap())
}
