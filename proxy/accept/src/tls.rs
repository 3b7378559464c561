//! TLS on the listener, and who is at the other end by certificate.
//!
//! Enters: sockets, and certificate files as text, whenever they change. Leaves: streams in the clear, each
//! with what its caller's certificate says; how each handshake ended. Never: a handshake on the accept
//! loop, or without an end; a certificate that is taken because it was good under authorities of before.

mod caller;
mod material;
mod wire;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::{CertificateError, Error};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use toolgate_telemetry::TlsEnd;

pub(crate) use caller::Caller;
pub use caller::read as read_certificate;
pub use material::{BadTls, ClientAuth, Material, MinVersion, TlsFile, TlsRules, TlsText};
pub(crate) use wire::Wire;

/// The TLS of a listener: certificate, key and authorities, which can be exchanged while it serves.
#[derive(Clone)]
pub struct Tls(Arc<ArcSwap<Material>>);

// === impl Tls ===

impl Tls {
    /// Begins with this.
    #[must_use]
    pub fn new(material: Arc<Material>) -> Self {
        Self(Arc::new(ArcSwap::new(material)))
    }

    /// Takes this for handshakes from now on. What is open stays open; its callers' certificates are
    /// looked at again.
    pub fn take(&self, material: Arc<Material>) {
        self.0.store(material);
    }

    /// Shakes hands. Whoever waits for it says for how long.
    pub(crate) async fn shake(&self, socket: TcpStream) -> Result<(Wire, Option<Caller>), TlsEnd> {
        let material = self.0.load_full();
        let accepting = TlsAcceptor::from(material.config()).accept(socket);
        let stream = Box::pin(accepting).await.map_err(|error| {
            tracing::debug!(%error, "a TLS handshake failed");
            end(&error)
        })?;
        let caller = match stream.get_ref().1.peer_certificates() {
            Some(chain) => Some(Caller::new(self, material, chain).map_err(|why| {
                tracing::debug!(why, "a client certificate cannot be read");
                TlsEnd::CertificateInvalid
            })?),
            None => None,
        };
        Ok((Wire::Tls(Box::new(stream)), caller))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.0.load()).finish()
    }
}

/// What a handshake that failed came to.
fn end(error: &io::Error) -> TlsEnd {
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return TlsEnd::Closed;
    };
    if let Error::InvalidCertificate(why) = error {
        return certificate(why);
    }
    if matches!(error, Error::InvalidMessage(_)) {
        TlsEnd::NotTls
    } else if matches!(error, Error::PeerIncompatible(_) | Error::NoApplicationProtocol) {
        TlsEnd::Unsupported
    } else if matches!(error, Error::NoCertificatesPresented) {
        TlsEnd::CertificateMissing
    } else if matches!(error, Error::AlertReceived(_)) {
        TlsEnd::RefusedByCaller
    } else {
        TlsEnd::Protocol
    }
}

fn certificate(why: &CertificateError) -> TlsEnd {
    if matches!(why, CertificateError::Expired | CertificateError::ExpiredContext { .. }) {
        TlsEnd::CertificateExpired
    } else if matches!(why, CertificateError::UnknownIssuer) {
        TlsEnd::CertificateUnknown
    } else {
        TlsEnd::CertificateInvalid
    }
}
