//! The gateway's own small requests: keys, tokens, metadata.
//!
//! Enters: a URL, who wrote it, and what may be reached (ADR 32). Leaves: status, headers and a
//! bounded body. Never: follows a redirect; connects to an address that was not looked at; keeps a
//! connection; a proxy or a setting from the environment; a body in an error.

mod connect;
mod ground;
mod url;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use connect::Io;
pub use ground::Ground;
pub use url::{is_local, is_step_down, web_url};

/// The largest answer that is read, in bytes.
pub const MOST_BYTES: usize = 256 * 1024;

const AGENT: &str = concat!("toolgate/", env!("CARGO_PKG_VERSION"));

/// Who says that a URL is to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// The configuration. A URL of this very machine, written there, is meant.
    Operator,
    /// A document that was fetched: nothing on this machine or in its network follows from it.
    Document,
}

/// One request.
#[derive(Debug)]
pub struct Ask {
    /// How.
    pub method: Method,
    /// What.
    pub url: Uri,
    /// Who says so.
    pub said: Said,
    /// Headers beside those that every request has.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// What came back, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// All of the body.
    pub body: Bytes,
}

/// Why nothing came back. The text is for the operator; it holds no header and no body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The address is one that may not be asked; nothing was sent.
    #[error("{0}")]
    Forbidden(String),
    /// No connection, or one that broke off.
    #[error("{0}")]
    Unreachable(String),
    /// It took too long.
    #[error("{0}")]
    Late(String),
    /// The body is longer than [`MOST_BYTES`].
    #[error("{0}")]
    TooLong(String),
}

/// Asks. The TLS half, which reads the machine's certificates, is made when first used.
pub struct Fetcher {
    ground: Ground,
    tls: OnceLock<Result<TlsConnector, String>>,
}

// === impl Ask ===

impl Ask {
    /// A GET of JSON.
    #[must_use]
    pub fn get(url: Uri, said: Said) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::ACCEPT, HeaderValue::from_static("application/json"));
        Self { method: Method::GET, url, said, headers, body: Bytes::new() }
    }
}

// === impl Fetcher ===

impl Fetcher {
    /// Asks only what that ground allows.
    #[must_use]
    pub const fn new(ground: Ground) -> Self {
        Self { ground, tls: OnceLock::new() }
    }

    /// One request and its answer, within `limit`: looking up the name, connecting and the last
    /// byte included.
    ///
    /// # Errors
    /// An address that may not be asked, no connection, no certificate that is trusted, too long a
    /// body, or too long a wait.
    pub async fn ask(&self, ask: Ask, limit: Duration) -> Result<Answer, FetchError> {
        let place = place(&ask);
        let asked = tokio::time::timeout(limit, self.exchange(ask, &place));
        asked.await.unwrap_or_else(|_| {
            Err(FetchError::Late(format!("{place}: no answer within {} ms", limit.as_millis())))
        })
    }

    async fn exchange(&self, ask: Ask, place: &str) -> Result<Answer, FetchError> {
        let io = self.connect(&ask, place).await?;
        let broken = |error: &dyn std::error::Error| {
            FetchError::Unreachable(format!("{place}: {}", causes(error)))
        };
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(io)).await.map_err(|error| broken(&error))?;
        // Ends with this exchange, however that ends.
        let mut driving = JoinSet::new();
        driving.spawn(async move {
            let _ended = connection.await;
        });
        let response = sender.send_request(request(ask)).await.map_err(|error| broken(&error))?;
        let (parts, body) = response.into_parts();
        let body = match Limited::new(body, MOST_BYTES).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Err(FetchError::TooLong(format!("{place}: more than {MOST_BYTES} bytes")));
            }
            Err(error) => return Err(broken(&*error)),
        };
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    async fn connect(&self, ask: &Ask, place: &str) -> Result<Box<dyn Io>, FetchError> {
        let (host, port, secure) = url::parts(&ask.url)
            .map_err(|problem| FetchError::Forbidden(format!("{place}: {problem}")))?;
        let addresses = connect::resolve(&host, port).await;
        if addresses.is_empty() {
            return Err(FetchError::Unreachable(format!("{place}: no address for {host}")));
        }
        let allowed = self.ground.allowed(&addresses, &host, ask.said);
        if allowed.is_empty() {
            let refused = addresses.first().map(|address| address.ip().to_string());
            let refused = refused.unwrap_or_default();
            return Err(FetchError::Forbidden(format!(
                "{place}: {host} is {refused}, an address of this machine or of a private network; \
                 if that is meant, write `fetch: {{ allow: [{host}] }}`"
            )));
        }
        if !secure && allowed.iter().any(|address| !address.ip().is_loopback()) {
            return Err(FetchError::Forbidden(format!("{place}: {host} is asked by https only")));
        }
        let socket = connect::reach(&allowed)
            .await
            .map_err(|problem| FetchError::Unreachable(format!("{place}: {problem}")))?;
        if !secure {
            return Ok(Box::new(socket));
        }
        let tls = self.tls.get_or_init(connect::tls).as_ref();
        let tls = tls.map_err(|problem| FetchError::Unreachable(format!("{place}: {problem}")))?;
        let stream = connect::secure(tls, &host, socket).await;
        let stream =
            stream.map_err(|problem| FetchError::Unreachable(format!("{place}: {problem}")))?;
        Ok(Box::new(stream))
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("ground", &self.ground).finish_non_exhaustive()
    }
}

fn request(ask: Ask) -> Request<Full<Bytes>> {
    let path = ask.url.path_and_query().map_or("/", |path| path.as_str());
    let path = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
    let host = ask.url.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    let mut request = Request::new(Full::new(ask.body));
    *request.method_mut() = ask.method;
    *request.uri_mut() = path;
    *request.headers_mut() = ask.headers;
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT));
    if let Some(host) = host {
        request.headers_mut().insert(HOST, host);
    }
    request
}

/// What an operator reads of where it happened: no query, which may hold a secret.
fn place(ask: &Ask) -> String {
    let Ask { method, url, .. } = ask;
    let scheme = url.scheme_str().unwrap_or_default();
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{method} {scheme}://{host}{}", url.path())
}

/// An error and what caused it, on one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
