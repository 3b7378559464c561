//! A new connection: DNS, TCP, TLS.
//!
//! Enters: an endpoint. Leaves: a stream of bytes to it, each step timed. Never: a certificate that
//! was not verified; never a proxy or a setting from the environment.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Uri;
use rustix::io::Errno;
use rustix::net::sockopt;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use toolgate_call::Reason;
use toolgate_telemetry::{ConnectPhase, TargetMetrics};

use super::failure::Failure;

/// After so much silence the other side is asked whether it lives; so often; so many times.
const KEEP_IDLE: Duration = Duration::from_secs(60);
const KEEP_INTERVAL: Duration = Duration::from_secs(15);
const KEEP_PROBES: u32 = 4;

/// A stream of bytes, encrypted or not.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Why an endpoint cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlError(String);

/// Knows how to connect to one endpoint.
pub(super) struct Connector {
    host: String,
    port: u16,
    authority: String,
    path: Uri,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    timeout: Duration,
}

// === impl Connector ===

impl Connector {
    pub(super) fn new(url: &Uri, timeout: Duration) -> Result<Self, UrlError> {
        let secure = match url.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(UrlError::new("the URL must begin with http:// or https://")),
        };
        let host = url.host().ok_or_else(|| UrlError::new("the URL has no host"))?;
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = url.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let authority = url.authority().map(|all| all.as_str().to_owned());
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let path = path.parse().map_err(|_| UrlError::new("the URL's path is not usable"))?;
        let tls = if secure { Some((tls()?, server_name(&bare)?)) } else { None };
        let authority = authority.unwrap_or_else(|| host.to_owned());
        Ok(Self { host: bare, port, authority, path, tls, timeout })
    }

    /// What `Host` says.
    pub(super) fn authority(&self) -> &str {
        // Credentials in a URL are not for the other side's log.
        self.authority.rsplit('@').next().unwrap_or(&self.authority)
    }

    /// What is requested.
    pub(super) fn uri(&self) -> &Uri {
        &self.path
    }

    /// Connects.
    pub(super) async fn connect(&self, metrics: &TargetMetrics) -> Result<Box<dyn Io>, Failure> {
        let connecting = self.steps(metrics);
        tokio::time::timeout(self.timeout, connecting).await.unwrap_or_else(|_| {
            let detail = format!("{}:{} within {:?}", self.host, self.port, self.timeout);
            Err(Failure::Connect(Reason::TimeoutConnect, detail))
        })
    }

    async fn steps(&self, metrics: &TargetMetrics) -> Result<Box<dyn Io>, Failure> {
        let started = Instant::now();
        let addresses = self.resolve().await?;
        metrics.connected(ConnectPhase::Dns, started.elapsed());
        let started = Instant::now();
        let socket = self.reach(&addresses).await?;
        metrics.connected(ConnectPhase::Tcp, started.elapsed());
        tune(&socket);
        let Some((tls, name)) = &self.tls else { return Ok(Box::new(socket)) };
        let started = Instant::now();
        let stream = tls.connect(name.clone(), socket).await.map_err(|error| {
            Failure::Connect(Reason::Tls, format!("{}:{}: {error}", self.host, self.port))
        })?;
        metrics.connected(ConnectPhase::Tls, started.elapsed());
        Ok(Box::new(stream))
    }

    async fn resolve(&self) -> Result<Vec<SocketAddr>, Failure> {
        if let Ok(address) = self.host.parse() {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let addresses: Vec<_> = found.map(Iterator::collect).unwrap_or_default();
        if addresses.is_empty() {
            return Err(Failure::Connect(Reason::Dns, format!("no address for {}", self.host)));
        }
        Ok(addresses)
    }

    /// The first address that answers. Each has a share of the time that is left, so that one that
    /// swallows packets does not hide the next.
    async fn reach(&self, addresses: &[SocketAddr]) -> Result<TcpStream, Failure> {
        let until = Instant::now() + self.timeout;
        let mut last = Failure::Connect(Reason::Dns, format!("no address for {}", self.host));
        for (tried, address) in addresses.iter().enumerate() {
            let left = until.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            match tokio::time::timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(socket)) => return Ok(socket),
                Ok(Err(error)) => last = unconnected(*address, &error),
                Err(_) => {
                    let detail = format!("{address}: no answer within {share:?}");
                    last = Failure::Connect(Reason::TimeoutConnect, detail);
                }
            }
        }
        Err(last)
    }
}

/// Why there is no connection to an address.
fn unconnected(address: SocketAddr, error: &io::Error) -> Failure {
    let detail = format!("{address}: {error}");
    match (error.kind(), Errno::from_io_error(error)) {
        (_, Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)) => {
            Failure::Exhausted(detail)
        }
        (_, Some(Errno::ADDRNOTAVAIL)) => Failure::Exhausted(detail),
        (io::ErrorKind::TimedOut, _) => Failure::Connect(Reason::TimeoutConnect, detail),
        (io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable, _) => {
            Failure::Unreachable(detail)
        }
        _ => Failure::Connect(Reason::ConnectRefused, detail),
    }
}

/// Settings that a connection does without if it must.
fn tune(socket: &TcpStream) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    // A target that is gone without a word is noticed after two minutes, also on a stream on which
    // nothing is said for hours.
    let kept = sockopt::set_socket_keepalive(socket, true)
        .and_then(|()| sockopt::set_tcp_keepidle(socket, KEEP_IDLE))
        .and_then(|()| sockopt::set_tcp_keepintvl(socket, KEEP_INTERVAL))
        .and_then(|()| sockopt::set_tcp_keepcnt(socket, KEEP_PROBES));
    if let Err(error) = kept {
        tracing::debug!(%error, "SO_KEEPALIVE could not be set");
    }
}

fn server_name(host: &str) -> Result<ServerName<'static>, UrlError> {
    ServerName::try_from(host.to_owned())
        .map_err(|_| UrlError::new("the URL's host is neither a name nor an address"))
}

/// TLS with the system's root certificates, by the one crypto provider of this build.
fn tls() -> Result<TlsConnector, UrlError> {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(UrlError::new(
            "this system has no root certificates (install ca-certificates)",
        ));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| UrlError(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

// === impl UrlError ===

impl UrlError {
    pub(crate) fn new(what: &str) -> Self {
        Self(what.to_owned())
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UrlError {}

#[cfg(test)]
mod tests {
    //! Why there is no connection.

    use std::io;

    use rustix::io::Errno;

    use super::{Failure, Reason, unconnected};

    #[test]
    fn each_kind_of_error_has_its_own_reason() {
        let at = "127.0.0.1:1".parse().unwrap();
        let of = |errno: Errno| unconnected(at, &io::Error::from(errno));
        assert!(matches!(of(Errno::MFILE), Failure::Exhausted(_)));
        assert!(matches!(of(Errno::HOSTUNREACH), Failure::Unreachable(_)));
        assert!(matches!(of(Errno::NETUNREACH), Failure::Unreachable(_)));
        assert!(matches!(of(Errno::CONNREFUSED), Failure::Connect(Reason::ConnectRefused, _)));
        assert!(matches!(of(Errno::TIMEDOUT), Failure::Connect(Reason::TimeoutConnect, _)));
    }
}
