//! A load balancer that knows nothing of sessions: each request goes to the next of its servers.
//!
//! In: HTTP/1.1 on a loopback port. Out: the same requests to one server after the other, and their
//! answers as they come. It never looks into them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::header::HOST;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A running balancer; dropping it closes its port and its connections.
#[derive(Debug)]
pub struct Balancer {
    address: SocketAddr,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Turns {
    servers: Vec<SocketAddr>,
    next: AtomicUsize,
    client: Client<HttpConnector, Full<Bytes>>,
}

type Body = BoxBody<Bytes, hyper::Error>;

// === impl Balancer ===

impl Balancer {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn before(servers: impl IntoIterator<Item = SocketAddr>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("binding")?;
        let address = listener.local_addr()?;
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        let servers = servers.into_iter().collect();
        let turns = Arc::new(Turns { servers, next: AtomicUsize::new(0), client });
        let server = tokio::spawn(accept(listener, turns));
        Ok(Self { address, server })
    }

    /// The endpoint of MCP behind it.
    #[must_use]
    pub fn mcp_url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }
}

async fn accept(listener: TcpListener, turns: Arc<Turns>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, Arc::clone(&turns)));
    }
}

async fn serve(stream: TcpStream, turns: Arc<Turns>) {
    let service = service_fn(move |request| {
        let turns = Arc::clone(&turns);
        async move { turns.answer(request).await }
    });
    // A client that goes away is the client's business.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

// === impl Turns ===

impl Turns {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>> {
        if let Ok(response) = self.forward(request).await {
            return Ok(response.map(|body| body.boxed()));
        }
        let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed());
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        Ok(response)
    }

    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Incoming>> {
        let turn = self.next.fetch_add(1, Ordering::SeqCst);
        let server = self.servers.get(turn % self.servers.len().max(1)).context("no server")?;
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = format!("http://{server}{path}").parse()?;
        parts.headers.remove(HOST);
        Ok(self.client.request(Request::from_parts(parts, Full::new(body))).await?)
    }
}
