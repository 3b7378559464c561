//! What callers are told: challenges and metadata. And what a wrong configuration is told.

use std::time::Duration;

use http::HeaderMap;
use serde_json::{Value, json};
use toolgate_call::{Case, Refusal, Scopes, Server};
use toolgate_telemetry::Telemetry;

use super::mint::TestKey;
use super::{Fixture, bearer, claims, cognito, config, oidc_for};
use crate::authn::{AuthConfig, Authenticator, Profile, ServerAuth};

const METADATA: &str =
    r#"resource_metadata="https://gate.test/.well-known/oauth-protected-resource/mcp""#;

async fn refused(change: impl FnOnce(&mut AuthConfig)) -> String {
    let server = super::Server::start().await;
    let mut settings = config(cognito(), &server);
    change(&mut settings);
    Authenticator::new(settings, Telemetry::for_tests()).unwrap_err().to_string()
}

#[tokio::test]
async fn a_challenge_says_where_to_get_which_token() {
    let fixture = Fixture::cold(cognito(), 10).await;
    let challenge = |refusal: &Refusal| {
        fixture.auth.challenge(refusal, None).map(|value| value.to_str().unwrap().to_owned())
    };
    let missing = fixture.auth.verify(&HeaderMap::new(), None).await.unwrap_err();
    let scope = r#"scope="gateway/invoke""#;
    assert_eq!(challenge(&missing).unwrap(), format!("Bearer {METADATA}, {scope}"));
    let invalid = fixture.verify("x.y.z").await.unwrap_err();
    let wanted = format!(r#"Bearer error="invalid_token", {METADATA}, {scope}"#);
    assert_eq!(challenge(&invalid).unwrap(), wanted);
    let needed = ["k8s/write", "gateway/invoke", "ba\"d"].into_iter().collect();
    let narrow = Refusal::new(Case::ScopeMissing, "no").needing(needed);
    let wanted = format!(
        r#"Bearer error="insufficient_scope", {METADATA}, scope="gateway/invoke k8s/write""#
    );
    assert_eq!(challenge(&narrow).unwrap(), wanted);
    assert_eq!(challenge(&Refusal::new(Case::KeysUnavailable, "no")), None);
    assert_eq!(challenge(&Refusal::internal("no")), None);
}

#[tokio::test]
async fn the_metadata_names_the_resource_and_its_issuers() {
    let fixture = Fixture::cold(cognito(), 10).await;
    let document: Value = serde_json::from_slice(&fixture.auth.metadata(None).unwrap()).unwrap();
    let wanted = json!({
        "resource": "https://gate.test/mcp",
        "authorization_servers": ["https://issuer.test/pool"],
        "scopes_supported": ["gateway/invoke"],
        "bearer_methods_supported": ["header"],
    });
    assert_eq!(document, wanted);
}

#[tokio::test]
async fn without_authentication_everyone_is_anonymous() {
    let auth = Authenticator::anonymous(Telemetry::for_tests());
    assert_eq!(&*auth.verify_cached(&HeaderMap::new(), None).unwrap().issuer, "anonymous");
    assert_eq!(&*auth.verify(&HeaderMap::new(), None).await.unwrap().subject, "anonymous");
    assert!(auth.metadata(None).is_none() && auth.keys_ready().is_empty());
    assert_eq!(auth.challenge(&Refusal::new(Case::TokenMissing, "no"), None), None);
    auth.start().await;
    assert!(auth.spawn_refresh().is_empty());
}

#[tokio::test]
async fn a_configuration_that_lets_nobody_in_is_refused() {
    assert!(refused(|c| c.issuers.clear()).await.contains("name at least one"));
    assert!(refused(|c| c.token_bytes = 0).await.contains("8192 is usual"));
    let none = Profile::Cognito { clients: Vec::new() };
    assert!(refused(|c| c.issuers[0].profile = none).await.contains("lists no clients"));
    let none = Profile::Oidc { audiences: Vec::new(), clients: Vec::new() };
    assert!(refused(|c| c.issuers[0].profile = none).await.contains("lists no audiences"));
    let long = Duration::from_secs(61);
    assert!(refused(|c| c.issuers[0].leeway = long).await.contains("above 60s"));
    assert!(refused(|c| c.issuers[0].name.clear()).await.contains("no name"));
    assert!(refused(|c| c.issuers[0].issuer.clear()).await.contains("no issuer URL"));
}

#[tokio::test]
async fn a_configuration_that_is_ambiguous_or_malformed_is_refused() {
    let again = |c: &mut AuthConfig| c.issuers.push(c.issuers[0].clone());
    assert!(refused(again).await.contains("the name is taken"));
    let renamed = |c: &mut AuthConfig| {
        c.issuers.push(c.issuers[0].clone());
        c.issuers[1].name = "second".into();
    };
    assert!(refused(renamed).await.contains("issuer `second`: its issuer URL is taken"));
    for wrong in ["not a url", "/jwks", "ftp://x.test/", "http://user:pw@x.test/"] {
        let told = refused(|c| c.issuers[0].jwks_url = Some(wrong.into())).await;
        assert!(told.contains("issuer `main`: jwks_url"), "{told}");
    }
    assert!(refused(|c| c.metadata_url = "https://x.test/\"".into()).await.contains("metadata"));
    let odd = ["a\"b"].into_iter().collect();
    assert!(refused(|c| c.gateway_scopes = odd).await.contains("scope"));
}

/// Two servers, the second with a scope of its own.
fn served(settings: &mut AuthConfig) {
    for (name, scopes) in [("a", vec![]), ("b", vec!["gateway/b"])] {
        settings.servers.push(ServerAuth {
            resource: format!("https://gate.test/mcp/{name}"),
            metadata_url: format!(
                "https://gate.test/.well-known/oauth-protected-resource/mcp/{name}"
            ),
            scopes: scopes.into_iter().collect(),
        });
    }
}

fn server(number: usize) -> Server {
    Server { name: "x".into(), number, scopes: Scopes::default() }
}

#[tokio::test]
async fn each_server_is_a_resource_of_its_own() {
    let fixture = Fixture::changed(cognito(), served).await;
    let b = server(1);
    let document = fixture.auth.metadata(Some(&b)).unwrap();
    let document: Value = serde_json::from_slice(&document).unwrap();
    assert_eq!(document["resource"], "https://gate.test/mcp/b");
    assert_eq!(document["scopes_supported"], json!(["gateway/b", "gateway/invoke"]));
    let missing = fixture.auth.verify(&HeaderMap::new(), Some(&b)).await.unwrap_err();
    let told = fixture.auth.challenge(&missing, Some(&b)).unwrap();
    let metadata = METADATA.trim_end_matches('"');
    let wanted = format!(r#"Bearer {metadata}/b", scope="gateway/b gateway/invoke""#);
    assert_eq!(told, wanted);
    assert!(fixture.auth.metadata(Some(&server(2))).is_none());
}

#[tokio::test]
async fn a_token_for_the_uri_of_a_server_is_good_there_only() {
    let key = TestKey::p256("k1");
    let fixture = Fixture::changed(oidc_for(&[]), served).await;
    fixture.server.publish(&[&key]);
    fixture.auth.start().await;
    let token = |aud: Value| key.token(&claims(&json!({ "aud": aud })));
    let (gateway, a) = ("https://gate.test/mcp", "https://gate.test/mcp/a");
    for (aud, good) in [
        (json!(gateway), [true, true, true]),
        (json!(a), [false, true, false]),
        (json!([a, "https://gate.test/mcp/b"]), [false, true, true]),
        (json!([a, gateway]), [true, true, true]),
        (json!("https://gate.test/mcp/c"), [false; 3]),
    ] {
        let headers = bearer(&token(aud.clone()));
        // Twice: what was remembered at one place counts at that place.
        for _ in 0..2 {
            for (server, good) in [None, Some(server(0)), Some(server(1))].iter().zip(good) {
                let verified = fixture.auth.verify(&headers, server.as_ref()).await;
                assert_eq!(verified.is_ok(), good, "{aud} {server:?}");
                let cached = fixture.auth.verify_cached(&headers, server.as_ref());
                assert_eq!(cached.is_some(), good, "{aud} {server:?}");
            }
        }
    }
    let audiences = vec!["api://gate".to_owned()];
    let other = Profile::Oidc { audiences, clients: Vec::new() };
    let fixture = Fixture::changed(other, served).await;
    fixture.server.publish(&[&key]);
    fixture.auth.start().await;
    assert!(fixture.verify(&token(json!("api://gate"))).await.is_ok());
    let refused = fixture.auth.verify(&bearer(&token(json!(a))), Some(&server(0))).await;
    assert!(refused.is_err(), "this issuer knows no URIs");
}
