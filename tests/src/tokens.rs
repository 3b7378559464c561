//! A token endpoint whose tokens live as long as the test says.
//!
//! In: requests for client credentials (RFC 6749 section 4.4). Out: tokens of an issuer of the tests, and
//! how many were fetched. It checks no client.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::issuer::Issuer;

/// A running endpoint; dropping it closes its port.
#[derive(Debug)]
pub struct Tokens {
    fetched: Arc<AtomicUsize>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

// === impl Tokens ===

impl Tokens {
    /// Gives tokens of that issuer that end after so many seconds.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(issuer: Arc<Issuer>, seconds: u64) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("binding")?;
        let (address, fetched) = (listener.local_addr()?, Arc::new(AtomicUsize::new(0)));
        let server = tokio::spawn(serve(listener, issuer, seconds, Arc::clone(&fetched)));
        Ok(Self { fetched, address, server })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/oauth2/token", self.address)
    }

    /// How many were fetched.
    #[must_use]
    pub fn fetched(&self) -> usize {
        self.fetched.load(Relaxed)
    }
}

impl Drop for Tokens {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(
    listener: TcpListener,
    issuer: Arc<Issuer>,
    seconds: u64,
    fetched: Arc<AtomicUsize>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (issuer, fetched) = (Arc::clone(&issuer), Arc::clone(&fetched));
        let answer = service_fn(move |_| {
            fetched.fetch_add(1, Relaxed);
            std::future::ready(Ok::<_, Infallible>(given(&minted(&issuer, seconds), seconds)))
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    }
}

fn minted(issuer: &Issuer, seconds: u64) -> String {
    let mut claims = issuer.claims(&["gateway/invoke", "gateway/observe"]);
    let now = claims.get("iat").and_then(Value::as_u64).unwrap_or_default();
    if let Some(claims) = claims.as_object_mut() {
        claims.insert("exp".to_owned(), json!(now + seconds));
    }
    issuer.mint(claims)
}

fn given(token: &str, seconds: u64) -> Response<Full<Bytes>> {
    let body: Value =
        json!({ "access_token": token, "token_type": "Bearer", "expires_in": seconds });
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
