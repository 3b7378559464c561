//! Certificates, and tokens beside them.

use std::sync::Arc;

use http::HeaderMap;
use serde_json::json;
use toolgate_call::{Certificate, ClientCertificate};

use super::super::{CertificateRule, Known, Shown};
use super::mint::TestKey;
use super::{Fixture, NOW, bearer, claims, cognito, headers};

/// Whom that certificate and these headers stand for; also from memory.
async fn who(
    fixture: &Fixture,
    certificate: &ClientCertificate,
    headers: &HeaderMap,
) -> Result<String, String> {
    let shown = Shown { headers, certificate: Some(certificate) };
    let verified = fixture.auth.verify(shown, None).await;
    let remembered = fixture.auth.verify_cached(shown, None);
    assert_eq!(remembered.is_some(), verified.is_ok(), "memory knows no more and no less");
    match verified {
        Ok(principal) => {
            assert_eq!(Some(&principal), remembered.as_ref());
            Ok(format!("{} {}", principal.key(), principal.scopes))
        }
        Err(refusal) => Err(refusal.message().to_owned()),
    }
}

fn certificate(name: &str) -> Arc<Certificate> {
    Arc::new(Certificate {
        common_name: Some(name.into()),
        expires: NOW + 60,
        ..Certificate::default()
    })
}

/// A gateway that knows one certificate, and one issuer.
async fn house(key: &TestKey) -> Fixture {
    let rule = CertificateRule {
        known: Known::CommonName("ci".to_owned()),
        name: "deployer".to_owned(),
        scopes: vec!["k8s/write".to_owned()],
    };
    let fixture = Fixture::changed(cognito(), |config| config.certificates = vec![rule]).await;
    fixture.server.publish(&[key]);
    fixture.auth.start().await;
    fixture
}

const DEPLOYER: &str = "certificates:deployer k8s/write";
const ROBOT: &str = "main:robot-1 gateway/invoke k8s/write";
const NOT_TAKEN: &str = "the client certificate is not accepted";

#[tokio::test]
async fn a_certificate_alone_says_who_it_is_and_a_token_beside_it_says_it_instead() {
    let key = TestKey::p256("k1");
    let fixture = house(&key).await;
    let ci = ClientCertificate::Verified(certificate("ci"));
    let other = ClientCertificate::Verified(certificate("other"));
    let token = bearer(&key.token(&claims(&json!({}))));
    let none = HeaderMap::new();
    assert_eq!(who(&fixture, &ci, &none).await.as_deref(), Ok(DEPLOYER));
    assert_eq!(who(&fixture, &other, &none).await, Err(NOT_TAKEN.to_owned()));
    for certificate in [&ci, &other] {
        assert_eq!(who(&fixture, certificate, &token).await.as_deref(), Ok(ROBOT));
    }
    // A token that does not hold is not made good by the certificate.
    let late = bearer(&key.token(&claims(&json!({ "exp": NOW - 60 }))));
    for headers in [late, bearer("x"), headers("Basic eDp5"), headers("")] {
        assert!(who(&fixture, &ci, &headers).await.is_err(), "{headers:?}");
    }
    let refusal = fixture.auth.verify(&none, None).await.unwrap_err();
    assert_eq!(refusal.message(), "a bearer token or a client certificate is needed");
}

#[tokio::test]
async fn what_would_get_no_handshake_today_is_not_taken_on_an_open_connection() {
    let key = TestKey::p256("k1");
    let fixture = house(&key).await;
    let token = bearer(&key.token(&claims(&json!({}))));
    let withdrawn = ClientCertificate::Withdrawn(certificate("ci"));
    let verified = ClientCertificate::Verified(certificate("ci"));
    for headers in [&token, &HeaderMap::new()] {
        assert_eq!(who(&fixture, &withdrawn, headers).await, Err(NOT_TAKEN.to_owned()));
        assert!(who(&fixture, &verified, headers).await.is_ok());
    }
    fixture.clock.advance(60);
    for headers in [&token, &HeaderMap::new()] {
        assert_eq!(who(&fixture, &verified, headers).await, Err(NOT_TAKEN.to_owned()));
    }
}

#[tokio::test]
async fn without_entries_a_certificate_says_nothing_and_must_hold_all_the_same() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::with_keys(&[&key]).await;
    let token = bearer(&key.token(&claims(&json!({}))));
    let verified = ClientCertificate::Verified(certificate("ci"));
    assert_eq!(who(&fixture, &verified, &token).await.as_deref(), Ok(ROBOT));
    let missing = who(&fixture, &verified, &HeaderMap::new()).await;
    assert_eq!(
        missing,
        Err("a bearer token is needed: send the header `Authorization: Bearer TOKEN`".to_owned())
    );
    let withdrawn = ClientCertificate::Withdrawn(certificate("ci"));
    assert_eq!(who(&fixture, &withdrawn, &token).await, Err(NOT_TAKEN.to_owned()));
}
