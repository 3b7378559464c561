//! Client certificates: callers that are known by whom they shook hands as.
//!
//! Enters: what a verified certificate says, and the configured entries. Leaves: the principal that it stands
//! for. Never: a certificate that nobody vouched for, or one that has ended since; one name taken for a part
//! of another.

use std::collections::HashMap;
use std::sync::Arc;

use toolgate_call::{Certificate, Claims, ClientCertificate, Principal, Scopes};
use toolgate_telemetry::AuthResult;

use super::denial::{Denial, shown};

/// The name under which callers with a certificate are known: the issuer of their principals.
pub const ISSUER: &str = "certificates";

/// What the URI of a SPIFFE ID begins with.
const SPIFFE: &str = "spiffe://";

/// What a certificate is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// A URI among its alternative names, character by character.
    Uri(String),
    /// A DNS name among them, whatever its case (RFC 4343).
    Dns(String),
    /// The common name of its subject, character by character.
    CommonName(String),
}

/// Whom a certificate stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRule {
    /// Which certificate.
    pub known: Known,
    /// Who it is: the subject of the principal.
    pub name: String,
    /// The scopes that it grants.
    pub scopes: Vec<String>,
}

/// The certificates of an authenticator that runs. Of several entries that fit, the first counts.
#[derive(Default)]
pub(super) struct Certificates {
    uris: HashMap<Box<str>, usize>,
    dns: HashMap<Box<str>, usize>,
    common_names: HashMap<Box<str>, usize>,
    callers: Vec<Caller>,
    issuer: Arc<str>,
}

struct Caller {
    name: Arc<str>,
    scopes: Scopes,
}

// === impl Certificates ===

impl Certificates {
    pub(super) fn new(rules: &[CertificateRule]) -> Self {
        let mut all = Self { issuer: Arc::from(ISSUER), ..Self::default() };
        for (at, rule) in rules.iter().enumerate() {
            let (names, name) = match &rule.known {
                Known::Uri(uri) => (&mut all.uris, Box::from(uri.as_str())),
                Known::Dns(name) => (&mut all.dns, Box::from(name.to_ascii_lowercase())),
                Known::CommonName(name) => (&mut all.common_names, Box::from(name.as_str())),
            };
            names.entry(name).or_insert(at);
            let scopes = rule.scopes.iter().map(String::as_str).collect();
            all.callers.push(Caller { name: Arc::from(&*rule.name), scopes });
        }
        all
    }

    /// Whether any are taken.
    pub(super) fn any(&self) -> bool {
        !self.callers.is_empty()
    }

    /// Whose certificate that is.
    ///
    /// # Errors
    /// Nobody's.
    pub(super) fn principal(&self, said: &Certificate) -> Result<Principal, Denial> {
        let caller = self.find(said).and_then(|at| self.callers.get(at)).ok_or_else(|| {
            let detail = format!("no entry of auth.certificates fits {}", described(said));
            denied(AuthResult::UnknownCertificate, detail)
        })?;
        Ok(Principal {
            issuer: Arc::clone(&self.issuer),
            subject: Arc::clone(&caller.name),
            client: Some(Arc::from(&*said.fingerprint)),
            scopes: caller.scopes.clone(),
            claims: Claims::default(),
            expires: Some(said.expires),
        })
    }

    fn find(&self, said: &Certificate) -> Option<usize> {
        // SPIFFE X.509-SVID, section 2: one that has several URIs has no identity at all.
        let is_ambiguous = said.uris.len() > 1 && said.uris.iter().any(|uri| is_spiffe(uri));
        let uris = said.uris.iter().filter(|_| !is_ambiguous);
        let uris = uris.filter_map(|uri| self.uris.get(uri));
        let dns = said.dns.iter().filter_map(|name| self.dns.get(&*name.to_ascii_lowercase()));
        let common = said.common_name.iter().filter_map(|name| self.common_names.get(name));
        uris.chain(dns).chain(common).min().copied()
    }
}

/// Whether what the connection shows would still be good for a handshake.
///
/// # Errors
/// It would not; so nothing is taken on the connection, whatever else is shown.
pub(super) fn holds(shown: &ClientCertificate, now: u64) -> Result<&Certificate, Denial> {
    match shown {
        ClientCertificate::Withdrawn(said) => {
            let detail = format!("tls.client_ca no longer has an authority of {}", described(said));
            Err(denied(AuthResult::Revoked, detail))
        }
        ClientCertificate::Verified(said) if now >= said.expires => {
            let detail = format!("{} ended {} s ago", described(said), now - said.expires);
            Err(denied(AuthResult::Expired, detail))
        }
        ClientCertificate::Verified(said) => Ok(said),
    }
}

