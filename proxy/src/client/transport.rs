//! One HTTP request at a time, in the clear or over TLS.
//!
//! Enters: a request. Leaves: a response, or whether it was the connection that failed. Never: a
//! redirect, a kept connection, or the process's default TLS provider.

use std::error::Error;
use std::fmt;
use std::sync::OnceLock;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;

use super::failure::Failure;
use super::trust::{self, Trust};

/// How often a request is tried of which nothing was sent.
const UNSENT_TRIES: u32 = 3;

type Http<C> = Client<C, Full<Bytes>>;
type Https = Http<HttpsConnector<HttpConnector>>;

/// The HTTP client. The TLS half, which reads the machine's certificates, is made when first used.
pub(super) struct Transport {
    plain: Http<HttpConnector>,
    trust: Trust,
    tls: OnceLock<Result<Https, String>>,
}

// === impl Transport ===

impl Transport {
    /// Sends, and waits for the head of the response.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] and [`Failure::Tls`] when nothing was carried out, else
    /// [`Failure::Lost`].
    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Failure> {
        let mut left = UNSENT_TRIES;
        loop {
            left -= 1;
            match self.send_once(request.clone()).await {
                // Whoever refuses a certificate closes the connection when this side is ready to send: the
                // next try may hear why.
                Err(Failure::Unreachable { .. }) if left > 0 && is_tls(&request) => {}
                ended => return ended,
            }
        }
    }

    async fn send_once(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Failure> {
        let url = request.uri().to_string();
        let answered = if is_tls(&request) {
            match self.tls.get_or_init(|| tls_client(&self.trust)) {
                Ok(client) => client.request(request).await,
                Err(problem) => return Err(Failure::Unreachable { url, cause: problem.clone() }),
            }
        } else {
            self.plain.request(request).await
        };
        answered.map_err(|error| {
            let cause = causes(error.source().unwrap_or(&error));
            if let Some(remedy) = trust::remedy(&error) {
                return Failure::Tls { url, cause, remedy };
            }
            if error.is_connect() || is_unsent(&error) {
                Failure::Unreachable { url, cause }
            } else {
                Failure::Lost { cause }
            }
        })
    }
}

impl Transport {
    /// Over TLS, to whom is trusted so.
    pub(super) fn trusting(trust: Trust) -> Self {
        Self { plain: client(HttpConnector::new()), trust, tls: OnceLock::new() }
    }
}

impl Default for Transport {
    fn default() -> Self {
        Self::trusting(Trust::default())
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

fn is_tls(request: &Request<Full<Bytes>>) -> bool {
    request.uri().scheme_str() == Some("https")
}

/// Whether the connection was closed before any of the request went out.
fn is_unsent(error: &(dyn Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    causes.any(|cause| cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled))
}

/// An `http` or `https` URL with a host and without credentials.
pub(crate) fn absolute(url: &str) -> Result<Uri, Failure> {
    // What may hold a password is not repeated.
    let shown = if url.contains('@') { "the URL" } else { url };
    let wrong = |problem: &str| Failure::Url { url: shown.to_owned(), problem: problem.to_owned() };
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(wrong("it must begin with http:// or https://"));
    }
    let parsed: Uri = url.parse().map_err(|error| wrong(&format!("{error}")))?;
    let host = parsed.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    if host.is_empty() || host.contains('@') {
        return Err(wrong("it must name a host, and no user or password"));
    }
    Ok(parsed)
}

/// An error and what caused it, on one line; what a cause repeats is left out.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut line = String::new();
    for cause in std::iter::successors(Some(error), |&error| error.source()) {
        let text = cause.to_string();
        if line.contains(&text) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&text);
    }
    line
}

fn client<C: Connect + Clone + Send + Sync + 'static>(connector: C) -> Http<C> {
    Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector)
}

fn tls_client(trust: &Trust) -> Result<Https, String> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    let https =
        HttpsConnectorBuilder::new().with_tls_config(trust.config()?).https_only().enable_http1();
    Ok(client(https.wrap_connector(tcp)))
}
