//! The connection to a server of models.
//!
//! In: a request. Out: the head of its answer, or whether it was the connection that failed. Never:
//! a redirect; the process's default TLS provider; an address or a header in a sentence.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore};

use crate::{Fault, ModelError};

/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(60);
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// Bytes of a sentence about what went wrong.
const SENTENCE: usize = 300;

/// The HTTP client: one protocol version, connections kept.
pub(super) struct Transport(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// Why there is no answer.
pub(super) struct Broken {
    pub(super) error: ModelError,
    /// The server has not answered a byte, and most likely read none.
    pub(super) unheard: bool,
}

// === impl Transport ===

impl Transport {
    /// A client; certificates are read if `tls` is wanted.
    ///
    /// # Errors
    /// A sentence for the operator when the machine has no certificates to trust.
    pub(super) fn new(tls: bool) -> Result<Self, String> {
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let config = if tls {
            config
                .with_native_roots()
                .map_err(|error| format!("{error}; install ca-certificates or set SSL_CERT_FILE"))?
        } else {
            config.with_root_certificates(RootCertStore::empty())
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config.with_no_client_auth())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        // A connection of the first version is closed when its reply is no longer read, which is what
        // makes the server stop.
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Ok(Self(client))
    }

    /// Sends, and waits for the head of the answer.
    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Broken> {
        self.0.request(request).await.map_err(|error| {
            if error.is_connect() {
                let says = format!("the model server cannot be reached: {}", causes(&error));
                let error = ModelError::new(Fault::Unreachable, says);
                return Broken { error, unheard: true };
            }
            // A kept connection that the server was just closing.
            let unheard = chain(&error)
                .filter_map(|cause| cause.downcast_ref::<hyper::Error>())
                .any(|cause| cause.is_canceled() || cause.is_incomplete_message());
            Broken { error: lost(&error), unheard }
        })
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

/// The connection ended before the answer did.
pub(super) fn lost(error: &(dyn Error + 'static)) -> ModelError {
    let parse = |cause: &hyper::Error| cause.is_parse();
    let mut causes_of = chain(error).filter_map(|cause| cause.downcast_ref::<hyper::Error>());
    if causes_of.any(parse) {
        return ModelError::new(Fault::Protocol, "the model server does not speak HTTP");
    }
    if chain(error).any(|cause| cause.is::<http_body_util::LengthLimitError>()) {
        return ModelError::new(Fault::Protocol, "the model server's answer is too large");
    }
    let says = format!("the connection to the model server was lost: {}", causes(error));
    ModelError::new(Fault::Unavailable, says)
}

fn chain<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> + 'a {
    std::iter::successors(Some(error), |&error| error.source())
}

/// An error and what caused it, on one line; what a cause repeats is left out.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut line = String::new();
    for cause in chain(error) {
        let text = cause.to_string();
        if line.contains(&text) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&text);
    }
    line.truncate(line.floor_char_boundary(SENTENCE));
    line
}
