//! MCP over Streamable HTTP.
//!
//! Enters: connections. Leaves: what rmcp answers, at one path. Never: more than so many connections
//! at once, an answer to a `Host` that is not its own, or to a page of the web.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::http::{Request, Response, StatusCode};
use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::handler::Handler;

/// Where it is served.
const PATH: &str = "/mcp";
/// Connections at once; others wait.
const MOST_CONNECTIONS: usize = 256;
/// How long a request may take to say what it wants.
const HEAD: Duration = Duration::from_secs(15);
/// The largest request.
const MOST_BYTES: usize = 1 << 20;

type Service = StreamableHttpService<Handler, LocalSessionManager>;
type Reply = Response<BoxBody<Bytes, Infallible>>;

/// A listening socket and what is behind it.
pub(super) struct Server {
    listener: TcpListener,
    service: Service,
}

// === impl Server ===

impl Server {
    pub(super) async fn bind(
        address: SocketAddr,
        hosts: &[String],
        handler: Handler,
    ) -> anyhow::Result<Self> {
        ensure!(
            address.ip().is_loopback() || !hosts.is_empty(),
            "others can reach {address}, and nobody is asked who they are; listen on 127.0.0.1, or \
             name the hosts it is called by (`--allowed-host`) where only the gateway can reach it",
        );
        let mut config = StreamableHttpServerConfig::default()
            .with_max_request_body_bytes(MOST_BYTES)
            .enforce_origin_validation();
        if !hosts.is_empty() {
            config = config.with_allowed_hosts(hosts.iter().cloned());
        }
        let service = Service::new(move || Ok(handler.clone()), Arc::default(), config);
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("cannot listen at {address}"))?;
        Ok(Self { listener, service })
    }

    pub(super) fn url(&self) -> anyhow::Result<String> {
        Ok(format!("http://{}{PATH}", self.listener.local_addr()?))
    }

    pub(super) async fn serve(self) -> anyhow::Result<()> {
        let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let permit = Arc::clone(&room).acquire_owned().await?;
            while connections.try_join_next().is_some() {}
            // Out of file descriptors, most likely: let some be returned.
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let service = self.service.clone();
            connections.spawn(async move {
                connection(stream, service).await;
                drop(permit);
            });
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({:?})", self.listener.local_addr())
    }
}

async fn connection(stream: TcpStream, service: Service) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let service = service.clone();
        async move { Ok::<Reply, Infallible>(route(&service, request).await) }
    });
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    // A broken connection is the caller's to notice.
    let _ended = server.serve_connection(TokioIo::new(stream), answer).await;
}

async fn route(service: &Service, request: Request<Incoming>) -> Reply {
    if request.uri().path() == PATH {
        return Box::pin(service.handle(request)).await;
    }
    let mut reply = Response::new(Full::new(Bytes::from_static(b"MCP is at /mcp\n")).boxed());
    *reply.status_mut() = StatusCode::NOT_FOUND;
    reply
}
