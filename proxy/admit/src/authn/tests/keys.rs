//! Keys that come, go, and cannot be had.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use toolgate_call::Case;
use toolgate_telemetry::RefreshCause;

use super::mint::{TestKey, encode};
use super::{Clock, Fixture, ISSUER, NOW, bearer, claims, cognito, config};
use crate::authn::{Authenticator, Pace, jwks};

const DAY: u64 = 24 * 60 * 60;

fn good(key: &TestKey) -> String {
    key.token(&claims(&json!({"exp": NOW + 3 * DAY})))
}

impl Fixture {
    /// What the background refresh does when its time has come.
    async fn refresh(&self) {
        let issuer = &self.auth.issuers[0];
        issuer.refresh(&self.auth.shared, RefreshCause::Scheduled).await;
    }
}

#[tokio::test]
async fn a_new_key_is_picked_up_by_one_fetch() {
    let (old, new) = (TestKey::p256("old"), TestKey::p256("new"));
    let fixture = Fixture::with_keys(&[&old]).await;
    fixture.server.publish(&[&old, &new]);
    assert!(fixture.verify(&good(&new)).await.is_ok());
    assert_eq!(fixture.server.requests(), 2);
    assert!(fixture.verify(&good(&old)).await.is_ok());
    assert_eq!(fixture.server.requests(), 2);
}

#[tokio::test]
async fn the_tokens_of_a_key_that_is_gone_die_with_it() {
    let (old, new) = (TestKey::p256("old"), TestKey::p256("new"));
    let fixture = Fixture::with_keys(&[&old]).await;
    let token = good(&old);
    assert!(fixture.verify(&token).await.is_ok());
    assert!(fixture.auth.verify_cached(&bearer(&token), None).is_some());

    fixture.server.publish(&[&old, &new]);
    fixture.refresh().await;
    assert!(
        fixture.auth.verify_cached(&bearer(&token), None).is_some(),
        "one more key harms nobody"
    );

    fixture.server.publish(&[&new]);
    fixture.refresh().await;
    assert!(fixture.auth.verify_cached(&bearer(&token), None).is_none());
    assert!(fixture.detail(&token).await.contains("kid `old` is not among"));
}

#[tokio::test]
async fn a_key_that_changes_under_its_id_is_another_key() {
    let (before, after) = (TestKey::p256("k1"), TestKey::p256("k1"));
    let fixture = Fixture::with_keys(&[&before]).await;
    let token = good(&before);
    assert!(fixture.verify(&token).await.is_ok());
    fixture.server.publish(&[&after]);
    fixture.refresh().await;
    assert!(fixture.detail(&token).await.contains("signature does not hold"));
}

#[tokio::test]
async fn an_outage_is_served_through_for_a_day() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::with_keys(&[&key]).await;
    let cached = good(&key);
    assert!(fixture.verify(&cached).await.is_ok());
    fixture.server.fail();
    fixture.refresh().await;
    fixture.clock.advance(DAY - 1);
    assert!(fixture.auth.verify_cached(&bearer(&cached), None).is_some());
    let fresh = key.token(&claims(&json!({"exp": NOW + 2 * DAY})));
    assert!(fixture.verify(&fresh).await.is_ok());
    let (name, ok, detail) = fixture.auth.keys_ready().remove(0);
    assert_eq!((name.as_str(), ok), ("main", true));
    assert!(detail.contains("since then") && detail.contains("503"), "{detail}");

    fixture.clock.advance(1);
    assert!(fixture.auth.verify_cached(&bearer(&cached), None).is_none());
    let refusal = fixture.verify(&cached).await.unwrap_err();
    assert_eq!(refusal.case(), Case::KeysUnavailable);
    assert_eq!(refusal.wait(), Some(Duration::from_secs(1)));
    assert!(!fixture.auth.keys_ready()[0].1);

    fixture.server.publish(&[&key]);
    fixture.clock.advance(1);
    assert!(fixture.verify(&cached).await.is_ok());
}

