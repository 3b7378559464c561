//! What operators ask of tokens beyond the profile, every algorithm under every profile, and an
//! issuer that is away for an hour.

use std::sync::OnceLock;
use std::time::Duration;

use proptest::prelude::{any, prop};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::mint::TestKey;
use super::{Fixture, NOW, claims, cognito, oidc_for};
use crate::authn::{ClaimRule, ClaimRules, ClaimTest, Profile};

const ALGORITHMS: [&str; 9] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

fn keys() -> &'static [TestKey; 4] {
    static KEYS: OnceLock<[TestKey; 4]> = OnceLock::new();
    KEYS.get_or_init(|| {
        [TestKey::rsa("r"), TestKey::p256("p"), TestKey::p384("q"), TestKey::ed25519("e")]
    })
}

fn key_for(alg: &str) -> &'static TestKey {
    let [rsa, p256, p384, ed] = keys();
    match alg {
        "ES256" => p256,
        "ES384" => p384,
        "EdDSA" => ed,
        _ => rsa,
    }
}

fn signed(alg: &str, claims: &Value) -> String {
    let key = key_for(alg);
    key.token_with(&json!({"alg": alg, "kid": key.kid}), claims)
}

fn good_for(profile: &Profile) -> Value {
    match profile {
        Profile::Cognito { .. } => claims(&json!({})),
        Profile::Oidc { .. } => claims(&json!({"aud": "https://gate.test/mcp"})),
    }
}

async fn ruled(profile: Profile, rules: ClaimRules, algorithms: &[&str]) -> Fixture {
    let fixture = Fixture::changed(profile, |config| {
        config.issuers[0].claims = rules;
        config.issuers[0].algorithms = algorithms.iter().map(|alg| (*alg).to_owned()).collect();
    })
    .await;
    fixture.server.publish(&keys().each_ref());
    fixture.auth.start().await;
    fixture
}

fn rule(name: &str, test: ClaimTest) -> ClaimRule {
    ClaimRule { name: name.to_owned(), test }
}

#[tokio::test]
async fn only_listed_algorithms_are_taken() {
    for listed in ALGORITHMS {
        let fixture = ruled(cognito(), ClaimRules::default(), &[listed]).await;
        for alg in ALGORITHMS {
            let verified = fixture.verify(&signed(alg, &claims(&json!({})))).await;
            assert_eq!(verified.is_ok(), alg == listed, "{alg} where {listed} is listed");
        }
    }
}

