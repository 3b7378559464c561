//! A caller by its certificate.
//!
//! Enters: the chain that a handshake verified. Leaves: what it says, with each request. Never: one that
//! today's authorities would not vouch for, however long its connection has been open.

use std::cell::RefCell;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::{CertificateDer, UnixTime};
use toolgate_call::{Certificate, ClientCertificate};
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::{PrintableStringRef, Utf8StringRef};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;

use super::{Material, Tls};

/// `id-at-commonName` (RFC 5280 appendix A.1).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
/// Bytes of a fingerprint that are shown.
const SHOWN: usize = 8;

/// See the module.
pub(crate) struct Caller {
    tls: Tls,
    chain: Vec<CertificateDer<'static>>,
    said: Arc<Certificate>,
    checked: RefCell<Checked>,
}

/// What it was last looked at with, and whether it held.
struct Checked {
    by: Arc<Material>,
    held: bool,
}

// === impl Caller ===

impl Caller {
    /// A caller whose chain was verified with `by`.
    pub(super) fn new(
        tls: &Tls,
        by: Arc<Material>,
        chain: &[CertificateDer<'static>],
    ) -> Result<Self, &'static str> {
        let leaf = chain.first().ok_or("the chain is empty")?;
        let said = Arc::new(read(leaf)?);
        let checked = RefCell::new(Checked { by, held: true });
        Ok(Self { tls: tls.clone(), chain: chain.to_vec(), said, checked })
    }

    /// What its certificate says, if it still holds. While nothing has changed, that costs a look at
    /// a pointer.
    pub(crate) fn shown(&self) -> ClientCertificate {
        let mut checked = self.checked.borrow_mut();
        let current = self.tls.0.load();
        if !Arc::ptr_eq(&current, &checked.by) {
            *checked = Checked { held: self.holds(&current), by: Arc::clone(&current) };
        }
        let said = Arc::clone(&self.said);
        if checked.held {
            ClientCertificate::Verified(said)
        } else {
            ClientCertificate::Withdrawn(said)
        }
    }

    fn holds(&self, material: &Material) -> bool {
        let Some((leaf, between)) = self.chain.split_first() else { return false };
        let verifier = material.verifier();
        verifier.is_some_and(|it| it.verify_client_cert(leaf, between, UnixTime::now()).is_ok())
    }
}

/// What a certificate (DER) says. Nobody has vouched for it here.
///
/// # Errors
/// What cannot be read in it.
pub fn read(der: &[u8]) -> Result<Certificate, &'static str> {
    let parsed = x509_cert::Certificate::from_der(der).map_err(|_| "it is not X.509")?;
    let body = &parsed.tbs_certificate;
    let names =
        body.get::<SubjectAltName>().map_err(|_| "its alternative names are not in order")?;
    let (mut uris, mut dns) = (Vec::new(), Vec::new());
    for name in names.iter().flat_map(|(_, names)| &names.0) {
        match name {
            GeneralName::UniformResourceIdentifier(uri) => uris.push(Box::from(uri.as_str())),
            GeneralName::DnsName(name) => dns.push(Box::from(name.as_str())),
            GeneralName::OtherName(_)
            | GeneralName::Rfc822Name(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EdiPartyName(_)
            | GeneralName::IpAddress(_)
            | GeneralName::RegisteredId(_) => {}
        }
    }
    let shown = digest(&SHA256, der);
    let shown = shown.as_ref().iter().take(SHOWN).map(|byte| format!("{byte:02x}"));
    Ok(Certificate {
        uris: uris.into(),
        dns: dns.into(),
        common_name: common_name(&body.subject),
        fingerprint: shown.collect::<String>().into(),
        expires: body.validity.not_after.to_unix_duration().as_secs(),
    })
}

/// The one common name; of several, none is taken for it.
fn common_name(subject: &Name) -> Option<Box<str>> {
    let mut all = subject.0.iter().flat_map(|part| part.0.iter());
    let mut common = all.by_ref().filter(|part| part.oid == COMMON_NAME);
    let (first, second) = (common.next()?, common.next());
    if second.is_some() {
        return None;
    }
    let value = &first.value;
    let utf8 = || value.decode_as::<Utf8StringRef<'_>>().ok().map(|it| it.as_str().into());
    // What authorities wrote before; nobody uses the other kinds of string any more.
    let printable =
        || value.decode_as::<PrintableStringRef<'_>>().ok().map(|it| it.as_str().into());
    utf8().or_else(printable)
}
