//! Certificates: files that fit, and whom those of callers stand for.

use std::sync::OnceLock;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use toolgate_accept::{ClientAuth, MinVersion};
use toolgate_admit::authn::{CertificateRule, Known};

use super::{config, mistakes};

/// The files of TLS that lie beside every file here, made anew for each run.
pub(super) fn file(name: &str) -> Option<String> {
    static FILES: OnceLock<[(&str, String); 6]> = OnceLock::new();
    let files = FILES.get_or_init(|| {
        let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let signed = |year| {
            let mut params = CertificateParams::new(vec!["gw.example.com".to_owned()]).unwrap();
            params.not_after = date_time_ymd(year, 1, 1);
            params.self_signed(&key).unwrap().pem()
        };
        [
            ("gw.crt", signed(2100)),
            ("gw.key", key.serialize_pem()),
            ("other.key", other.serialize_pem()),
            ("ended.crt", signed(2020)),
            ("clients.pem", signed(2090)),
            ("ended.pem", signed(2021)),
        ]
    });
    let name = name.strip_prefix("/etc/toolgate/tls/")?;
    files.iter().find(|(known, _)| *known == name).map(|(_, text)| text.clone())
}

const TARGET: &str = "targets: { clock: { builtin: clock } }\n";
const FILES: &str = "certificate: tls/gw.crt, key: tls/gw.key";

#[test]
fn tls_asks_callers_for_nothing_until_it_is_told_whose_certificates_to_take() {
    let plain = config(&format!("auth: {{ anonymous: true }}\ntls: {{ {FILES} }}\n{TARGET}"));
    assert_eq!(plain.public_url, "https://127.0.0.1:8800");
    let tls = plain.tls.as_ref().unwrap();
    assert_eq!((tls.rules.min_version, tls.rules.client), (MinVersion::Tls12, ClientAuth::None));
    assert!(!format!("{plain:?}").contains("BEGIN"));
    for (more, min, client) in [
        ("client_ca: tls/clients.pem", MinVersion::Tls12, ClientAuth::Required),
        ("client_ca: tls/clients.pem, client: optional", MinVersion::Tls12, ClientAuth::Optional),
        ("min_version: 1.3, client: none", MinVersion::Tls13, ClientAuth::None),
    ] {
        let tls = format!("auth: {{ anonymous: true }}\ntls: {{ {FILES}, {more} }}\n{TARGET}");
        let rules = config(&tls).tls.unwrap().rules;
        assert_eq!((rules.min_version, rules.client), (min, client), "{more}");
    }
}

#[test]
fn certificates_alone_are_a_way_to_authenticate() {
    let auth = "auth: { certificates: [{ uri: \"spiffe://a/ci\", name: ci, scopes: [x, y] }] }\n";
    let tls = format!("{auth}tls: {{ {FILES}, client_ca: tls/clients.pem }}\n{TARGET}");
    let known = Known::Uri("spiffe://a/ci".to_owned());
    let scopes = vec!["x".to_owned(), "y".to_owned()];
    let rule = CertificateRule { known, name: "ci".to_owned(), scopes };
    assert_eq!(config(&tls).auth.certificates, [rule]);
    let clear = mistakes(&format!("{auth}{TARGET}"));
    assert_eq!(clear, ["TG1019 1:9 `certificates` has no effect: no caller can show one"]);
    // One mistake does not cause a second one.
    let refused = mistakes(&format!("{auth}tls: {{ {FILES}, client_ca: 1, keyy: 2 }}\n{TARGET}"));
    assert_eq!(refused.len(), 2, "{refused:?}");
}
