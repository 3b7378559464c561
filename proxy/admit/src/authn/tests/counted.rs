//! What the metrics say.

use http::HeaderMap;
use serde_json::json;

use super::mint::TestKey;
use super::{Fixture, NOW, bearer, claims, cognito};

impl Fixture {
    /// The value of the one series of `family` that has all these labels; 0 if there is none.
    fn count(&self, family: &str, labels: &[(&str, &str)]) -> u64 {
        let text = self.auth.shared.telemetry.render();
        let labels: Vec<_> = labels.iter().map(|(key, word)| format!("{key}=\"{word}\"")).collect();
        let mut lines = text.lines().filter(|line| {
            line.starts_with(&format!("{family}{{")) && labels.iter().all(|l| line.contains(l))
        });
        let line = lines.next();
        assert_eq!(lines.next(), None, "the labels leave no doubt");
        line.map_or(0, |line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
    }

    fn requests(&self, issuer: &str, reason: &str) -> u64 {
        let labels = [("issuer", issuer), ("reason", reason)];
        self.count("toolgate_auth_requests_total", &labels)
    }
}

#[tokio::test]
async fn every_check_is_counted_under_its_reason() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::with_keys(&[&key]).await;
    let mut stranger = TestKey::p256("k1");
    let forged = stranger.token(&claims(&json!({})));
    stranger.kid = "k2".to_owned();
    let with = |changes| key.token(&claims(&changes));
    for (token, issuer, reason) in [
        ("x".to_owned(), "", "malformed"),
        ("x".repeat(9000), "", "too_large"),
        (key.token_with(&json!({"alg": "none"}), &claims(&json!({}))), "", "bad_algorithm"),
        (with(json!({"iss": "https://else.test"})), "", "bad_issuer"),
        (stranger.token(&claims(&json!({}))), "main", "unknown_kid"),
        (forged, "main", "bad_signature"),
        (with(json!({"exp": NOW - 60})), "main", "expired"),
        (with(json!({"nbf": NOW + 60})), "main", "not_yet_valid"),
        (with(json!({"client_id": "x"})), "main", "bad_client"),
        (with(json!({"token_use": "id"})), "main", "bad_token_use"),
        (with(json!({})), "main", "ok"),
    ] {
        assert_eq!(fixture.requests(issuer, reason), 0, "{reason}");
        let accepted = fixture.verify(&token).await.is_ok();
        assert_eq!(accepted, reason == "ok");
        assert_eq!(fixture.requests(issuer, reason), 1, "{reason}");
    }
    fixture.auth.verify(&HeaderMap::new(), None).await.unwrap_err();
    assert_eq!(fixture.requests("", "missing"), 1);
}

#[tokio::test]
async fn hits_and_misses_are_counted_once_each() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::with_keys(&[&key]).await;
    let headers = bearer(&key.token(&claims(&json!({}))));
    let cache = |word| fixture.count("toolgate_auth_cache_total", &[("outcome", word)]);
    assert!(fixture.auth.verify_cached(&headers, None).is_none());
    fixture.auth.verify(&headers, None).await.unwrap();
    assert_eq!((cache("hit"), cache("miss")), (0, 1));
    assert!(fixture.auth.verify_cached(&headers, None).is_some());
    fixture.auth.verify(&headers, None).await.unwrap();
    assert_eq!((cache("hit"), cache("miss")), (2, 1));
    assert_eq!(fixture.requests("main", "ok"), 3);
}

#[tokio::test]
async fn evictions_are_counted() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::cold(cognito(), 1).await;
    fixture.server.publish(&[&key]);
    for sub in ["a", "b", "c"] {
        fixture.verify(&key.token(&claims(&json!({ "sub": sub })))).await.unwrap();
    }
    assert_eq!(fixture.count("toolgate_auth_cache_total", &[("outcome", "evicted")]), 2);
}

#[tokio::test]
async fn fetches_of_keys_are_counted_with_their_cause() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::with_keys(&[&key]).await;
    let family = "toolgate_jwks_refresh_total";
    let count = |outcome, cause| fixture.count(family, &[("outcome", outcome), ("reason", cause)]);
    assert_eq!(count("ok", "startup"), 1);
    fixture.server.fail();
    let other = TestKey::p256("other");
    fixture.verify(&other.token(&claims(&json!({})))).await.unwrap_err();
    assert_eq!(count("http_error", "unknown_kid"), 1);
}
