//! Which tokens are let in, and which are not.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use toolgate_call::{Case, Refusal};

use super::mint::{TestKey, encode, hs256_with_public_key, unsigned};
use super::{Fixture, ISSUER, NOW, bearer, claims, headers, oidc_for};

/// A fixture of the `oidc` profile, and a good token's claims.
async fn oidc_fixture(key: &TestKey) -> (Fixture, Value) {
    oidc_fixture_for(key, &[]).await
}

/// The same, with a list of clients that are let in.
async fn oidc_fixture_for(key: &TestKey, clients: &[&str]) -> (Fixture, Value) {
    let fixture = Fixture::cold(oidc_for(clients), 100).await;
    fixture.server.publish(&[key]);
    fixture.auth.start().await;
    let good = claims(&json!({
        "aud": ["https://else.test", "https://gate.test/mcp"], "client_id": null,
        "azp": "spa", "token_use": null, "scope": null, "scp": ["a", "b c"],
    }));
    (fixture, good)
}

fn assert_refused(refusal: &Refusal, case: Case, detail: &str) {
    assert_eq!(refusal.case(), case);
    let told = refusal.operator_detail().unwrap();
    assert!(told.contains(detail), "`{told}` does not say `{detail}`");
}

#[tokio::test]
async fn a_good_token_becomes_a_principal() {
    let key = TestKey::rsa("k1");
    let fixture = Fixture::with_keys(&[&key]).await;
    let principal = fixture.verify(&key.token(&claims(&json!({})))).await.unwrap();
    assert_eq!(&*principal.issuer, "main");
    assert_eq!(&*principal.subject, "robot-1");
    assert_eq!(principal.client.as_deref(), Some("robot"));
    assert_eq!(principal.scopes.to_string(), "gateway/invoke k8s/write");
    assert_eq!(principal.expires, Some(NOW + 3600));
}

#[tokio::test]
async fn every_listed_algorithm_works_with_its_kind_of_key() {
    let keys = [TestKey::rsa("r"), TestKey::p256("p"), TestKey::ed25519("e"), TestKey::p384("q")];
    let fixture = Fixture::with_keys(&keys.each_ref()).await;
    let with = |key: &TestKey, alg| {
        key.token_with(&json!({"alg": alg, "kid": key.kid}), &claims(&json!({})))
    };
    for alg in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        assert!(fixture.verify(&with(&keys[0], alg)).await.is_ok(), "{alg}");
    }
    assert!(fixture.verify(&with(&keys[1], "ES256")).await.is_ok());
    assert!(fixture.verify(&with(&keys[2], "EdDSA")).await.is_ok());
    assert!(fixture.verify(&with(&keys[3], "ES384")).await.is_ok());
    // A curve belongs to its algorithm.
    for (key, alg) in [(&keys[1], "ES384"), (&keys[3], "ES256"), (&keys[0], "ES256")] {
        assert!(fixture.detail(&with(key, alg)).await.contains("is for another"), "{alg}");
    }
}

#[tokio::test]
async fn a_request_without_a_token_is_told_to_bring_one() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::with_keys(&[&key]).await;
    for none in [HeaderMap::new(), headers("Basic cm9ib3Q6c2VjcmV0"), headers("x")] {
        let refusal = fixture.auth.verify(&none, None).await.unwrap_err();
        assert_eq!(refusal.case(), Case::TokenMissing);
        assert_eq!(
            refusal.message(),
            "a bearer token is needed: send the header `Authorization: Bearer TOKEN`"
        );
    }
}

#[tokio::test]
async fn the_scheme_may_be_in_any_case() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::with_keys(&[&key]).await;
    let token = key.token(&claims(&json!({})));
    for scheme in ["bearer", "BEARER", "Bearer "] {
        assert!(fixture.auth.verify(&headers(&format!("{scheme} {token}")), None).await.is_ok());
    }
}

