//! The connection: a look-up, and then only the addresses that were looked at.
//!
//! Enters: a host, then addresses. Leaves: a stream of bytes. Never: a second look-up of the name,
//! between the check of an address and the connection to it.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A stream of bytes, encrypted or not.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// The addresses of a host; none when it has none.
pub(crate) async fn resolve(host: &str, port: u16) -> Vec<SocketAddr> {
    if let Ok(address) = host.parse() {
        return vec![SocketAddr::new(address, port)];
    }
    tokio::net::lookup_host((host, port)).await.map(Iterator::collect).unwrap_or_default()
}

/// The first of the addresses that answers.
pub(crate) async fn reach(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut last = String::new();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(socket) => return Ok(socket),
            Err(error) => last = format!("{address}: {error}"),
        }
    }
    Err(last)
}

/// TLS over that socket.
pub(crate) async fn secure(
    tls: &TlsConnector,
    host: &str,
    socket: TcpStream,
) -> Result<TlsStream<TcpStream>, String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    tls.connect(name, socket).await.map_err(|error| format!("TLS: {error}"))
}

/// TLS with the system's root certificates, by the one crypto provider of this build.
pub(crate) fn tls() -> Result<TlsConnector, String> {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err("no root certificates; install ca-certificates or set SSL_CERT_FILE".to_owned());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .map_err(|error| error.to_string())?
    .with_root_certificates(roots)
    .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
