//! Whom a client trusts over TLS, and what it shows of itself.
//!
//! Enters: files of the command line. Leaves: a TLS configuration, and what to do when hands were not
//! shaken. Never: a connection to somebody whose certificate does not hold, whatever is asked for.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use hyper_rustls::ConfigBuilderExt as _;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, CertificateError, ClientConfig, Error, RootCertStore};

/// See the module.
#[derive(Args, Clone, Debug, Default)]
pub struct Trust {
    /// The authority of the gateway's certificate (PEM); without it, those that this machine trusts.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub ca: Option<PathBuf>,
    /// The certificate to show the gateway, followed by those between it and its authority (PEM).
    #[arg(long, value_name = "FILE", requires_all = ["url", "key"])]
    pub certificate: Option<PathBuf>,
    /// Its private key (PEM, not encrypted).
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,
}

// === impl Trust ===

impl Trust {
    /// What is asked of TLS.
    ///
    /// # Errors
    /// A file that cannot be used, or a machine without certificates.
    pub fn config(&self) -> Result<ClientConfig, String> {
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match &self.ca {
            Some(file) => builder.with_root_certificates(roots(file)?),
            None => builder.with_native_roots().map_err(|error| {
                format!("{error}; install ca-certificates, set SSL_CERT_FILE, or say --ca FILE")
            })?,
        };
        let (Some(certificate), Some(key)) = (&self.certificate, &self.key) else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = certificates(certificate)?;
        let read = PrivateKeyDer::from_pem_file(key);
        let read = read.map_err(|error| format!("the key {}: {error}", key.display()))?;
        builder.with_client_auth_cert(chain, read).map_err(|error| {
            format!("the key {} and {}: {error}", key.display(), certificate.display())
        })
    }
}

fn roots(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(file)? {
        roots.add(authority).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(roots)
}

/// The certificates of a file; there is at least one.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let cannot = |problem: String| format!("{} {problem}", file.display());
    let pem = std::fs::read(file).map_err(|error| cannot(format!("cannot be read: {error}")))?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let all = all.map_err(|error| cannot(format!("is not PEM: {error}")))?;
    if all.is_empty() { Err(cannot("holds no certificate".to_owned())) } else { Ok(all) }
}

/// What to do about an error, if it is one of TLS. Then nothing was carried out.
#[must_use]
pub fn remedy(error: &(dyn StdError + 'static)) -> Option<&'static str> {
    let all = std::iter::successors(Some(error), |&error| error.source());
    all.filter_map(tls).map(remedy_of).next()
}

/// The error of TLS itself, or within errors of input and output, which do not name it as their cause.
fn tls<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Error> {
    let within = || error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.downcast_ref().or_else(|| tls(within()?))
}

fn remedy_of(error: &Error) -> &'static str {
    if matches!(error, Error::InvalidCertificate(CertificateError::UnknownIssuer)) {
        "the authority of its certificate is not known here: --ca FILE names the one that signed it \
         (for a certificate that signed itself, the certificate); before, make sure that this is \
         the gateway"
    } else if is_of_name(error) {
        "its certificate is for another name: use in --url a name that the certificate has"
    } else if matches!(error, Error::InvalidCertificate(_)) {
        "its certificate does not hold: have it renewed, and look at the clocks of both machines"
    } else if matches!(error, Error::InvalidMessage(_)) {
        "what answers does not speak TLS: perhaps the URL begins with http://"
    } else if is_about_ours(error) {
        "the gateway wants a certificate of an authority that it knows: --certificate FILE --key FILE"
    } else {
        "look at the gateway's log, and whether both speak TLS 1.2 or 1.3"
    }
}

fn is_of_name(error: &Error) -> bool {
    use CertificateError::{NotValidForName, NotValidForNameContext};
    let Error::InvalidCertificate(why) = error else { return false };
    matches!(why, NotValidForName | NotValidForNameContext { .. })
}

fn is_about_ours(error: &Error) -> bool {
    use AlertDescription as Alert;
    let Error::AlertReceived(alert) = error else { return false };
    matches!(
        alert,
        Alert::CertificateRequired
            | Alert::UnknownCA
            | Alert::BadCertificate
            | Alert::CertificateUnknown
            | Alert::CertificateExpired
            | Alert::CertificateRevoked
            | Alert::UnsupportedCertificate
            | Alert::AccessDenied
    )
}
