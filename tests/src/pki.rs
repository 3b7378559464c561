//! Authorities, and certificates that they sign.
//!
//! In: names and years. Out: PEM, in files of a folder; and callers that shake hands with them. It knows
//! nothing of what the gateway makes of a certificate.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType, date_time_ymd,
};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::process::Scratch;

/// Someone who signs certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate.
    pub pem: String,
}

/// A certificate and its key, as files.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The file of the certificate.
    pub certificate: PathBuf,
    /// The file of its key.
    pub key: PathBuf,
}

/// What a certificate says.
#[derive(Clone, Copy, Debug)]
pub struct Says<'a> {
    /// Its common name.
    pub name: &'a str,
    /// A URI among its alternative names.
    pub uri: Option<&'a str>,
    /// The year in which it ends.
    pub until: i32,
}

/// How a caller shakes hands: whom it trusts, and what it shows.
#[derive(Clone)]
pub struct Hands(TlsConnector);

// === impl Authority ===

impl Authority {
    /// One of that name.
    ///
    /// # Errors
    /// When there are no random bytes.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2100, 1, 1);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    /// Signs a certificate for this machine, and writes it and its key.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub fn signs(&self, says: Says<'_>, file: &str, to: &Scratch) -> Result<Pair> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        params.subject_alt_names.push(SanType::IpAddress(here));
        if let Some(uri) = says.uri {
            params.subject_alt_names.push(SanType::URI(uri.try_into()?));
        }
        params.distinguished_name.push(DnType::CommonName, says.name);
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(says.until, 1, 1);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Pair {
            certificate: to.write(&format!("{file}.crt"), &certificate)?,
            key: to.write(&format!("{file}.key"), &key.serialize_pem())?,
        })
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}

// === impl Pair ===

impl Pair {
    /// The TLS of a server that shows it; with an authority, one that takes its certificates alone.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn serves(&self, people: Option<&Authority>) -> Result<ServerConfig> {
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = match people {
            None => builder.with_no_client_auth(),
            Some(people) => {
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from_pem_slice(people.pem.as_bytes())?)?;
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build()?)
            }
        };
        let chain = vec![CertificateDer::from_pem_file(&self.certificate)?];
        Ok(builder.with_single_cert(chain, PrivateKeyDer::from_pem_file(&self.key)?)?)
    }
}

// === impl Says ===

impl<'a> Says<'a> {
    /// A name and nothing else.
    #[must_use]
    pub const fn name(name: &'a str) -> Self {
        Self { name, uri: None, until: 2090 }
    }
}

// === impl Hands ===

impl Hands {
    /// Of a caller that trusts that authority, and shows that certificate.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn new(trusts: &Authority, shows: Option<&Pair>) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(trusts.pem.as_bytes())?)?;
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let mut config = match shows {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let chain = CertificateDer::from_pem_file(&pair.certificate)?;
                let key = PrivateKeyDer::from_pem_file(&pair.key)?;
                builder.with_client_auth_cert(vec![chain], key)?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Each connection shakes hands in full.
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Shakes hands.
    ///
    /// # Errors
    /// When either side does not want to.
    pub async fn shake(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from("localhost")?;
        self.0.connect(name, stream).await.context("shaking hands")
    }
}

impl fmt::Debug for Hands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hands")
    }
}
