//! HTTP/1.1 in the clear or over TLS, with connections that are kept for a while.
//!
//! Enters: a request. Leaves: the head of a response, its body to follow. Never: a redirect, or the
//! process's default TLS provider.

use std::error::Error as _;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;

use super::trust::{Trust, of_the_machine};
use super::{causes, certificate};

/// How long connecting may take, all addresses of a name together.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a connection is kept that nobody uses; shorter than most servers keep theirs.
const KEPT: Duration = Duration::from_secs(20);
/// Connections to one host that are kept.
const MOST_KEPT: usize = 16;

type Http<C> = Client<C, Full<Bytes>>;
type Https = Http<HttpsConnector<HttpConnector>>;

/// The client. The TLS half, which reads the machine's certificates, is made when first used.
pub(super) struct Transport {
    plain: Http<HttpConnector>,
    tls: OnceLock<Result<Https, String>>,
}

/// Why there is no response.
pub(super) struct Problem {
    /// It and its causes, on one line.
    pub(super) line: String,
    /// The other side does not take the certificate that it was shown, or misses one.
    pub(super) of_certificate: bool,
}

impl Problem {
    fn of_setup(line: &str) -> Self {
        Self { line: line.to_owned(), of_certificate: false }
    }
}

// === impl Transport ===

impl Transport {
    /// With a TLS of its own.
    pub(super) fn trusting(trust: &Trust) -> Self {
        let https = over_tls((*trust.0).clone());
        Self { plain: client(tcp()), tls: OnceLock::from(Ok(https)) }
    }

    /// Sends, and waits for the head of the response.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Problem> {
        let answered = if request.uri().scheme_str() == Some("https") {
            let tls = self
                .tls
                .get_or_init(tls_client)
                .as_ref()
                .map_err(|line| Problem::of_setup(line))?;
            tls.request(request).await
        } else {
            self.plain.request(request).await
        };
        answered.map_err(|error| Problem {
            line: causes(error.source().unwrap_or(&error)),
            of_certificate: certificate::is_refused(&error),
        })
    }
}

impl Default for Transport {
    fn default() -> Self {
        Self { plain: client(tcp()), tls: OnceLock::new() }
    }
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.set_nodelay(true);
    tcp
}

fn client<C: Connect + Clone + Send + Sync + 'static>(connector: C) -> Http<C> {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(KEPT)
        .pool_max_idle_per_host(MOST_KEPT)
        .build(connector)
}

fn tls_client() -> Result<Https, String> {
    let trust = of_the_machine().map_err(|error| error.to_string())?;
    Ok(over_tls(trust.with_no_client_auth()))
}

fn over_tls(config: ClientConfig) -> Https {
    let mut tcp = tcp();
    tcp.enforce_http(false);
    let https = HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_http1();
    client(https.wrap_connector(tcp))
}