#[tokio::test]
async fn an_issuer_that_comes_up_late_is_found_without_a_restart() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::cold(cognito(), 10).await;
    fixture.auth.start().await;
    assert!(!fixture.auth.keys_ready()[0].1);
    let refusal = fixture.verify(&good(&key)).await.unwrap_err();
    assert_eq!(refusal.case(), Case::KeysUnavailable);
    assert!(refusal.is_retry_safe());
    assert!(refusal.operator_detail().unwrap().contains("answered 500"));

    fixture.server.publish(&[&key]);
    assert!(fixture.verify(&good(&key)).await.is_err(), "asked again within the second");
    fixture.clock.advance(1);
    assert!(fixture.verify(&good(&key)).await.is_ok());
    assert!(fixture.auth.keys_ready()[0].1);
    assert_eq!(fixture.server.requests(), 3);
}

#[tokio::test]
async fn a_storm_of_unknown_keys_causes_one_fetch() {
    let (known, unknown) = (TestKey::p256("known"), TestKey::p256("unknown"));
    let fixture = Fixture::with_keys(&[&known]).await;
    fixture.server.hang(true);
    let mut storm = JoinSet::new();
    for _ in 0..100 {
        let (auth, headers) = (Arc::clone(&fixture.auth), bearer(&good(&unknown)));
        storm.spawn(async move { auth.verify(&headers, None).await.unwrap_err().case() });
    }
    fixture.server.until_requests(2).await;
    fixture.server.hang(false);
    while let Some(case) = storm.join_next().await {
        assert_eq!(case.unwrap(), Case::TokenInvalid);
    }
    assert_eq!(fixture.server.requests(), 2);

    fixture.clock.advance(29);
    assert!(fixture.verify(&good(&unknown)).await.is_err());
    assert_eq!(fixture.server.requests(), 2, "too soon");
    fixture.clock.advance(1);
    assert!(fixture.verify(&good(&unknown)).await.is_err());
    assert_eq!(fixture.server.requests(), 3);
}

#[tokio::test]
async fn nobody_can_tell_what_an_unknown_key_is_while_the_newest_keys_cannot_be_had() {
    let (known, unknown) = (TestKey::p256("known"), TestKey::p256("unknown"));
    let fixture = Fixture::with_keys(&[&known]).await;
    fixture.server.fail();
    for _ in 0..2 {
        let refusal = fixture.verify(&good(&unknown)).await.unwrap_err();
        assert_eq!(refusal.case(), Case::KeysUnavailable);
        assert_eq!(refusal.wait(), Some(Duration::from_secs(30)));
    }
    assert!(fixture.verify(&good(&known)).await.is_ok());
    fixture.server.publish(&[&known]);
    fixture.clock.advance(30);
    let refusal = fixture.verify(&good(&unknown)).await.unwrap_err();
    assert_eq!(refusal.case(), Case::TokenInvalid, "now it is known to be unknown");
}

#[tokio::test]
async fn a_crowd_before_a_silent_issuer_waits_for_one_fetch() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::cold(cognito(), 10).await;
    fixture.server.hang(true);
    let waiting = Arc::new(Semaphore::new(0));
    let mut crowd = JoinSet::new();
    for _ in 0..50 {
        let (auth, headers) = (Arc::clone(&fixture.auth), bearer(&good(&key)));
        let waiting = Arc::clone(&waiting);
        crowd.spawn(async move {
            waiting.add_permits(1);
            auth.verify(&headers, None).await.unwrap_err().case()
        });
    }
    let _all = waiting.acquire_many(50).await.unwrap();
    fixture.server.until_requests(1).await;
    fixture.clock.advance(5);
    fixture.server.hang(false);
    while let Some(case) = crowd.join_next().await {
        assert_eq!(case.unwrap(), Case::KeysUnavailable);
    }
    assert_eq!(fixture.server.requests(), 1, "nobody in the queue asked once more");
    assert!(fixture.verify(&good(&key)).await.is_err());
    assert_eq!(fixture.server.requests(), 1, "the pause counts from the end of the fetch");
    fixture.clock.advance(1);
    assert!(fixture.verify(&good(&key)).await.is_err());
    assert_eq!(fixture.server.requests(), 2);
}

