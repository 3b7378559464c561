//! One page of the web, for whoever asks for any.
//!
//! In: the text of a page. Out: its address. It reads no request beyond its head.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running server of one page; dropping it closes its port.
#[derive(Debug)]
pub struct Page {
    address: SocketAddr,
    server: JoinHandle<()>,
}

// === impl Page ===

impl Page {
    /// Serves the page with that status.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn serve(status: u16, text: &'static str) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("binding")?;
        let address = listener.local_addr()?;
        let kind = if text.starts_with('<') { "text/html" } else { "application/json" };
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = service_fn(move |_| async move {
                    let body = Full::new(Bytes::from_static(text.as_bytes()));
                    let mut answer = Response::new(body);
                    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
                    *answer.status_mut() = status.try_into().unwrap_or_default();
                    Ok::<_, Infallible>(answer)
                });
                let served = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
                tokio::spawn(served);
            }
        });
        Ok(Self { address, server })
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.server.abort();
    }
}