#[test]
fn a_token_holds_exactly_as_it_was_signed_whatever_algorithm_and_profile() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let profiles = [cognito(), oidc_for(&[])];
    let fixtures: Vec<Fixture> = profiles
        .iter()
        .map(|profile| runtime.block_on(ruled(profile.clone(), ClaimRules::default(), &[])))
        .collect();
    let cases =
        (0..ALGORITHMS.len(), 0..profiles.len(), "[a-z]{1,12}", any::<prop::sample::Index>());
    TestRunner::new(Config { cases: 96, failure_persistence: None, ..Config::default() })
        .run(&cases, |(alg, profile, subject, place)| {
            let fixture = &fixtures[profile];
            let mut said = good_for(&profiles[profile]);
            said["sub"] = json!(subject);
            let token = signed(ALGORITHMS[alg], &said);
            let principal = runtime.block_on(fixture.verify(&token)).unwrap();
            assert_eq!(*principal.subject, *subject);
            // One character of payload or signature is another: never accepted. The last one of a
            // part may hold bits that mean nothing, which the decoder refuses by itself.
            let from = token.find('.').unwrap() + 1;
            let at = from + place.index(token.len() - from);
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(runtime.block_on(fixture.verify(&changed)).is_err(), "{changed}");
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn every_rule_of_all_and_one_of_any_must_hold() {
    let rules = ClaimRules {
        all: vec![
            rule("tenant", ClaimTest::Equals("acme".into())),
            rule("groups", ClaimTest::Contains("sre".into())),
            rule("email", ClaimTest::Present),
        ],
        any: vec![
            rule("level", ClaimTest::Equals("3".into())),
            rule("scope", ClaimTest::ContainsAny(vec!["k8s/admin".into(), "k8s/write".into()])),
        ],
    };
    let fixture = ruled(cognito(), rules, &[]).await;
    let with = |change: Value| {
        let mut said =
            claims(&json!({"tenant": "acme", "groups": ["dev", "sre"], "email": "a@b.test"}));
        for (name, value) in change.as_object().unwrap() {
            said[name] = value.clone();
        }
        signed("ES256", &said)
    };
    assert!(fixture.verify(&with(json!({}))).await.is_ok());
    assert!(fixture.verify(&with(json!({"scope": "gateway/invoke", "level": 3}))).await.is_ok());
    assert!(fixture.verify(&with(json!({"groups": "ops sre"}))).await.is_ok());
    for (change, told) in [
        (json!({"tenant": "acme2"}), "claim `tenant` must be `acme`; it is `acme2`"),
        (json!({"tenant": ["acme"]}), "claim `tenant` must be `acme`"),
        (json!({"groups": ["sre2"]}), "claim `groups` must contain `sre`"),
        (json!({"groups": "presre"}), "claim `groups` must contain `sre`"),
        (json!({"email": null}), "claim `email` must be there"),
        (json!({"scope": "gateway/invoke"}), "one of: claim `level` must be `3`; claim `scope`"),
    ] {
        let detail = fixture.detail(&with(change)).await;
        assert!(detail.contains(told), "{detail}");
    }
}

#[tokio::test]
async fn a_claim_of_the_rules_that_is_there_twice_satisfies_none() {
    let rules =
        ClaimRules { all: vec![rule("tenant", ClaimTest::Equals("acme".into()))], any: vec![] };
    let fixture = ruled(cognito(), rules, &[]).await;
    let text = claims(&json!({"tenant": "acme"})).to_string();
    let twice = text.replacen('{', r#"{"tenant":"evil","#, 1);
    assert!(fixture.verify(&key_for("ES256").token_with_raw(&text)).await.is_ok());
    let detail = fixture.detail(&key_for("ES256").token_with_raw(&twice)).await;
    assert!(detail.contains("twice"), "{detail}");
}

#[tokio::test]
async fn an_issuer_that_is_away_for_an_hour_costs_nobody_a_token_of_a_known_key() {
    let (old, new) = (TestKey::p256("old"), TestKey::p256("new"));
    let fixture = Fixture::with_keys(&[&old]).await;
    // What the alerts `JwksStale` and `JwksRefreshFailing` read.
    let sum = |start: &str, but: &str| -> f64 {
        let text = fixture.auth.shared.telemetry.render();
        let lines = text.lines().filter(|line| line.starts_with(start) && !line.contains(but));
        lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
    };
    let loaded = || sum("toolgate_jwks_last_success_timestamp_seconds{", "#");
    let failed = || sum("toolgate_jwks_refresh_total{", "outcome=\"ok\"");
    let (before, failures) = (loaded(), failed());
    fixture.server.fail();
    for minute in 0..60 {
        fixture.clock.advance(60);
        let now = NOW + 60 * (minute + 1);
        let said = claims(&json!({"sub": format!("s{minute}"), "iat": now, "exp": now + 3600}));
        fixture.verify(&old.token(&said)).await.unwrap();
        // Nobody can tell of a new key, so it is an outage and not a bad token.
        let refused = fixture.verify(&new.token(&said)).await.unwrap_err();
        assert_eq!(refused.case(), toolgate_call::Case::KeysUnavailable);
        assert!(refused.wait().is_some_and(|wait| wait <= Duration::from_secs(30)));
    }
    assert!(!fixture.auth.keys_ready()[0].2.is_empty());
    assert!(before > 0.0 && (loaded() - before).abs() < 0.5, "the keys grow old");
    assert!(failed() >= failures + 60.0, "{} failures", failed());
    fixture.server.publish(&[&old, &new]);
    fixture.clock.advance(60);
    let now = NOW + 3660;
    let said = claims(&json!({"iat": now, "exp": now + 3600}));
    fixture.verify(&new.token(&said)).await.unwrap();
    fixture.verify(&old.token(&said)).await.unwrap();
    assert!(loaded() > before + 3600.0, "they are fresh again");
}

#[tokio::test]
async fn metadata_of_rfc_8414_is_found_between_host_and_path() {
    let key = TestKey::p256("k1");
    let server = super::Server::start().await;
    server.publish(&[&key]);
    let issuer = server.url("/tenant/a");
    let document = json!({"issuer": issuer, "jwks_uri": server.url("/jwks")}).to_string();
    server.serve("/tenant/a/.well-known/openid-configuration", 404, "");
    server.serve("/.well-known/oauth-authorization-server/tenant/a", 200, &document);
    let mut settings = super::config(cognito(), &server);
    settings.issuers[0].jwks_url = None;
    settings.issuers[0].issuer = issuer.clone();
    let clock = super::Clock(std::sync::Arc::new(std::sync::atomic::AtomicU64::new(NOW)));
    let auth = super::Authenticator::with(settings, clock.shared(super::Pace::STANDARD)).unwrap();
    auth.start().await;
    let token = key.token(&claims(&json!({"iss": issuer})));
    assert!(auth.verify(&super::bearer(&token), None).await.is_ok(), "{:?}", auth.keys_ready());
    let other = json!({"issuer": "https://evil.test", "jwks_uri": server.url("/jwks")});
    server.serve("/.well-known/oauth-authorization-server/tenant/a", 200, &other.to_string());
    auth.start().await;
    assert!(auth.keys_ready()[0].2.contains("its issuer is `https://evil.test`"));
}

#[tokio::test]
async fn a_document_cannot_lead_to_another_machine_within() {
    let key = TestKey::p256("k1");
    let (server, inner) = (super::Server::start().await, super::Server::start().await);
    inner.publish(&[&key]);
    let mut settings = super::config(cognito(), &server);
    settings.issuers[0].jwks_url = None;
    settings.issuers[0].discovery_url = Some(server.url("/discovery"));
    let clock = super::Clock(std::sync::Arc::new(std::sync::atomic::AtomicU64::new(NOW)));
    let auth = super::Authenticator::with(settings, clock.shared(super::Pace::STANDARD)).unwrap();
    for url in [inner.url("/jwks"), "http://169.254.169.254/latest".to_owned()] {
        let document = json!({"issuer": super::ISSUER, "jwks_uri": url}).to_string();
        server.serve("/discovery", 200, &document);
        auth.start().await;
        let (_, ok, detail) = auth.keys_ready().remove(0);
        assert!(!ok && detail.contains("fetch: { allow:"), "{detail}");
    }
    assert_eq!(inner.requests(), 0, "it was asked all the same");
}
