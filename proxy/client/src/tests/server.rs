//! A server inside the test that gives the answers it was told, in order.
//!
//! Enters: canned answers. Leaves: the requests that came. Never: anything a gateway would decide.

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
type Script = Arc<Mutex<VecDeque<Canned>>>;

/// The server; it ends when dropped.
pub(crate) struct Server {
    address: std::net::SocketAddr,
    seen: Noted,
    _task: JoinSet<()>,
}

struct Chunks(Canned);

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
    /// URL of this server.
    pub(crate) async fn start(answers: Vec<Canned>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let origin = format!("http://{address}");
        let answers = answers.into_iter().map(|answer| answer.at(&origin));
        let answers = Arc::new(Mutex::new(answers.collect::<VecDeque<Canned>>()));
        let mut task = JoinSet::new();
        task.spawn(accept(listener, Arc::clone(&seen), answers));
        Self { address, seen, _task: task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
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

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        match (self.0.chunks.pop_front(), self.0.end) {
            (Some(chunk), _) => Poll::Ready(Some(Ok(Frame::data(chunk)))),
            (None, End::Whole) => Poll::Ready(None),
            (None, End::Broken | End::NoHead) => {
                Poll::Ready(Some(Err(std::io::Error::other("scripted"))))
            }
            (None, End::Never) => Poll::Pending,
        }
    }
}

async fn accept(listener: TcpListener, seen: Noted, answers: Script) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (seen, answers) = (Arc::clone(&seen), Arc::clone(&answers));
        let service =
            service_fn(move |request| answer(request, Arc::clone(&seen), Arc::clone(&answers)));
        let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        connections.spawn(async move {
            // A connection that breaks is what some tests are about.
            let _ended = served.await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    seen: Noted,
    answers: Script,
) -> Result<Response<Chunks>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    seen.lock().unwrap().push(Seen {
        path: head.uri.path().to_owned(),
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let canned = {
        let mut answers = answers.lock().unwrap();
        let next = answers.front().cloned().expect("an answer was scripted");
        if answers.len() > 1 {
            answers.pop_front();
        }
        next
    };
    if matches!(canned.end, End::NoHead) {
        return Err(std::io::Error::other("scripted"));
    }
    let mut response = Response::builder().status(canned.status);
    for (name, value) in &canned.headers {
        response = response.header(*name, value);
    }
    Ok(response.body(Chunks(canned)).unwrap())
}
