//! A receiver of webhooks.
//!
//! In: JSON by POST on a loopback port. Out: what came, in order. It answers 200 to everything.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running receiver; dropping it closes its port.
#[derive(Debug)]
pub struct Hook {
    received: Arc<Mutex<Vec<Value>>>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

// === impl Hook ===

impl Hook {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("binding")?;
        let (address, received) = (listener.local_addr()?, Arc::default());
        let server = tokio::spawn(serve(listener, Arc::clone(&received)));
        Ok(Self { received, address, server })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything so far, the oldest first; null for what was not JSON.
    #[must_use]
    pub fn received(&self) -> Vec<Value> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.server.abort();
    }
}

// === helpers ===

async fn serve(listener: TcpListener, received: Arc<Mutex<Vec<Value>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let received = Arc::clone(&received);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&received), request));
            // A sender that is killed breaks off, which is no failure of a test.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(
    received: Arc<Mutex<Vec<Value>>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if let Ok(body) = request.into_body().collect().await {
        let value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
        received.lock().unwrap_or_else(PoisonError::into_inner).push(value);
    }
    Ok(Response::new(Full::default()))
}
