//! What a listener shakes hands with.
//!
//! Enters: the text of a certificate chain, its key, and the authorities of callers. Leaves: a TLS
//! configuration, and until when it is good. Never: a key that does not fit its certificate, or a
//! certificate that no caller would take today; a key in an error.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier as Verifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, InconsistentKeys, RootCertStore, ServerConfig, SupportedProtocolVersion};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// What is spoken within TLS, the best first (RFC 7301).
const SPOKEN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The oldest version of TLS that is taken. Older ones than these never are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinVersion {
    /// RFC 5246.
    #[default]
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// Whether callers show certificates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked.
    #[default]
    None,
    /// They may; one that does not hold ends the handshake.
    Optional,
    /// They must.
    Required,
}

/// What does not change while a listener serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TlsRules {
    /// The oldest version that is taken.
    pub min_version: MinVersion,
    /// Whether callers show certificates.
    pub client: ClientAuth,
}

/// The files, as text (PEM, RFC 7468).
#[derive(Clone, Copy)]
pub struct TlsText<'a> {
    /// The gateway's certificate, and those between it and its authority.
    pub certificate: &'a str,
    /// Its key.
    pub key: &'a str,
    /// The authorities of callers; there are some unless callers are not asked.
    pub client_ca: Option<&'a str>,
}

/// One of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFile {
    /// [`TlsText::certificate`].
    Certificate,
    /// [`TlsText::key`].
    Key,
    /// [`TlsText::client_ca`].
    ClientCa,
}

/// Why files cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct BadTls {
    /// Which of them.
    pub file: TlsFile,
    /// What is wrong with it; completes "the file …".
    pub problem: String,
    /// What to do.
    pub help: &'static str,
}

/// See the module.
pub struct Material {
    config: Arc<ServerConfig>,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    /// When the certificate ends, in seconds since the epoch.
    pub expires: u64,
    /// When the first of the callers' authorities ends, likewise.
    pub authorities_expire: Option<u64>,
}

type Chain = Vec<CertificateDer<'static>>;

// === impl TlsText ===

impl fmt::Debug for TlsText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsText(***)")
    }
}

// === impl Material ===

impl Material {
    /// Makes it of these files.
    ///
    /// # Errors
    /// The first file that cannot be used, and why.
    pub fn read(text: TlsText<'_>, rules: TlsRules, now: SystemTime) -> Result<Self, BadTls> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let chain = chain(text.certificate, TlsFile::Certificate)?;
        let expires = lasts(chain.first(), now)?;
        let key = certified(chain, text.key)?;
        let (verifier, authorities_expire) = match text.client_ca {
            Some(text) if rules.client != ClientAuth::None => {
                let (verifier, expire) = verifier(text, rules.client, now)?;
                (Some(verifier), Some(expire))
            }
            Some(_) | None => (None, None),
        };
        let config = config(rules.min_version, key, verifier.clone());
        let mut config =
            config.map_err(|error| bad(TlsFile::Certificate, error.to_string(), ""))?;
        config.alpn_protocols = SPOKEN.map(<[u8]>::to_vec).to_vec();
        Ok(Self { config: Arc::new(config), verifier, expires, authorities_expire })
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Who says whether a caller's certificate holds; `None`: callers are not asked.
    pub(super) fn verifier(&self) -> Option<&dyn ClientCertVerifier> {
        self.verifier.as_deref()
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Material").field("expires", &self.expires).finish_non_exhaustive()
    }
}

fn config(
    min: MinVersion,
    key: CertifiedKey,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
) -> Result<ServerConfig, Error> {
    let versions: &[&SupportedProtocolVersion] = match min {
        MinVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        MinVersion::Tls13 => &[&rustls::version::TLS13],
    };
    let verifier = verifier.unwrap_or_else(Verifier::no_client_auth);
    Ok(ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(key))))
}

