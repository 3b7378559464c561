//! The HTTP side of the test issuer.
//!
//! In: GET requests on a loopback port. Out: the discovery document and the JWK set as they
//! stand at that moment. It never sees a private key and never leaves loopback.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Says what stands at a path, or nothing for a 404; it is called once per request.
pub(super) type Pages = dyn Fn(&str) -> Option<Bytes> + Send + Sync;

/// A running listener; dropping it closes the port and every open connection.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on `127.0.0.1:port`, 0 for a free port.
    pub(super) async fn bind(port: u16, pages: Arc<Pages>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .with_context(|| format!("listening on 127.0.0.1:{port} for the test issuer"))?;
        let address = listener.local_addr().context("reading the issuer's port")?;
        Ok(Self { address, task: tokio::spawn(accept(listener, pages)) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the port and every connection, and returns once they are closed.
    pub(super) async fn stop(mut self) {
        self.task.abort();
        // The only outcome of an aborted task is "cancelled".
        drop((&mut self.task).await);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, pages: Arc<Pages>) {
    // Connections live in the set, so that they end with this task.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, Arc::clone(&pages)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, pages: Arc<Pages>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer(&request, &*pages);
        async move { Ok::<_, Infallible>(answer) }
    });
    // A client that went away is no fault of the issuer.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

fn answer(request: &Request<Incoming>, pages: &Pages) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    if request.method() != Method::GET {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        return response;
    }
    match pages(request.uri().path()) {
        Some(body) => {
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *response.body_mut() = Full::new(body);
        }
        None => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    response
}
