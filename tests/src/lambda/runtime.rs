//! The Runtime API, for one process (Lambda, "Using the Lambda runtime API for custom runtimes").
//!
//! In: events. Out: what the process made of them, or that it is gone.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::{Seen, lock};

/// The id of every event: there is one at a time.
const ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";

/// The Runtime API; dropping it closes its port.
#[derive(Debug)]
pub(super) struct Runtime {
    address: SocketAddr,
    timeout: Duration,
    line: Arc<Line>,
    events: mpsc::Sender<Event>,
    state: watch::Receiver<State>,
    server: JoinHandle<()>,
}

/// What the process has said.
#[derive(Debug)]
pub(super) enum Answer {
    Response(Bytes),
    Error(Bytes),
}

#[derive(Clone, Debug)]
enum State {
    Starting,
    Ready,
    Unable(Bytes),
}

#[derive(Debug)]
struct Event {
    seen: Seen,
    deadline: u128,
    taken: oneshot::Sender<()>,
    /// What befalls the process before it can have answered.
    go: oneshot::Receiver<()>,
}

#[derive(Debug)]
struct Line {
    events: tokio::sync::Mutex<mpsc::Receiver<Event>>,
    answer: Mutex<Option<oneshot::Sender<Answer>>>,
    state: watch::Sender<State>,
    /// Connections that are open; with the last the process has gone.
    open: watch::Sender<usize>,
}

// === impl Runtime ===

impl Runtime {
    pub(super) async fn start(timeout: Duration) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("binding")?;
        let address = listener.local_addr()?;
        let (events, waiting) = mpsc::channel(1);
        let (said, state) = watch::channel(State::Starting);
        let line = Arc::new(Line {
            events: tokio::sync::Mutex::new(waiting),
            answer: Mutex::default(),
            state: said,
            open: watch::Sender::new(0),
        });
        let serving = Arc::clone(&line);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let line = Arc::clone(&serving);
                tokio::spawn(async move {
                    line.open.send_modify(|open| *open += 1);
                    let asked = Arc::clone(&line);
                    let service = service_fn(move |request| answer(Arc::clone(&asked), request));
                    let _gone =
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                    line.open.send_modify(|open| *open -= 1);
                });
            }
        });
        Ok(Self { address, timeout, line, events, state, server })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the process asks for its first event.
    pub(super) async fn ready(&self) -> Result<()> {
        let mut state = self.state.clone();
        let now = state.wait_for(|state| !matches!(state, State::Starting)).await?.clone();
        match now {
            State::Unable(why) => bail!("{}", String::from_utf8_lossy(&why)),
            State::Starting | State::Ready => Ok(()),
        }
    }

    /// Hands an event over; `then` happens when the process asks for it.
    pub(super) async fn call(
        &self,
        seen: &Seen,
        then: impl FnOnce() -> Result<()>,
    ) -> Result<Answer> {
        let (sender, answered) = oneshot::channel();
        *lock(&self.line.answer) = Some(sender);
        let ((taken, has_taken), (goes, go)) = (oneshot::channel(), oneshot::channel());
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let deadline = (now + self.timeout).as_millis();
        let event = Event { seen: seen.clone(), deadline, taken, go };
        self.events.send(event).await.ok().context("nobody takes events")?;
        let mut open = self.line.open.subscribe();
        let talking = async {
            has_taken.await.context("the event was not taken")?;
            then()?;
            // A process that was ended does not wait for it.
            let _gone = goes.send(());
            answered.await.context("no answer")
        };
        tokio::select! {
            answer = talking => answer,
            _ = open.wait_for(|open| *open == 0) => bail!("Error: Runtime exited"),
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(
    line: Arc<Line>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let path = head.uri.path().strip_prefix("/2018-06-01/runtime/").unwrap_or_default();
    let response = match path.strip_prefix("invocation/") {
        Some("next") => return Ok(line.next().await),
        Some(rest) if rest == format!("{ID}/response") => line.said(Answer::Response(body)),
        Some(rest) if rest == format!("{ID}/error") => line.said(Answer::Error(body)),
        None if path == "init/error" => {
            line.state.send_replace(State::Unable(body));
            202
        }
        Some(_) | None => 404,
    };
    let mut accepted = Response::new(Full::default());
    *accepted.status_mut() = response.try_into().unwrap_or_default();
    Ok(accepted)
}

// === impl Line ===

impl Line {
    async fn next(&self) -> Response<Full<Bytes>> {
        self.state.send_replace(State::Ready);
        let Some(event) = self.events.lock().await.recv().await else {
            return Response::new(Full::default());
        };
        let context = event.seen.context.to_string();
        let mut response = Response::new(Full::from(event.seen.payload));
        let headers = [
            ("lambda-runtime-aws-request-id", ID.to_owned()),
            ("lambda-runtime-deadline-ms", event.deadline.to_string()),
            ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:0:function:f".into()),
            ("lambda-runtime-client-context", context),
        ];
        for (name, value) in headers {
            if let Ok(value) = http::HeaderValue::from_bytes(value.as_bytes()) {
                response.headers_mut().insert(name, value);
            }
        }
        // Whoever waits for that is gone only with the whole call.
        let _taken = event.taken.send(());
        let _gone = event.go.await;
        response
    }

    fn said(&self, answer: Answer) -> u16 {
        let waiting = lock(&self.answer).take();
        match waiting.map(|waiting| waiting.send(answer)) {
            Some(Ok(())) => 202,
            Some(Err(_)) | None => 400,
        }
    }
}
