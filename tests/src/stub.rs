//! A stub of CloudWatch: it says what it is told to, for what emulators never say.
//!
//! In: requests of the SDK (Smithy RPC v2, CBOR). Out: for each the answer that a function gives, or
//! that memory has; and the names of the operations, in order. It is no emulator: limits, states and
//! evaluation are not its own.

mod cbor;
mod memory;

use std::convert::Infallible;
use std::fmt;
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

/// Status and document for the operation of that name, which was asked for so often before, with
/// those parameters.
type Says = dyn Fn(&str, usize, &Value) -> (u16, Value) + Send + Sync;

/// A running stub; dropping it closes its port.
pub struct CloudWatchStub {
    state: Arc<State>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

struct State {
    says: Box<Says>,
    asked: Mutex<Vec<String>>,
}

// === impl CloudWatchStub ===

impl CloudWatchStub {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(
        says: impl Fn(&str, usize, &Value) -> (u16, Value) + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("binding")?;
        let address = listener.local_addr()?;
        let state = Arc::new(State { says: Box::new(says), asked: Mutex::default() });
        let server = tokio::spawn(serve(listener, Arc::clone(&state)));
        Ok(Self { state, address, server })
    }

    /// One that keeps dashboards and alarms as they are put there: emulators lose parts of them.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn remembering() -> Result<Self> {
        let memory = Mutex::new(memory::Memory::default());
        Self::start(move |operation, _, asked| {
            memory.lock().unwrap_or_else(PoisonError::into_inner).answer(operation, asked)
        })
        .await
    }

    /// The endpoint.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The operations so far, the oldest first.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.state.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for CloudWatchStub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloudWatchStub({})", self.address)
    }
}

impl Drop for CloudWatchStub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

// === helpers ===

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&state), request));
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let operation = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    let body = request.into_body().collect().await.map(|body| body.to_bytes());
    let asked = body.ok().and_then(|body| cbor::read(&body)).unwrap_or_default();
    let number = {
        let mut asked = state.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let number = asked.iter().filter(|before| **before == operation).count();
        asked.push(operation.clone());
        number
    };
    let (status, document) = (state.says)(&operation, number, &asked);
    let mut body = Vec::new();
    cbor::write(&document, &mut body);
    let response = Response::builder()
        .status(status)
        .header("smithy-protocol", "rpc-v2-cbor")
        .header("content-type", "application/cbor")
        .body(Full::from(body));
    Ok(response.unwrap_or_default())
}
