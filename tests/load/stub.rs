//! The MCP server behind every subject: one tool, `echo`, in both eras.
//!
//! In: MCP over HTTP/1.1 on a loopback port. Out: the first 256 bytes of `text`, given back. It
//! counts the calls, can keep them open, and never validates more than it needs.

mod answer;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::{announce, child};
use answer::{Ask, Reply};

/// The longest request read, bytes.
const LONGEST: usize = 1 << 20;
const SESSION: HeaderValue = HeaderValue::from_static("stub-session-0001");

/// What all connections share.
#[derive(Debug)]
struct Stub {
    calls: AtomicU64,
    /// Calls that are kept open; nobody is kept unless told at the start.
    held: watch::Sender<usize>,
    open: watch::Sender<bool>,
    /// Whether calls are answered as event streams.
    sse: bool,
    /// How many tools are listed.
    tools: u16,
}

/// Serves until the parent process goes away.
pub(crate) async fn run(hold: bool, sse: bool, tools: u16) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("binding")?;
    announce(listener.local_addr()?)?;
    let stub = Arc::new(Stub::new(hold, sse, tools));
    tokio::select! {
        () = child::parent_gone() => Ok(()),
        outcome = accept(listener, stub) => outcome,
    }
}

async fn accept(listener: TcpListener, stub: Arc<Stub>) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await.context("accepting")?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream, Arc::clone(&stub)));
    }
}

async fn serve(stream: TcpStream, stub: Arc<Stub>) {
    let service = service_fn(move |request| {
        let stub = Arc::clone(&stub);
        async move { Ok::<_, Infallible>(stub.answer(request).await) }
    });
    // A peer that goes away is the peer's business.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

impl Stub {
    fn new(hold: bool, sse: bool, tools: u16) -> Self {
        Self {
            sse,
            tools,
            calls: AtomicU64::new(0),
            held: watch::Sender::new(0),
            open: watch::Sender::new(!hold),
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/mcp") => self.mcp(request).await,
            (&Method::GET, "/calls") => text(self.calls.load(Ordering::Relaxed).to_string()),
            (&Method::GET, path) if path.starts_with("/held/") => self.wait_held(path).await,
            (&Method::POST, "/release") => {
                self.open.send_replace(true);
                text("released".to_owned())
            }
            (_, "/mcp") => status(StatusCode::METHOD_NOT_ALLOWED),
            _ => status(StatusCode::NOT_FOUND),
        }
    }

    /// Answers once as many calls are held as the path says.
    async fn wait_held(&self, path: &str) -> Response<Full<Bytes>> {
        let Some(Ok(wanted)) = path.strip_prefix("/held/").map(str::parse::<usize>) else {
            return status(StatusCode::BAD_REQUEST);
        };
        match self.held.subscribe().wait_for(|held| *held >= wanted).await {
            Ok(held) => text(held.to_string()),
            Err(_) => status(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    async fn mcp(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let Ok(body) = Limited::new(request.into_body(), LONGEST).collect().await else {
            return status(StatusCode::BAD_REQUEST);
        };
        let body = body.to_bytes();
        let Ok(ask) = serde_json::from_slice::<Ask<'_>>(&body) else {
            return status(StatusCode::BAD_REQUEST);
        };
        if ask.method == "tools/call" {
            self.calls.fetch_add(1, Ordering::Relaxed);
            self.hold().await;
        }
        let streams = self.sse && ask.method == "tools/call";
        let mut response = match ask.reply(self.tools) {
            Reply::Accepted => return status(StatusCode::ACCEPTED),
            Reply::Json(json) if streams => Response::new(Full::new(event(&json))),
            Reply::Json(json) => Response::new(Full::new(json)),
            Reply::NotFound(json) => {
                let mut response = Response::new(Full::new(json));
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            }
        };
        let kind = if streams { "text/event-stream" } else { "application/json" };
        let kind = HeaderValue::from_static(kind);
        response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
        if ask.method == "initialize" {
            response.headers_mut().insert("mcp-session-id", SESSION);
        }
        response
    }

    async fn hold(&self) {
        if *self.open.borrow() {
            return;
        }
        self.held.send_modify(|held| *held += 1);
        // The sender lives as long as this server.
        drop(self.open.subscribe().wait_for(|open| *open).await);
    }
}

/// A message as the only event of a stream.
fn event(json: &[u8]) -> Bytes {
    [b"data: ", json, b"\n\n"].concat().into()
}

fn text(text: String) -> Response<Full<Bytes>> {
    Response::new(Full::from(text))
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