/// All certificates of a file; there is at least one.
fn chain(text: &str, file: TlsFile) -> Result<Chain, BadTls> {
    let all: Result<Chain, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let all =
        all.map_err(|error| bad(file, format!("is not PEM: {error}"), "write it anew as PEM"))?;
    if all.is_empty() {
        let help = "it must be PEM and have `-----BEGIN CERTIFICATE-----`; convert DER with \
                    `openssl x509 -inform der`";
        return Err(bad(file, "holds no certificate".to_owned(), help));
    }
    Ok(all)
}

fn parsed(der: &CertificateDer<'_>, file: TlsFile) -> Result<Certificate, BadTls> {
    Certificate::from_der(der).map_err(|error| {
        let problem = format!("holds a certificate that cannot be read: {error}");
        bad(file, problem, "look at it with `openssl x509 -text -noout -in FILE`")
    })
}

/// When the certificate ends, which has begun and has not ended.
fn lasts(leaf: Option<&CertificateDer<'_>>, now: Duration) -> Result<u64, BadTls> {
    let Some(leaf) = leaf else { return Ok(0) };
    let validity = parsed(leaf, TlsFile::Certificate)?.tbs_certificate.validity;
    let (begins, ends) =
        (validity.not_before.to_unix_duration(), validity.not_after.to_unix_duration());
    if now >= ends {
        let problem = format!("holds a certificate that ended on {}", validity.not_after);
        let help = "renew it: no caller would take it";
        return Err(bad(TlsFile::Certificate, problem, help));
    }
    if now < begins {
        let problem = format!("holds a certificate that begins on {}", validity.not_before);
        let help = "wait for it, or set the clock of this machine right";
        return Err(bad(TlsFile::Certificate, problem, help));
    }
    Ok(ends.as_secs())
}

fn certified(chain: Chain, text: &str) -> Result<CertifiedKey, BadTls> {
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| {
        let help = "it must be PEM and have `-----BEGIN PRIVATE KEY-----`, not encrypted; take a \
                    password off with `openssl pkey -in OLD -out NEW`";
        bad(TlsFile::Key, "holds no private key".to_owned(), help)
    })?;
    CertifiedKey::from_der(chain, key, &default_provider()).map_err(|error| {
        if error == Error::InconsistentKeys(InconsistentKeys::KeyMismatch) {
            let help = "name the key that the certificate was asked for with; in the chain, the \
                        gateway's own certificate must come first";
            return bad(TlsFile::Key, "does not fit the certificate".to_owned(), help);
        }
        // What the library says of a key never has a part of it.
        let help = "use RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519";
        bad(TlsFile::Key, format!("holds a key that cannot be used: {error}"), help)
    })
}

/// Who says which callers' certificates hold, and when the first authority ends.
fn verifier(
    text: &str,
    client: ClientAuth,
    now: Duration,
) -> Result<(Arc<dyn ClientCertVerifier>, u64), BadTls> {
    let mut roots = RootCertStore::empty();
    let mut first = u64::MAX;
    for der in chain(text, TlsFile::ClientCa)? {
        let validity = parsed(&der, TlsFile::ClientCa)?.tbs_certificate.validity;
        let ends = validity.not_after.to_unix_duration();
        if now >= ends {
            // The library would take it: an authority is trusted for being in the file.
            let problem = format!("holds an authority that ended on {}", validity.not_after);
            return Err(bad(TlsFile::ClientCa, problem, "take it out, and put its successor in"));
        }
        first = first.min(ends.as_secs());
        roots.add(der).map_err(|error| {
            let problem = format!("holds what is no authority: {error}");
            bad(TlsFile::ClientCa, problem, "name the certificates that sign those of callers")
        })?;
    }
    let provider = Arc::new(default_provider());
    let builder = Verifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match client {
        ClientAuth::Optional => builder.allow_unauthenticated(),
        ClientAuth::Required | ClientAuth::None => builder,
    };
    let verifier =
        builder.build().map_err(|error| bad(TlsFile::ClientCa, error.to_string(), ""))?;
    Ok((verifier, first))
}

fn bad(file: TlsFile, problem: String, help: &'static str) -> BadTls {
    BadTls { file, problem, help }
}
