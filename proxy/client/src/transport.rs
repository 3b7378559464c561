//! One HTTP request at a time, in the clear or over TLS.
//!
//! Enters: a request. Leaves: a response, or whether it was the connection that failed. Never: a
//! redirect, or the process's default TLS provider.

use std::error::Error;
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::failure::Failure;
use super::trust::{self, Trust};

/// How often a request is tried of which nothing was sent.
const UNSENT_TRIES: u32 = 3;

/// Idle connections that a client which keeps them keeps, and for how long: less than the gateway.
const IDLE: usize = 32;
const IDLE_FOR: Duration = Duration::from_secs(30);
/// A connection on which nothing is heard for so long is asked whether it still stands, so often.
const QUIET: Duration = Duration::from_secs(60);
const PROBES: u32 = 4;
const BETWEEN_PROBES: Duration = Duration::from_secs(15);
/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(10);

type Http<C> = Client<C, Full<Bytes>>;
type Https = Http<HttpsConnector<HttpConnector>>;

/// The HTTP client. The TLS half, which reads the machine's certificates, is made when first used.
pub(super) struct Transport {
    plain: Http<HttpConnector>,
    trust: Trust,
    kept: usize,
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
            match self.tls.get_or_init(|| tls_client(&self.trust, self.kept)) {
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
        Self { plain: client(HttpConnector::new(), 0), trust, kept: 0, tls: OnceLock::new() }
    }

    /// The same; connections are kept.
    pub(super) fn keeping(self) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT));
        connector.set_nodelay(true);
        asked_when_quiet(&mut connector);
        let plain = client(connector, IDLE);
        Self { plain, trust: self.trust, kept: IDLE, tls: OnceLock::new() }
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
///
/// # Errors
/// [`Failure::Url`].
pub fn absolute(url: &str) -> Result<Uri, Failure> {
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
#[must_use]
pub fn causes(error: &(dyn Error + 'static)) -> String {
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

fn client<C: Connect + Clone + Send + Sync + 'static>(connector: C, kept: usize) -> Http<C> {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_FOR)
        .pool_max_idle_per_host(kept)
        .build(connector)
}

/// A stream that says nothing for hours is known to be gone when the other side is.
fn asked_when_quiet(connector: &mut HttpConnector) {
    connector.set_keepalive(Some(QUIET));
    connector.set_keepalive_interval(Some(BETWEEN_PROBES));
    connector.set_keepalive_retries(Some(PROBES));
}

fn tls_client(trust: &Trust, kept: usize) -> Result<Https, String> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    asked_when_quiet(&mut tcp);
    let https =
        HttpsConnectorBuilder::new().with_tls_config(trust.config()?).https_only().enable_http1();
    Ok(client(https.wrap_connector(tcp), kept))
}
