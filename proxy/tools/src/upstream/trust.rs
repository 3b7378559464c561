//! Whom a connection trusts, and what it shows.
//!
//! Enters: certificates and perhaps a key, as PEM. Leaves: the TLS of an upstream. Never: a way to
//! trust anybody, or a key in an error.

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "aws")]
use base64::Engine as _;
#[cfg(feature = "aws")]
use base64::prelude::BASE64_STANDARD;
use hyper_rustls::ConfigBuilderExt as _;
use rustls::client::WantsClientCert;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};

use super::SetupError;

/// The TLS of one upstream.
#[derive(Clone)]
pub(crate) struct Trust(pub(super) Arc<ClientConfig>);

/// What is shown of oneself: certificates and their key, as PEM.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) certificates: &'a [u8],
    pub(crate) key: &'a [u8],
}

// === impl Trust ===

impl Trust {
    /// Trusts these authorities alone, or those of the machine.
    ///
    /// # Errors
    /// What is not PEM, or holds nothing of use.
    pub(crate) fn new(
        authorities: Option<&[u8]>,
        shown: Option<Shown<'_>>,
    ) -> Result<Self, SetupError> {
        let builder = match authorities {
            Some(pem) => tls()?.with_root_certificates(roots(pem)?),
            None => of_the_machine()?,
        };
        let config = match shown {
            None => builder.with_no_client_auth(),
            Some(Shown { certificates, key }) => {
                let chain = certificates_of(certificates, "the client certificate")?;
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|_| SetupError::new("the client key cannot be read as PEM"))?;
                builder.with_client_auth_cert(chain, key).map_err(|error| {
                    SetupError::new(format!("client certificate and key do not fit: {error}"))
                })?
            }
        };
        Ok(Self(Arc::new(config)))
    }

    /// Trusts the authorities in that PEM, which is in base64, as EKS tells them.
    ///
    /// # Errors
    /// As above.
    #[cfg(feature = "aws")]
    pub(crate) fn of_base64(authorities: &str) -> Result<Self, SetupError> {
        let pem = BASE64_STANDARD.decode(authorities.trim()).unwrap_or_default();
        Self::new(Some(&pem), None)
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust")
    }
}

/// TLS that trusts whom the machine trusts.
pub(super) fn of_the_machine() -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, SetupError> {
    tls()?.with_native_roots().map_err(|error| {
        SetupError::new(format!("{error}; install ca-certificates or set SSL_CERT_FILE"))
    })
}

fn tls() -> Result<ConfigBuilder<ClientConfig, rustls::WantsVerifier>, SetupError> {
    ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| SetupError::new(error.to_string()))
}

fn roots(pem: &[u8]) -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates_of(pem, "the certificate authority")? {
        roots.add(certificate).map_err(|error| {
            SetupError::new(format!("the certificate authority cannot be trusted: {error}"))
        })?;
    }
    Ok(roots)
}

/// At least one certificate.
fn certificates_of(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let wrong = || SetupError::new(format!("{what} cannot be read as PEM"));
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or_else(wrong)
}
