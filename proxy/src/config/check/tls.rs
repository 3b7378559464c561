//! Whether the settings of TLS go together, and with who may call.
//!
//! In: `tls` and `auth.certificates`. Out: mistakes. It never reads a certificate.

use std::collections::HashMap;

use toolgate_admit::authn::CERTIFICATES_ISSUER;

use crate::config::choice::ClientCertificates;
use crate::config::code;
use crate::config::file::{Certificate, File};
use crate::config::report::{Mistake, quote};
use crate::config::review::Review;

pub(super) fn check(file: &File, review: &mut Review<'_>) {
    let asked = file.tls.as_ref().and_then(|tls| tls.client);
    let has_ca = review.has(&["tls", "client_ca"]);
    let path = ["tls", "client_ca"];
    if has_ca && asked == Some(ClientCertificates::None) {
        review.add(
            Mistake::new(
                code::NO_EFFECT,
                review.key_at(&path),
                "`client_ca` has no effect with `client: none`",
            )
            .label("clients are not asked for a certificate")
            .help("write `client: required` or `client: optional`, or remove it"),
        );
    }
    let is_asked = asked.is_some_and(|asked| asked != ClientCertificates::None);
    if is_asked && review.tree.lacks(&path) {
        let path = ["tls", "client"];
        let message = format!("`client: {}` needs `client_ca`", review.written(&path));
        review.add(
            Mistake::new(code::MISSING_KEY, review.at(&path), message)
                .label("no certificate could be verified")
                .help("add `client_ca: FILE` with the certificates of the authorities"),
        );
    }
    certificates(file, review);
}

fn certificates(file: &File, review: &mut Review<'_>) {
    let path = ["auth", "certificates"];
    if file.auth.certificates.is_empty() {
        return;
    }
    if review.tree.lacks(&["tls", "client_ca"]) {
        review.add(
            Mistake::new(
                code::NO_EFFECT,
                review.key_at(&path),
                "`certificates` has no effect: no caller can show one",
            )
            .label("certificates are not asked for")
            .help("add `tls: { certificate: FILE, key: FILE, client_ca: FILE }`"),
        );
    }
    if file.auth.anonymous == Some(true) {
        review.add(
            Mistake::new(
                code::ANONYMOUS,
                review.key_at(&["auth", "anonymous"]),
                "anonymous access next to certificates",
            )
            .label("callers without a certificate would be let in")
            .help("keep `anonymous` or `certificates`, not both"),
        );
    }
    for (index, issuer) in file.auth.issuers.iter().enumerate() {
        if issuer.name.as_deref() == Some(CERTIFICATES_ISSUER) {
            let at = review.at(&["auth", "issuers", &index.to_string(), "name"]);
            let message = format!(
                "an issuer is named `{CERTIFICATES_ISSUER}`, as callers with certificates are"
            );
            review.add(Mistake::new(code::DUPLICATE, at, message).help("give it another name"));
        }
    }
    let mut seen: HashMap<(&str, String), usize> = HashMap::new();
    for (index, rule) in file.auth.certificates.iter().enumerate() {
        check_rule(rule, &index.to_string(), &mut seen, review);
    }
}

fn check_rule<'f>(
    rule: &'f Certificate,
    index: &str,
    seen: &mut HashMap<(&'f str, String), usize>,
    review: &mut Review<'_>,
) {
    let all = [("uri", &rule.uri), ("dns", &rule.dns), ("common_name", &rule.common_name)];
    let written: Vec<_> = all.iter().filter_map(|(key, it)| Some((*key, it.as_ref()?))).collect();
    let within = |key| ["auth", "certificates", index, key];
    if let [(first, _), (second, _), ..] = written.as_slice() {
        let message = format!("a certificate is known by both `{first}` and `{second}`");
        review.add(
            Mistake::new(code::CERTIFICATES, review.key_at(&within(second)), message)
                .label("it would not be clear whether one or both must fit")
                .help("keep one of them; best is `uri`"),
        );
        return;
    }
    let Some((key, value)) = written.first() else {
        if all.iter().all(|(key, _)| review.tree.lacks(&within(key))) {
            let at = review.at(&["auth", "certificates", index]);
            let message = "nothing says which certificate is meant";
            review.add(
                Mistake::new(code::CERTIFICATES, at, message)
                    .help("add `uri`, `dns` or `common_name` as the certificate has it"),
            );
        }
        return;
    };
    let at = review.at(&within(key));
    if value.contains('*') {
        let message = format!("{} is not one certificate", quote(value));
        review.add(
            Mistake::new(code::CERTIFICATES, at, message)
                .label("patterns are not taken")
                .help("list the names one by one; several may have one `name`"),
        );
    }
    let known = if *key == "dns" { value.to_ascii_lowercase() } else { (*value).clone() };
    if let Some(line) = seen.insert((key, known), at.line) {
        review.add(
            Mistake::new(code::DUPLICATE, at, "two entries are about the same certificate")
                .label("second time here")
                .help(format!("it is on line {line} already; put the scopes of both there")),
        );
    }
}
