//! Client credentials and discovery.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::server::{Canned, Server};
use crate::{ClientCredentials, Token, TokenError, token_endpoint};

const LONG: Duration = Duration::from_secs(30);

fn credentials(server: &Server) -> ClientCredentials {
    ClientCredentials {
        token_url: server.url("/oauth2/token"),
        client_id: "agent one".to_owned(),
        client_secret: "se:same&+".to_owned(),
    }
}

async fn asked(answer: Canned) -> Result<Token, TokenError> {
    let server = Server::start(vec![answer]).await;
    credentials(&server).token(&["a/b".to_owned()], LONG).await
}

#[tokio::test]
async fn a_token_is_asked_for_as_rfc_6749_says() {
    let body = r#"{"access_token":"abc.def","expires_in":3600,"token_type":"bearer"}"#;
    let server = Server::start(vec![Canned::json(200, body)]).await;
    let scopes = ["gateway/invoke".to_owned(), "k8s/write".to_owned()];
    let token = credentials(&server).token(&scopes, LONG).await.unwrap();
    assert_eq!(token.bearer.reveal(), "abc.def");
    assert_eq!(token.expires_in, Some(3600));
    assert_eq!(token.scope.as_deref(), Some("gateway/invoke k8s/write"));
    let seen = server.only();
    assert_eq!(seen.path, "/oauth2/token");
    assert_eq!(seen.header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(seen.body, "grant_type=client_credentials&scope=gateway%2Finvoke%20k8s%2Fwrite");
    let basic = seen.header("authorization").strip_prefix("Basic ").unwrap();
    assert_eq!(STANDARD.decode(basic).unwrap(), b"agent%20one:se%3Asame%26%2B");
}

#[tokio::test]
async fn a_refusal_is_quoted_and_the_secret_is_not() {
    let body = r#"{"error":"invalid_client","error_description":"unknown"}"#;
    let error = asked(Canned::json(400, body)).await.unwrap_err();
    assert_eq!(error.to_string(), "the issuer refused a token: invalid_client (unknown)");
    assert!(!format!("{error:?}").contains("same"));
}

#[tokio::test]
async fn what_is_no_issuer_or_gives_no_bearer_token_is_said_so() {
    let answers = [
        Canned::of(404, "text/html", vec!["<html>".to_owned()]),
        Canned::json(200, r#"{"access_token":"a b","token_type":"Bearer"}"#),
        Canned::json(200, r#"{"access_token":"abc","token_type":"mac"}"#),
        Canned::json(200, "{}"),
    ];
    for answer in answers {
        let error = asked(answer).await.unwrap_err();
        assert!(matches!(error, TokenError::NotAnIssuer { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn discovery_is_taken_from_the_issuer_itself_only() {
    let server = Server::start(vec![
        Canned::json(404, "{}"),
        Canned::json(200, r#"{"issuer":"http://other","token_endpoint":"http://other/t"}"#),
    ])
    .await;
    let error = token_endpoint(&server.url("/"), LONG).await.unwrap_err();
    assert!(matches!(error, TokenError::Discovery { .. }), "{error:?}");
    let paths: Vec<String> = server.seen().into_iter().map(|seen| seen.path).collect();
    let places = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];
    assert_eq!(paths, places);
}