#[tokio::test]
async fn two_authorization_headers_are_none() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::with_keys(&[&key]).await;
    let mut twice = bearer(&key.token(&claims(&json!({}))));
    twice.append(AUTHORIZATION, twice[AUTHORIZATION].clone());
    assert!(fixture.auth.verify_cached(&twice, None).is_none());
    let refusal = fixture.auth.verify(&twice, None).await.unwrap_err();
    assert_refused(&refusal, Case::TokenInvalid, "more than one");
}

#[tokio::test]
async fn garbage_is_refused_with_one_sentence() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::with_keys(&[&key]).await;
    let good = key.token(&claims(&json!({})));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let junk = encode(b"not json");
    let garbage = [
        "x".to_owned(),
        "..".to_owned(),
        format!("{good}.more"),
        format!("{signed}="),
        format!("{junk}.{junk}.{junk}"),
        format!("{}.{junk}.{signature}", signed.split_once('.').unwrap().0),
        "=".repeat(100),
    ];
    for token in &garbage {
        let refusal = fixture.verify(token).await.unwrap_err();
        assert_refused(&refusal, Case::TokenInvalid, "");
        assert_eq!(refusal.message(), "the bearer token is not accepted");
    }
    let obscure = HeaderValue::from_bytes(b"Bearer \xff\xfe").unwrap();
    let refusal =
        fixture.auth.verify(&[(AUTHORIZATION, obscure)].into_iter().collect(), None).await;
    assert_refused(&refusal.unwrap_err(), Case::TokenInvalid, "ASCII");
    let refusal = fixture.auth.verify(&headers("Bearer"), None).await.unwrap_err();
    assert_refused(&refusal, Case::TokenInvalid, "ends after Bearer");
}

#[tokio::test]
async fn a_changed_token_no_longer_holds() {
    let key = TestKey::rsa("k1");
    let fixture = Fixture::with_keys(&[&key]).await;
    let (good, more) = (claims(&json!({})), claims(&json!({"scope": "gateway/admin"})));
    let signature = key.token(&good).rsplit_once('.').unwrap().1.to_owned();
    let forged = format!("{}{signature}", unsigned(&json!({"alg": "RS256", "kid": "k1"}), &more));
    assert_refused(
        &fixture.verify(&forged).await.unwrap_err(),
        Case::TokenInvalid,
        "issuer main: the signature does not hold with key `k1`",
    );
}

#[tokio::test]
async fn unsigned_and_secret_signed_tokens_never_reach_a_key() {
    let key = TestKey::rsa("k1");
    let fixture = Fixture::cold(super::cognito(), 10).await;
    let none = unsigned(&json!({"alg": "none", "kid": "k1"}), &claims(&json!({})));
    assert!(fixture.detail(&none).await.starts_with("alg is `none`; accepted are RS256"));
    let cased = unsigned(&json!({"alg": "rs256", "kid": "k1"}), &claims(&json!({})));
    assert!(fixture.detail(&cased).await.starts_with("alg is `rs256`"));
    let confused = hs256_with_public_key(&key, &claims(&json!({})));
    assert!(fixture.detail(&confused).await.starts_with("alg is `HS256`"));
    assert_eq!(fixture.server.requests(), 0, "no key was even fetched");
}

#[tokio::test]
async fn an_algorithm_that_does_not_fit_the_key_is_refused() {
    let (rsa, p256) = (TestKey::rsa("shared"), TestKey::p256("shared"));
    let fixture = Fixture::with_keys(&[&rsa]).await;
    let token = p256.token(&claims(&json!({})));
    assert!(fixture.detail(&token).await.contains("alg is ES256, but the key `shared` is for"));
}

