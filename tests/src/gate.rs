//! A door before a target: it lets through whoever shows what it wants to see.
//!
//! In: what it wants to see, and the target behind it. Out: 401 to all others, and a record of what it was
//! shown. It changes nothing of what it lets through.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{client, server};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What a request has to show.
type Wanted = Box<dyn Fn(&Parts, &[u8]) -> bool + Send + Sync>;

/// A running door; dropping it closes its port.
#[derive(Debug)]
pub struct Gate {
    state: Arc<State>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

struct State {
    behind: SocketAddr,
    wanted: Wanted,
    /// What `Authorization` said, and whether that was good.
    shown: Mutex<Vec<(String, bool)>>,
}

// === impl Gate ===

impl Gate {
    /// Listens on a free loopback port, before that target.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(
        behind: SocketAddr,
        wanted: impl Fn(&Parts, &[u8]) -> bool + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("binding")?;
        let address = listener.local_addr()?;
        let state = Arc::new(State { behind, wanted: Box::new(wanted), shown: Mutex::default() });
        let server = tokio::spawn(serve(listener, Arc::clone(&state)));
        Ok(Self { state, address, server })
    }

    /// The endpoint of the target, by this door.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// What `Authorization` said in each request, and whether that was good.
    #[must_use]
    pub fn shown(&self) -> Vec<(String, bool)> {
        self.state.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many were turned away.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.shown().iter().filter(|(_, good)| !good).count()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("behind", &self.behind).finish_non_exhaustive()
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&state), request));
            let io = TokioIo::new(stream);
            drop(server::conn::http1::Builder::new().serve_connection(io, service).await);
        });
    }
}

async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let good = (state.wanted)(&head, &body);
    let shown = head.headers.get("authorization").and_then(|value| value.to_str().ok());
    let shown = (shown.unwrap_or_default().to_owned(), good);
    state.shown.lock().unwrap_or_else(PoisonError::into_inner).push(shown);
    if !good {
        let mut response = Response::new(Full::from("canary4711-words-of-the-gate"));
        *response.status_mut() = http::StatusCode::UNAUTHORIZED;
        return Ok(response);
    }
    Ok(passed(&state, head, body).await.unwrap_or_else(|_| {
        let mut response = Response::new(Full::default());
        *response.status_mut() = http::StatusCode::BAD_GATEWAY;
        response
    }))
}

async fn passed(state: &State, head: Parts, body: Bytes) -> Result<Response<Full<Bytes>>> {
    let io = TokioIo::new(TcpStream::connect(state.behind).await?);
    let (mut sender, connection) = client::conn::http1::handshake(io).await?;
    let driving = tokio::spawn(connection);
    let response = sender.send_request(Request::from_parts(head, Full::new(body))).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    driving.abort();
    Ok(Response::from_parts(head, Full::new(body)))
}