fn denied(result: AuthResult, detail: String) -> Denial {
    Denial::invalid(result, detail)
        .saying("the client certificate is not accepted")
        .at(&Arc::from(ISSUER))
}

fn is_spiffe(uri: &str) -> bool {
    uri.get(..SPIFFE.len()).is_some_and(|start| start.eq_ignore_ascii_case(SPIFFE))
}

/// A certificate as an operator may see it.
fn described(said: &Certificate) -> String {
    let mut names: Vec<String> = Vec::new();
    names.extend(said.uris.iter().map(|uri| format!("uri {}", shown(uri))));
    names.extend(said.dns.iter().map(|name| format!("dns {}", shown(name))));
    names.extend(said.common_name.iter().map(|name| format!("common_name {}", shown(name))));
    names.truncate(MOST_NAMES);
    format!("the certificate {} ({})", said.fingerprint, names.join(", "))
}

/// How many names of a certificate an operator is shown.
const MOST_NAMES: usize = 4;

#[cfg(test)]
mod tests {
    //! Whom certificates stand for.

    use std::sync::Arc;

    use toolgate_call::{Certificate, ClientCertificate};
    use toolgate_telemetry::AuthResult;

    use super::{CertificateRule, Certificates, Known, holds};

    fn rule(known: Known, name: &str) -> CertificateRule {
        CertificateRule { known, name: name.to_owned(), scopes: vec![format!("{name}/use")] }
    }

    fn house() -> Certificates {
        Certificates::new(&[
            rule(Known::Uri("spiffe://a/ci".to_owned()), "ci"),
            rule(Known::Dns("Batch.Example".to_owned()), "batch"),
            rule(Known::CommonName("alice".to_owned()), "alice"),
        ])
    }

    fn certificate(uris: &[&str], dns: &[&str], common_name: Option<&str>) -> Certificate {
        Certificate {
            uris: uris.iter().map(|uri| Box::from(*uri)).collect(),
            dns: dns.iter().map(|name| Box::from(*name)).collect(),
            common_name: common_name.map(Box::from),
            fingerprint: Box::from("0123456789abcdef"),
            expires: 1000,
        }
    }

    fn who(said: &Certificate) -> Result<String, AuthResult> {
        let principal = house().principal(said).map_err(|denial| denial.result)?;
        assert_eq!(principal.client.as_deref(), Some("0123456789abcdef"));
        assert_eq!(principal.expires, Some(1000));
        Ok(format!("{} {}", principal.key(), principal.scopes))
    }

    #[test]
    fn a_certificate_stands_for_whom_the_first_entry_that_fits_says() {
        let ci = Ok("certificates:ci ci/use".to_owned());
        let batch = Ok("certificates:batch batch/use".to_owned());
        assert_eq!(who(&certificate(&["spiffe://a/ci"], &[], None)), ci);
        assert_eq!(who(&certificate(&[], &["x", "batch.example"], None)), batch);
        let alice = who(&certificate(&[], &[], Some("alice")));
        assert_eq!(alice, Ok("certificates:alice alice/use".to_owned()));
        assert_eq!(who(&certificate(&["spiffe://a/ci"], &["batch.example"], Some("alice"))), ci);
        assert_eq!(who(&certificate(&[], &["batch.example"], Some("alice"))), batch);
    }

    #[test]
    fn a_name_of_another_kind_or_a_part_of_one_is_none() {
        let nobody = Err(AuthResult::UnknownCertificate);
        for said in [
            certificate(&[], &[], None),
            certificate(&["alice", "batch.example"], &["alice"], Some("spiffe://a/ci")),
            certificate(&["spiffe://a/ci/"], &[], None),
            certificate(&["SPIFFE://a/ci"], &[], None),
            certificate(&[], &["*.example", "a.batch.example"], Some("Alice")),
            // Two identities are none.
            certificate(&["spiffe://a/ci", "spiffe://a/other"], &[], None),
            certificate(&["spiffe://a/ci", "https://a"], &[], None),
        ] {
            assert_eq!(who(&said), nobody, "{said:?}");
        }
    }

    #[test]
    fn a_certificate_ends_and_can_be_withdrawn_on_an_open_connection() {
        let said = Arc::new(certificate(&[], &[], Some("alice")));
        let verified = ClientCertificate::Verified(Arc::clone(&said));
        assert!(holds(&verified, 999).is_ok());
        assert_eq!(holds(&verified, 1000).unwrap_err().result, AuthResult::Expired);
        let withdrawn = ClientCertificate::Withdrawn(said);
        assert_eq!(holds(&withdrawn, 0).unwrap_err().result, AuthResult::Revoked);
    }
}
