//! Small documents from issuers, over HTTP.
//!
//! Enters: a URL from the configuration or from a discovery document. Leaves: the body, bounded.
//! Never: follows a redirect; keeps a connection; uses the process's default TLS provider.

use std::error::Error;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::header::{ACCEPT, USER_AGENT};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use toolgate_telemetry::RefreshOutcome;

/// The largest document that is read, in bytes.
const MOST_BYTES: usize = 256 * 1024;

const AGENT: &str = concat!("toolgate/", env!("CARGO_PKG_VERSION"));

type Http<C> = Client<C, Empty<Bytes>>;

/// Why a document could not be had.
#[derive(Debug)]
pub(super) struct FetchError {
    /// What the metrics count.
    pub(super) outcome: RefreshOutcome,
    /// For the operator.
    pub(super) detail: String,
}

/// The HTTP client. The TLS half, which reads the machine's certificates, is made when first used.
pub(super) struct Fetcher {
    plain: Http<HttpConnector>,
    tls: OnceLock<Result<Http<HttpsConnector<HttpConnector>>, String>>,
}

// === impl FetchError ===

impl FetchError {
    pub(super) fn new(outcome: RefreshOutcome, detail: impl Into<String>) -> Self {
        Self { outcome, detail: detail.into() }
    }
}

// === impl Fetcher ===

impl Fetcher {
    pub(super) fn new() -> Self {
        Self { plain: client(HttpConnector::new()), tls: OnceLock::new() }
    }

    /// The body of the document at `url`.
    ///
    /// # Errors
    /// No connection, no certificate that is trusted, any status but 200, or too long a body.
    pub(super) async fn get(&self, url: &Uri) -> Result<Bytes, FetchError> {
        let request = Request::get(url.clone())
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, AGENT)
            .body(Empty::new())
            .map_err(|error| http_error(url, &error.to_string()))?;
        let response = if url.scheme_str() == Some("https") {
            let tls = self.tls.get_or_init(tls_client).as_ref();
            tls.map_err(|problem| http_error(url, problem))?.request(request).await
        } else {
            self.plain.request(request).await
        };
        read(url, response).await
    }
}

async fn read(
    url: &Uri,
    response: Result<Response<Incoming>, ClientError>,
) -> Result<Bytes, FetchError> {
    let response = response.map_err(|error| http_error(url, &causes(&error)))?;
    if response.status() != StatusCode::OK {
        return Err(http_error(url, &format!("answered {}, not 200", response.status())));
    }
    match Limited::new(response.into_body(), MOST_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let detail = format!("GET {url}: more than {MOST_BYTES} bytes");
            Err(FetchError::new(RefreshOutcome::Parse, detail))
        }
        Err(error) => Err(http_error(url, &causes(&*error))),
    }
}

fn client<C: Connect + Clone + Send + Sync + 'static>(connector: C) -> Http<C> {
    Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector)
}

fn tls_client() -> Result<Http<HttpsConnector<HttpConnector>>, String> {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_native_roots()
        .map_err(|error| format!("{error}; install ca-certificates or set SSL_CERT_FILE"))?
        .with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_http1();
    Ok(client(connector.wrap_connector(tcp)))
}

fn http_error(url: &Uri, problem: &str) -> FetchError {
    FetchError::new(RefreshOutcome::HttpError, format!("GET {url}: {problem}"))
}

/// An error and what caused it, on one line.
fn causes(error: &(dyn Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
