//! HTTP to a collector, for both forms of OTLP.
//!
//! Enters: a URL, headers and a body. Leaves: the status, the body and the trailers of the answer,
//! bounded. Never: follows a redirect, or waits longer than it is told.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use toolgate_telemetry_catalog::Export;

/// The most that is read of an answer, in bytes: a sentence, not a page.
const ANSWER: usize = 64 * 1024;
/// How long a connection may rest.
const IDLE: Duration = Duration::from_secs(60);

/// A client for one backend.
#[derive(Clone, Debug)]
pub(super) struct Transport(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// An answer, whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Headers, then trailers.
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Broken {
    /// What it counts as.
    pub(super) fate: Export,
    /// For the operator.
    pub(super) detail: String,
}

// === impl Transport ===

impl Transport {
    /// A client; `http2`: speaks nothing else.
    ///
    /// # Errors
    /// A sentence for the operator when the machine has no certificates to trust and `tls` is
    /// wanted.
    pub(super) fn new(tls: bool, http2: bool) -> Result<Self, String> {
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let config = if tls {
            config
                .with_native_roots()
                .map_err(|error| format!("{error}; install ca-certificates or set SSL_CERT_FILE"))?
                .with_no_client_auth()
        } else {
            config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http();
        let connector = if http2 {
            connector.enable_http2().wrap_connector(tcp)
        } else {
            connector.enable_http1().wrap_connector(tcp)
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http2_only(http2)
            .build(connector);
        Ok(Self(client))
    }

    /// One exchange.
    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        limit: Duration,
    ) -> Result<Answer, Broken> {
        tokio::time::timeout(limit, self.exchange(request)).await.unwrap_or_else(|_| {
            let detail = format!("no answer within {limit:?}");
            Err(Broken { fate: Export::Timeout, detail })
        })
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, Broken> {
        let answer = self.0.request(request).await.map_err(|error| broken(&error))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER).collect().await.map_err(|error| broken(&*error))?;
        let mut headers = head.headers;
        headers.extend(body.trailers().cloned().unwrap_or_default());
        Ok(Answer { status: head.status, headers, body: body.to_bytes() })
    }
}

/// An error and what caused it, on one line.
fn broken(error: &(dyn Error + 'static)) -> Broken {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    let detail = chain.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    Broken { fate: Export::Connect, detail }
}