#[tokio::test]
async fn a_key_that_is_for_one_algorithm_is_not_used_for_another() {
    let key = TestKey::rsa("k1");
    let fixture = Fixture::cold(super::cognito(), 10).await;
    let mut jwk = key.jwk();
    jwk["alg"] = json!("RS256");
    fixture.server.serve("/jwks", 200, &json!({"keys": [jwk]}).to_string());
    assert!(fixture.verify(&key.token(&claims(&json!({})))).await.is_ok());
    let other = key.token_with(&json!({"alg": "PS256", "kid": "k1"}), &claims(&json!({})));
    assert!(fixture.detail(&other).await.contains("alg is PS256"));
}

#[tokio::test]
async fn the_header_must_name_a_key_and_no_extension() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::with_keys(&[&key]).await;
    let good = claims(&json!({}));
    let wrong = [
        (json!({"alg": "ES256"}), "no kid"),
        (json!({"alg": "ES256", "kid": ""}), "no kid"),
        (json!({"alg": "ES256", "kid": 7}), "header is not an object"),
        (json!({"kid": "k1"}), "header is not an object"),
        (json!({"alg": "ES256", "kid": "nobody"}), "kid `nobody` is not among"),
        (json!({"alg": "ES256", "kid": "k1", "crit": ["b64"], "b64": false}), "crit"),
        (json!({"alg": "ES256", "kid": "k1", "crit": null}), "crit"),
        (json!(["ES256", "k1"]), "header is not an object"),
        (json!(["ES256", "k1", false]), "header is not an object"),
    ];
    for (header, detail) in wrong {
        let refusal = fixture.verify(&key.token_with(&header, &good)).await.unwrap_err();
        assert_refused(&refusal, Case::TokenInvalid, detail);
    }
}

#[tokio::test]
async fn claims_that_do_not_fit_are_refused() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::with_keys(&[&key]).await;
    let wrong = [
        (json!({"iss": "https://issuer.test/pool/"}), "iss is `https://issuer.test/pool/`"),
        (json!({"iss": null}), "iss is ``"),
        (json!({"client_id": "stranger"}), "client_id `stranger` is not among"),
        (json!({"client_id": null}), "client_id `` is not among"),
        (json!({"token_use": "id"}), "token_use is `id`"),
        (json!({"token_use": null}), "token_use is ``"),
        (json!({"exp": NOW - 31}), "expired 31 s ago"),
        (json!({"exp": NOW - 30}), "expired 30 s ago"),
        (json!({"exp": null}), "no exp"),
        (json!({"exp": "soon"}), "not a set of claims"),
        (json!({"exp": -5}), "not a set of claims"),
        (json!({"nbf": NOW + 31}), "nbf is 31 s ahead"),
        (json!({"iat": NOW + 31}), "iat is 31 s ahead"),
        (json!({"sub": null}), "no sub"),
        (json!({"sub": ""}), "no sub"),
        (json!({"sub": 7}), "not a set of claims"),
        (json!(["sub"]), "not a set of claims"),
        (
            json!([ISSUER, "robot-1", NOW + 60, 0, NOW, null, "robot", null, "access", "", null]),
            "not a set of claims",
        ),
    ];
    for (changes, detail) in wrong {
        let changed = if changes.is_object() { claims(&changes) } else { changes };
        let refusal = fixture.verify(&key.token(&changed)).await.unwrap_err();
        assert_refused(&refusal, Case::TokenInvalid, detail);
        assert_eq!(refusal.message(), "the bearer token is not accepted");
    }
}

#[tokio::test]
async fn clocks_may_differ_by_the_leeway() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::with_keys(&[&key]).await;
    for fine in [
        json!({"exp": NOW - 29}),
        json!({"nbf": NOW + 30}),
        json!({"iat": NOW + 30}),
        json!({"iat": null}),
        json!({"exp": 1_800_000_100.75}),
        json!({"exp": u64::MAX}),
    ] {
        assert!(fixture.verify(&key.token(&claims(&fine))).await.is_ok(), "{fine}");
    }
}

