//! `tls`: the files read, and held against each other.
//!
//! In: `tls` as written. Out: what hands are shaken with. It never lets a gateway start that nobody could
//! call, or that has the key of another certificate.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use toolgate_accept::{ClientAuth, Material, MinVersion, TlsFile, TlsRules, TlsText};
use toolgate_admit::authn::{CertificateRule, Known};
use zeroize::Zeroizing;

use crate::config::choice::{ClientCertificates, TlsVersion};
use crate::config::code;
use crate::config::file;
use crate::config::report::{Mistake, quote};
use crate::config::resolved::{Tls, TlsFiles};

use super::{Resolver, scopes};

impl Resolver<'_, '_> {
    pub(super) fn tls(&mut self, written: Option<&file::Tls>) -> Option<Tls> {
        let written = written?;
        let rules = rules(written);
        let client_ca = written.client_ca.as_ref().filter(|_| rules.client != ClientAuth::None);
        let files = TlsFiles {
            certificate: self.path(Path::new(written.certificate.as_ref()?)),
            key: self.path(Path::new(written.key.as_ref()?)),
            client_ca: client_ca.map(|file| self.path(Path::new(file))),
        };
        // All that cannot be read are told of.
        let certificate = self.pem(&files.certificate, TlsFile::Certificate);
        let key = self.pem(&files.key, TlsFile::Key).map(Zeroizing::new);
        let client_ca = match &files.client_ca {
            Some(file) => Some(self.pem(file, TlsFile::ClientCa)?),
            None => None,
        };
        let (certificate, key) = certificate.zip(key)?;
        let text =
            TlsText { certificate: &certificate, key: &key, client_ca: client_ca.as_deref() };
        match Material::read(text, rules, SystemTime::now()) {
            Ok(material) => Some(Tls { files, rules, material: Arc::new(material) }),
            Err(bad) => {
                let file = files.of(bad.file).display().to_string();
                let message = format!("the file {} {}", quote(&file), bad.problem);
                let at = self.review.at(&["tls", key_of(bad.file)]);
                self.review.add(Mistake::new(code::TLS, at, message).help(bad.help));
                None
            }
        }
    }

    fn pem(&mut self, file: &Path, which: TlsFile) -> Option<String> {
        let problem = match (self.outside.read)(file) {
            Ok(text) => return Some(text),
            Err(error) => error,
        };
        let message =
            format!("the file {} cannot be read: {problem}", quote(&file.display().to_string()));
        let help = "check that it exists, that this user may read it, and that it is PEM; relative \
                    paths start beside the configuration file";
        let at = self.review.at(&["tls", key_of(which)]);
        self.review.add(Mistake::new(code::TLS, at, message).help(help));
        None
    }
}

// === impl TlsFiles ===

impl TlsFiles {
    /// The path of that one.
    #[must_use]
    pub fn of(&self, file: TlsFile) -> &Path {
        match file {
            TlsFile::Certificate => &self.certificate,
            TlsFile::Key => &self.key,
            // What is not read has nothing wrong with it.
            TlsFile::ClientCa => self.client_ca.as_deref().unwrap_or(&self.certificate),
        }
    }
}

/// Whom a certificate stands for.
pub(super) fn certificate(written: &file::Certificate) -> Option<CertificateRule> {
    let (uri, dns) = (written.uri.clone(), written.dns.clone());
    let known = uri.map(Known::Uri).or(dns.map(Known::Dns));
    let known = known.or(written.common_name.clone().map(Known::CommonName))?;
    Some(CertificateRule { known, name: written.name.clone()?, scopes: scopes(&written.scopes) })
}

fn rules(written: &file::Tls) -> TlsRules {
    let otherwise = if written.client_ca.is_some() {
        ClientCertificates::Required
    } else {
        ClientCertificates::None
    };
    TlsRules {
        min_version: match written.min_version.unwrap_or_default() {
            TlsVersion::Tls12 => MinVersion::Tls12,
            TlsVersion::Tls13 => MinVersion::Tls13,
        },
        client: match written.client.unwrap_or(otherwise) {
            ClientCertificates::None => ClientAuth::None,
            ClientCertificates::Optional => ClientAuth::Optional,
            ClientCertificates::Required => ClientAuth::Required,
        },
    }
}

const fn key_of(file: TlsFile) -> &'static str {
    match file {
        TlsFile::Certificate => "certificate",
        TlsFile::Key => "key",
        TlsFile::ClientCa => "client_ca",
    }
}
