//! The floor: a relay that reads a body, forwards it and looks at nothing.
//!
//! In: HTTP/1.1 requests. Out: the same requests to one target over pooled connections, and its
//! answers as they come. It never parses, checks, logs or counts.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};

use crate::{announce, child};

/// Idle connections kept to the target, as many as any load level uses.
const POOL: usize = 1024;

type Body = BoxBody<Bytes, hyper::Error>;

/// The pooled way to the target.
#[derive(Debug, Clone)]
struct Relay {
    client: Client<HttpConnector, Full<Bytes>>,
    target: Authority,
}

/// Serves until the parent process goes away.
pub(crate) async fn run(target: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("binding")?;
    announce(listener.local_addr()?)?;
    let relay = Relay::new(target)?;
    tokio::select! {
        () = child::parent_gone() => Ok(()),
        outcome = accept(listener, relay) => outcome,
    }
}

async fn accept(listener: TcpListener, relay: Relay) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await.context("accepting")?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream, relay.clone()));
    }
}

async fn serve(stream: TcpStream, relay: Relay) {
    let service = service_fn(move |request| {
        let relay = relay.clone();
        async move { Ok::<_, Infallible>(relay.answer(request).await) }
    });
    // A client that goes away is the client's business.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

impl Relay {
    fn new(target: SocketAddr) -> Result<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(POOL).build(connector);
        Ok(Self { client, target: target.to_string().parse().context("the target's address")? })
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        match self.forward(request).await {
            Ok(response) => response.map(BodyExt::boxed),
            Err(_) => {
                let empty = Empty::new().map_err(|never| match never {}).boxed();
                let mut response = Response::new(empty);
                *response.status_mut() = StatusCode::BAD_GATEWAY;
                response
            }
        }
    }

    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Incoming>> {
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let mut uri = parts.uri.into_parts();
        uri.scheme = Some(Scheme::HTTP);
        uri.authority = Some(self.target.clone());
        parts.uri = Uri::from_parts(uri)?;
        parts.headers.remove(HOST);
        Ok(self.client.request(Request::from_parts(parts, Full::new(body))).await?)
    }
}