#[tokio::test]
async fn a_claim_that_is_there_twice_is_refused() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::with_keys(&[&key]).await;
    let text = claims(&json!({})).to_string().replacen('{', r#"{"sub":"root","#, 1);
    let token = key.token_with_raw(&text);
    assert!(fixture.detail(&token).await.contains("not a set of claims"));
}

#[tokio::test]
async fn a_token_that_is_too_large_is_not_even_read() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::with_keys(&[&key]).await;
    let token = key.token(&claims(&json!({"pad": "x".repeat(20_000)})));
    let refusal = fixture.verify(&token).await.unwrap_err();
    assert_refused(&refusal, Case::TokenInvalid, "the limit is 8192");
    assert!(fixture.auth.verify_cached(&bearer(&token), None).is_none());
}

#[tokio::test]
async fn the_audience_binds_a_token_to_this_gateway() {
    let key = TestKey::p256("k1");
    let (fixture, good) = oidc_fixture(&key).await;
    let principal = fixture.verify(&key.token(&good)).await.unwrap();
    assert_eq!(principal.client.as_deref(), Some("spa"));
    assert_eq!(principal.scopes.to_string(), "a b c");
    for aud in [json!("https://gate.test"), json!([]), json!(null), json!(["x", "y"])] {
        let mut changed = good.clone();
        changed["aud"] = aud;
        let refusal = fixture.verify(&key.token(&changed)).await.unwrap_err();
        assert_refused(&refusal, Case::TokenInvalid, "not one of: https://gate.test/mcp");
    }
    let mut single = good.clone();
    single["aud"] = json!("https://gate.test/mcp");
    single["scp"] = json!("d e");
    let principal = fixture.verify(&key.token(&single)).await.unwrap();
    assert_eq!(principal.scopes.to_string(), "d e");
}

#[tokio::test]
async fn a_list_of_clients_holds_for_oidc_too() {
    let key = TestKey::p256("k1");
    let (fixture, good) = oidc_fixture_for(&key, &["spa", "cli"]).await;
    let with = |azp: Value, client_id: Value| {
        let mut changed = good.clone();
        let members = changed.as_object_mut().unwrap();
        for (name, value) in [("azp", azp), ("client_id", client_id)] {
            members.remove(name);
            if !value.is_null() {
                members.insert(name.into(), value);
            }
        }
        key.token(&changed)
    };
    let none = json!(null);
    for (azp, client_id) in [("spa", &none), ("spa", &json!("cli"))] {
        assert!(fixture.verify(&with(json!(azp), client_id.clone())).await.is_ok(), "{client_id}");
    }
    assert!(fixture.verify(&with(none.clone(), json!("cli"))).await.is_ok());
    let wrong = [
        (json!("evil"), none.clone(), "azp `evil` is not among"),
        (none.clone(), json!("evil"), "client_id `evil` is not among"),
        (json!("spa"), json!("evil"), "client_id `evil` is not among"),
        (json!("evil"), json!("spa"), "azp `evil` is not among"),
        (json!(""), none.clone(), "azp `` is not among"),
        (none.clone(), none, "names no client"),
    ];
    for (azp, client_id, detail) in wrong {
        let refusal = fixture.verify(&with(azp, client_id)).await.unwrap_err();
        assert_refused(&refusal, Case::TokenInvalid, detail);
    }
}

#[tokio::test]
async fn nothing_of_a_token_is_told_and_claims_are_cut() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::with_keys(&[&key]).await;
    let hostile = format!("evil\n\u{1b}[31m{}", "x".repeat(500));
    let token = key.token(&claims(&json!({ "client_id": hostile })));
    let refusal = fixture.verify(&token).await.unwrap_err();
    let detail = refusal.operator_detail().unwrap();
    assert!(detail.contains("client_id `evil[31mxxx") && detail.len() < 250, "{detail}");
    assert!(!detail.contains(char::is_control));
    for part in token.split('.') {
        assert!(!detail.contains(part) && !format!("{refusal:?}").contains(part));
    }
}
