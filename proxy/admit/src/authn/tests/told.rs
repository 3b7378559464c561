//! What callers are told: challenges and metadata. And what a wrong configuration is told.

use std::time::Duration;

use http::HeaderMap;
use serde_json::{Value, json};
use toolgate_call::{Case, Refusal};
use toolgate_telemetry::Telemetry;

use super::{Fixture, cognito, config};
use crate::authn::{AuthConfig, Authenticator, Profile};

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
        fixture.auth.challenge(refusal).map(|value| value.to_str().unwrap().to_owned())
    };
    let missing = fixture.auth.verify(&HeaderMap::new()).await.unwrap_err();
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
    let document: Value = serde_json::from_slice(&fixture.auth.metadata()).unwrap();
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
    assert_eq!(&*auth.verify_cached(&HeaderMap::new()).unwrap().issuer, "anonymous");
    assert_eq!(&*auth.verify(&HeaderMap::new()).await.unwrap().subject, "anonymous");
    assert!(auth.metadata().is_empty() && auth.keys_ready().is_empty());
    assert_eq!(auth.challenge(&Refusal::new(Case::TokenMissing, "no")), None);
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
