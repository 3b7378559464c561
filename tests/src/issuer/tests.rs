//! What the test issuer promises, checked with an independent JWT library and plain sockets.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

async fn get(issuer: &Issuer, path: &str) -> Result<(u16, String)> {
    let authority = issuer.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&authority).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Ok((status, body.to_owned()))
}

async fn jwks(issuer: &Issuer) -> JwkSet {
    serde_json::from_str(&get(issuer, JWKS_PATH).await.unwrap().1).unwrap()
}

fn verify(token: &str, keys: &JwkSet, issuer: &str) -> jsonwebtoken::errors::Result<Value> {
    let kid = decode_header(token)?.kid.unwrap();
    let key = DecodingKey::from_jwk(keys.find(&kid).unwrap())?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_issuer(&[issuer]);
    validation.validate_aud = false;
    Ok(decode::<Value>(token, &key, &validation)?.claims)
}

#[tokio::test]
async fn a_token_verifies_against_the_published_keys_and_is_shaped_as_cognito_does() {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token(&["gateway/invoke", "gateway/observe"]);
    let claims = verify(&token, &jwks(&issuer).await, issuer.url()).unwrap();
    assert_eq!(claims["sub"], CLIENT_ID);
    assert_eq!(claims["client_id"], CLIENT_ID);
    assert_eq!(claims["token_use"], "access");
    assert_eq!(claims["scope"], "gateway/invoke gateway/observe");
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 3600);
    assert_eq!(claims.get("aud"), None);
}

#[tokio::test]
async fn two_tokens_differ() {
    let issuer = Issuer::start().await.unwrap();
    assert_ne!(issuer.token(&["a"]), issuer.token(&["a"]));
}

#[tokio::test]
async fn discovery_names_the_issuer_and_where_its_keys_are() {
    let issuer = Issuer::start().await.unwrap();
    let (status, body) = get(&issuer, DISCOVERY_PATH).await.unwrap();
    let document: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200);
    assert_eq!(document["issuer"], issuer.url());
    assert_eq!(document["jwks_uri"], issuer.jwks_url());
    assert_eq!(issuer.discovery_url(), format!("{}{DISCOVERY_PATH}", issuer.url()));
    assert_eq!((issuer.discovery_fetches(), issuer.jwks_fetches()), (1, 0));
}

#[tokio::test]
async fn key_fetches_are_counted_and_other_paths_are_not_found() {
    let issuer = Issuer::start().await.unwrap();
    jwks(&issuer).await;
    jwks(&issuer).await;
    assert_eq!(get(&issuer, "/").await.unwrap().0, 404);
    assert_eq!((issuer.discovery_fetches(), issuer.jwks_fetches()), (0, 2));
}

#[tokio::test]
async fn an_added_key_signs_while_the_first_still_verifies_until_it_is_dropped() {
    let issuer = Issuer::start().await.unwrap();
    let old = issuer.token(&["a"]);
    let first = issuer.kids().pop().unwrap();
    let second = issuer.add_key().unwrap();
    let new = issuer.token(&["a"]);
    assert_eq!(decode_header(&new).unwrap().kid.unwrap(), second);
    let both = jwks(&issuer).await;
    verify(&old, &both, issuer.url()).unwrap();
    verify(&new, &both, issuer.url()).unwrap();

    assert_eq!(issuer.drop_oldest_key().unwrap(), first);
    let left = jwks(&issuer).await;
    assert!(left.find(&first).is_none());
    verify(&new, &left, issuer.url()).unwrap();
}

#[tokio::test]
async fn the_last_key_cannot_be_dropped() {
    let issuer = Issuer::start().await.unwrap();
    assert!(issuer.drop_oldest_key().is_err());
    assert_eq!(issuer.kids().len(), 1);
}

#[tokio::test]
async fn it_refuses_connections_while_down_and_keeps_its_port_and_keys() {
    let issuer = Issuer::start().await.unwrap();
    let before = jwks(&issuer).await;
    issuer.take_down().await;
    assert!(get(&issuer, JWKS_PATH).await.is_err());
    issuer.bring_up().await.unwrap();
    issuer.bring_up().await.unwrap();
    assert_eq!(jwks(&issuer).await, before);
    assert_eq!(issuer.jwks_fetches(), 2);
}

#[tokio::test]
async fn going_down_closes_connections_that_are_open() {
    let issuer = Issuer::start().await.unwrap();
    let authority = issuer.url().trim_start_matches("http://").to_owned();
    let mut idle = TcpStream::connect(&authority).await.unwrap();
    get(&issuer, JWKS_PATH).await.unwrap();
    issuer.take_down().await;
    // Reset or end of file, whichever the kernel says first.
    let read = idle.read(&mut [0; 1]).await;
    assert!(matches!(read, Ok(0) | Err(_)));
}

#[tokio::test]
async fn alg_none_has_an_empty_signature() {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.mint_with_header(json!({ "alg": "none" }), issuer.claims(&["a"]));
    assert!(token.ends_with('.'));
    assert_eq!(token.matches('.').count(), 2);
}

#[tokio::test]
async fn hs256_takes_the_public_key_for_its_secret() {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.mint_with_header(json!({ "alg": "HS256" }), issuer.claims(&["a"]));
    let secret = DecodingKey::from_secret(issuer.public_pem().as_bytes());
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_aud = false;
    decode::<Value>(&token, &secret, &validation).unwrap();
}

#[tokio::test]
async fn the_pem_is_the_key_that_signs() {
    let issuer = Issuer::start().await.unwrap();
    let key = DecodingKey::from_rsa_pem(issuer.public_pem().as_bytes()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_aud = false;
    decode::<Value>(&issuer.token(&["a"]), &key, &validation).unwrap();
}

#[tokio::test]
async fn a_wrong_kid_is_written_as_told_and_altered_claims_break_the_signature() {
    let issuer = Issuer::start().await.unwrap();
    let header = json!({ "alg": "RS256", "kid": "nobody" });
    let token = issuer.mint_with_header(header, issuer.claims(&["a"]));
    assert_eq!(decode_header(&token).unwrap().kid.unwrap(), "nobody");

    let good = issuer.token(&["a"]);
    let mut parts: Vec<String> = good.split('.').map(str::to_owned).collect();
    parts[1] = URL_SAFE_NO_PAD.encode(issuer.claims(&["admin"]).to_string());
    let keys = jwks(&issuer).await;
    assert!(verify(&parts.join("."), &keys, issuer.url()).is_err());
}
