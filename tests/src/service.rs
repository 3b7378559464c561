//! A service over HTTP that answers what a function says, for stubs of services with an API of JSON.
//!
//! In: requests. Out: for each the answer of the function; and the requests, in order. It knows no
//! service: what is right to ask is the function's business.

use std::convert::Infallible;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How many requests are kept: a test that needs more has a loop that nobody ends.
const MOST: usize = 10_000;

/// A running service; dropping it closes its port.
pub struct Service {
    state: Arc<State>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// How.
    pub method: Method,
    /// What for, with the query.
    pub path: String,
    /// HTTP headers.
    pub headers: HeaderMap,
    /// The body; null if it is no JSON.
    pub body: Value,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Says {
    status: u16,
    headers: Vec<(&'static str, String)>,
    /// The body, as it is cut on the wire.
    pieces: Vec<Bytes>,
}

struct State {
    says: Box<dyn Fn(&Asked) -> Says + Send + Sync>,
    asked: Mutex<Vec<Asked>>,
}

// === impl Says ===

impl Says {
    /// A document.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::of(status, "application/json", vec![Bytes::from(body.to_string())])
    }

    /// A body in pieces.
    #[must_use]
    pub fn of(status: u16, kind: &str, pieces: Vec<Bytes>) -> Self {
        Self { status, headers: vec![("content-type", kind.to_owned())], pieces }
    }

    /// An error as services of AWS write it.
    #[must_use]
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({ "message": message });
        Self::json(status, &body).with("x-amzn-errortype", code)
    }

    /// The same with a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

// === impl Service ===

impl Service {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(says: impl Fn(&Asked) -> Says + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("binding")?;
        let address = listener.local_addr()?;
        let state = Arc::new(State { says: Box::new(says), asked: Mutex::default() });
        let server = tokio::spawn(serve(listener, Arc::clone(&state)));
        Ok(Self { state, address, server })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far, the oldest first.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&state), request));
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

type Body = StreamBody<stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let asked = Asked {
        method: head.method,
        path: head.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        headers: head.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let says = (state.says)(&asked);
    {
        let mut kept = state.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MOST {
            kept.push(asked);
        }
    }
    let mut response = Response::builder().status(says.status);
    for (name, value) in says.headers {
        response = response.header(name, value);
    }
    let frames: Vec<_> = says.pieces.into_iter().map(|piece| Ok(Frame::data(piece))).collect();
    let body = StreamBody::new(stream::iter(frames));
    Ok(response.body(body).unwrap_or_else(|_| {
        let nothing: Vec<Result<Frame<Bytes>, Infallible>> = Vec::new();
        Response::new(StreamBody::new(stream::iter(nothing)))
    }))
}