#[tokio::test]
async fn a_caller_who_comes_during_a_refresh_takes_what_it_brings() {
    let (old, new) = (TestKey::p256("old"), TestKey::p256("new"));
    let fixture = Fixture::with_keys(&[&old]).await;
    fixture.server.hang(true);
    let (issuer, shared) = (Arc::clone(&fixture.auth.issuers[0]), Arc::clone(&fixture.auth.shared));
    let refresh =
        tokio::spawn(async move { issuer.refresh(&shared, RefreshCause::Scheduled).await });
    fixture.server.until_requests(2).await;
    let (waiting, token) = (Semaphore::new(0), good(&new));
    let caller = async {
        waiting.add_permits(1);
        fixture.verify(&token).await
    };
    let release = async {
        drop(waiting.acquire().await.unwrap());
        fixture.server.hang(false);
    };
    let (answer, ()) = tokio::join!(caller, release);
    refresh.await.unwrap();
    assert_eq!(answer.unwrap_err().case(), Case::TokenInvalid);
    assert_eq!(fixture.server.requests(), 2);
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_end_the_fetch_for_the_others() {
    let (old, new) = (TestKey::p256("old"), TestKey::p256("new"));
    let fixture = Fixture::with_keys(&[&old]).await;
    fixture.server.publish(&[&old, &new]);
    fixture.server.hang(true);
    let (auth, headers) = (Arc::clone(&fixture.auth), bearer(&good(&new)));
    let leaver = tokio::spawn(async move { auth.verify(&headers, None).await.is_ok() });
    fixture.server.until_requests(2).await;
    leaver.abort();
    assert!(leaver.await.unwrap_err().is_cancelled());
    fixture.server.hang(false);
    assert!(fixture.verify(&good(&new)).await.is_ok());
    assert_eq!(fixture.server.requests(), 2);
}

#[tokio::test]
async fn a_fetch_that_takes_too_long_is_given_up() {
    let server = super::Server::start().await;
    server.hang(true);
    let clock = Clock(Arc::new(AtomicU64::new(NOW)));
    let pace = Pace { fetch: Duration::from_millis(20), ..Pace::STANDARD };
    let auth = Authenticator::with(config(cognito(), &server), clock.shared(pace)).unwrap();
    auth.start().await;
    let (_, ok, detail) = auth.keys_ready().remove(0);
    assert!(!ok && detail.contains("did not arrive within 20 ms"), "{detail}");
}

#[tokio::test]
async fn the_background_keeps_fetching_until_it_is_dropped() {
    let key = TestKey::p256("k1");
    let server = super::Server::start().await;
    let clock = Clock(Arc::new(AtomicU64::new(NOW)));
    let tick = Duration::from_millis(2);
    let pace = Pace { refresh: tick, retry: tick, ..Pace::STANDARD };
    let auth = Authenticator::with(config(cognito(), &server), clock.shared(pace)).unwrap();
    let refresher = auth.spawn_refresh();
    server.until_requests(2).await;
    server.publish(&[&key]);
    let seen = server.requests();
    server.until_requests(seen + 2).await;
    assert!(auth.keys_ready()[0].1);
    drop(refresher);
    assert!(auth.verify(&bearer(&good(&key)), None).await.is_ok());
}

#[tokio::test]
async fn discovery_leads_to_the_keys_of_the_issuer_it_names() {
    let key = TestKey::p256("k1");
    let server = super::Server::start().await;
    server.publish(&[&key]);
    let clock = Clock(Arc::new(AtomicU64::new(NOW)));
    let mut settings = config(cognito(), &server);
    settings.issuers[0].jwks_url = None;
    settings.issuers[0].discovery_url = Some(server.url("/discovery"));
    let auth = Authenticator::with(settings.clone(), clock.shared(Pace::STANDARD)).unwrap();
    for (issuer, jwks, problem) in [
        (
            "https://issuer.test/other",
            server.url("/jwks"),
            "its issuer is `https://issuer.test/other`",
        ),
        (ISSUER, "ftp://x.test/keys".to_owned(), "not an absolute http or https URL"),
        (ISSUER, server.url("/nothing"), "answered 500"),
    ] {
        let document = json!({"issuer": issuer, "jwks_uri": jwks}).to_string();
        server.serve("/discovery", 200, &document);
        auth.start().await;
        let (_, ok, detail) = auth.keys_ready().remove(0);
        assert!(!ok && detail.contains(problem), "{detail}");
    }
    let document = json!({"issuer": ISSUER, "jwks_uri": server.url("/jwks")}).to_string();
    server.serve("/discovery", 200, &document);
    auth.start().await;
    assert!(auth.verify(&bearer(&good(&key)), None).await.is_ok());

    settings.issuers[0].issuer = server.url("/pool/");
    settings.issuers[0].discovery_url = None;
    let auth = Authenticator::with(settings, clock.shared(Pace::STANDARD)).unwrap();
    let document = json!({"issuer": server.url("/pool/"), "jwks_uri": server.url("/jwks")});
    server.serve("/pool/.well-known/openid-configuration", 200, &document.to_string());
    auth.start().await;
    assert!(auth.keys_ready()[0].1, "derived from the issuer: {:?}", auth.keys_ready());
}

#[tokio::test]
async fn documents_that_are_no_key_sets_leave_the_keys_as_they_are() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::with_keys(&[&key]).await;
    let many: Vec<_> = (0..65).map(|_| key.jwk()).collect();
    for (status, body, problem) in [
        (200, "<html>".to_owned(), "not a JWK set"),
        (200, r#"{"keys":[]}"#.to_owned(), "no key in it"),
        (200, json!({"keys": many}).to_string(), "65 keys; at most 64"),
        (200, format!("\"{}\"", "x".repeat(300_000)), "more than 262144 bytes"),
        (302, String::new(), "answered 302"),
        (404, String::new(), "answered 404"),
    ] {
        fixture.server.serve("/jwks", status, &body);
        let before = fixture.server.requests();
        fixture.refresh().await;
        assert_eq!(fixture.server.requests(), before + 1, "one request, no redirect followed");
        let (_, ok, detail) = fixture.auth.keys_ready().remove(0);
        assert!(ok && detail.contains(problem), "{detail}");
        assert!(fixture.verify(&good(&key)).await.is_ok());
    }
}

#[test]
fn https_does_not_lead_to_http_but_on_this_machine() {
    let steps_down = |from: &str, to: &str| {
        toolgate_fetch::is_step_down(&from.parse().unwrap(), &to.parse().unwrap())
    };
    assert!(steps_down("https://issuer.test/d", "http://issuer.test/jwks"));
    assert!(steps_down("https://issuer.test/d", "http://localhost.evil.test/jwks"));
    assert!(!steps_down("https://issuer.test/d", "https://keys.test/jwks"));
    assert!(!steps_down("http://emulator:4566/d", "http://emulator:4566/jwks"));
    for local in ["http://localhost:1/", "http://127.0.0.9:1/", "http://[::1]:1/"] {
        assert!(!steps_down("https://issuer.test/d", local));
    }
}

#[test]
fn keys_of_other_kinds_are_passed_over() {
    let good = TestKey::p256("good");
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut jwk = good.jwk();
        change(&mut jwk);
        jwk
    };
    let small = encode(&[0xff; 128]);
    let set = json!({"keys": [
        {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
        {"kty": "RSA", "kid": "small", "n": small, "e": "AQAB"},
        {"kty": "EC", "crv": "P-521", "kid": "p521", "x": "AA", "y": "AA"},
        with(&|jwk| jwk["use"] = json!("enc")),
        with(&|jwk| jwk["key_ops"] = json!(["sign"])),
        with(&|jwk| jwk["alg"] = json!("ES384")),
        with(&|jwk| jwk["x"] = json!("AA")),
        with(&|jwk| { jwk.as_object_mut().unwrap().remove("kid"); }),
        "not a key", 7,
        good.jwk(),
    ]});
    let keys = jwks::parse(set.to_string().as_bytes()).unwrap();
    assert_eq!(keys.keys().collect::<Vec<_>>(), ["good"]);
}

#[tokio::test]
async fn https_works_without_a_process_wide_provider() {
    let server = super::Server::start().await;
    let clock = Clock(Arc::new(AtomicU64::new(NOW)));
    let mut settings = config(cognito(), &server);
    settings.issuers[0].jwks_url = Some(server.url("/jwks").replace("http:", "https:"));
    let auth = Authenticator::with(settings, clock.shared(Pace::STANDARD)).unwrap();
    auth.start().await;
    let (_, ok, detail) = auth.keys_ready().remove(0);
    assert!(!ok && detail.contains("GET https://127.0.0.1"), "{detail}");
}
