//! What the development issuer promises, over a real socket.

use std::time::Duration;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::AUTHORIZATION;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use toolgate_admit::authn::{AuthConfig, Authenticator, IssuerConfig, Profile};
use toolgate_call::Scopes;
use toolgate_telemetry::Telemetry;

use super::form::Form;
use super::{Issuer, LIFETIME};

const GRANT: &str = "grant_type=client_credentials";

async fn issuer() -> Issuer {
    let scopes: Scopes = ["k8s/write"].into_iter().collect();
    Issuer::start("127.0.0.1:0".parse().unwrap(), &scopes).await.unwrap()
}

/// Sends a request as it is, and reads status and JSON.
async fn send(issuer: &Issuer, request: String) -> (u16, Value) {
    let mut stream = TcpStream::connect(issuer.state.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(head.contains("cache-control: no-store"));
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

async fn get(issuer: &Issuer, path: &str) -> (u16, Value) {
    let host = issuer.state.address;
    send(issuer, format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await
}

/// Asks for a token; `headers` are whole lines.
async fn post(issuer: &Issuer, headers: &str, body: &str) -> (u16, Value) {
    let (host, length) = (issuer.state.address, body.len());
    let kind = "application/x-www-form-urlencoded; charset=utf-8";
    let head = format!(
        "POST /oauth2/token HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\nContent-Type: {kind}\r\n"
    );
    send(issuer, format!("{head}{headers}\r\n{body}")).await
}

fn basic(id: &str, secret: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{id}:{secret}")))
}

fn own(issuer: &Issuer) -> String {
    basic(issuer.client_id(), issuer.client_secret())
}

/// The header and the claims of a token whose signature holds with the published key.
async fn verified(issuer: &Issuer, token: &str) -> (Value, Value) {
    let (_, set) = get(issuer, "/.well-known/jwks.json").await;
    let jwk = &set["keys"][0];
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let part = |name: &str| decode(jwk[name].as_str().unwrap());
    let (message, signature) = token.rsplit_once('.').unwrap();
    let key = RsaPublicKeyComponents { n: part("n"), e: part("e") };
    key.verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &decode(signature)).unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let json = |text: &str| serde_json::from_slice::<Value>(&decode(text)).unwrap();
    assert_eq!(json(header)["kid"], jwk["kid"]);
    (json(header), json(claims))
}

#[tokio::test]
async fn discovery_leads_to_the_keys_and_the_token_endpoint() {
    let issuer = issuer().await;
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        let (status, document) = get(&issuer, path).await;
        assert_eq!(status, 200);
        assert_eq!(document["issuer"], issuer.url());
        assert_eq!(document["jwks_uri"], issuer.jwks_url());
        assert_eq!(document["token_endpoint"], issuer.token_url());
        let scopes = json!(["gateway/invoke", "gateway/observe", "k8s/write"]);
        assert_eq!(document["scopes_supported"], scopes);
    }
}

#[tokio::test]
async fn a_client_with_its_secret_gets_a_token_in_cognitos_shape() {
    let issuer = issuer().await;
    let body = format!("{GRANT}&scope=k8s%2Fwrite+gateway/invoke&resource=http://x");
    let (status, answer) = post(&issuer, &own(&issuer), &body).await;
    assert_eq!((status, &answer["token_type"]), (200, &json!("Bearer")));
    assert_eq!(answer["expires_in"], 3600);
    let (header, claims) = verified(&issuer, answer["access_token"].as_str().unwrap()).await;
    assert_eq!(header["alg"], "RS256");
    assert_eq!(claims["iss"], issuer.url());
    assert_eq!(claims["token_use"], "access");
    assert_eq!(claims["client_id"], issuer.client_id());
    assert_eq!(claims["sub"], issuer.client_id());
    assert_eq!(claims["scope"], "gateway/invoke k8s/write");
    assert!(claims.get("aud").is_none());
    let lifetime = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(lifetime, LIFETIME.as_secs());
}

#[tokio::test]
async fn the_secret_may_be_in_the_body_and_no_scope_means_all() {
    let issuer = issuer().await;
    let (id, secret) = (issuer.client_id(), issuer.client_secret());
    let body = format!("{GRANT}&client_id={id}&client_secret={secret}");
    let (status, answer) = post(&issuer, "", &body).await;
    assert_eq!(status, 200);
    let (_, claims) = verified(&issuer, answer["access_token"].as_str().unwrap()).await;
    assert_eq!(claims["scope"], issuer.scopes().to_string());
}

#[tokio::test]
async fn a_wrong_request_gets_cognitos_error() {
    let issuer = issuer().await;
    let (right, id) = (own(&issuer), issuer.client_id().to_owned());
    let secret = issuer.client_secret().to_owned();
    let cases = [
        (basic(&id, "wrong"), GRANT.to_owned(), "invalid_client"),
        (basic("stranger", &secret), GRANT.to_owned(), "invalid_client"),
        (String::new(), GRANT.to_owned(), "invalid_client"),
        ("Authorization: Bearer x\r\n".to_owned(), GRANT.to_owned(), "invalid_client"),
        (right.clone(), format!("{GRANT}&scope=gateway/admin"), "invalid_scope"),
        (right.clone(), format!("{GRANT}&scope=openid"), "invalid_scope"),
        (right.clone(), format!("{GRANT}&scope=k8s/write+openid"), "invalid_scope"),
        (right.clone(), "grant_type=password".to_owned(), "unsupported_grant_type"),
        (right.clone(), "scope=k8s/write".to_owned(), "invalid_request"),
        (right.clone(), format!("{GRANT}&{GRANT}"), "invalid_request"),
        (right.clone(), format!("{GRANT}&scope=%zz"), "invalid_request"),
        (right.clone(), format!("{GRANT}&client_secret={secret}"), "invalid_request"),
        (right.clone(), format!("{GRANT}&client_id=other"), "invalid_request"),
    ];
    for (headers, body, error) in cases {
        assert_eq!(
            post(&issuer, &headers, &body).await,
            (400, json!({ "error": error })),
            "{body}"
        );
    }
    let host = issuer.state.address;
    let plain = format!("POST /oauth2/token HTTP/1.1\r\nHost: {host}\r\n{right}\r\n");
    assert_eq!(send(&issuer, plain).await, (400, json!({"error": "invalid_request"})));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let issuer = issuer().await;
    let body = format!("{GRANT}&pad={}", "x".repeat(8192));
    let (status, _) = post(&issuer, &own(&issuer), &body).await;
    assert_eq!(status, 413);
}

#[tokio::test]
async fn only_its_own_host_paths_and_methods_are_served() {
    let issuer = issuer().await;
    let port = issuer.state.address.port();
    let ask = async |line: &str, host: &str| {
        send(&issuer, format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await.0
    };
    let (local, path) = (format!("localhost:{port}"), "GET /.well-known/openid-configuration");
    assert_eq!(ask(path, &local).await, 200);
    for host in ["evil.test".to_owned(), format!("evil.test:{port}"), "127.0.0.1".to_owned()] {
        assert_eq!(ask(path, &host).await, 403, "{host}");
    }
    assert_eq!(ask("GET /", &local).await, 404);
    assert_eq!(ask("GET /oauth2/token", &local).await, 405);
    assert_eq!(ask("DELETE /.well-known/jwks.json", &local).await, 405);
}

#[tokio::test]
async fn tokens_are_minted_for_any_client_and_lifetime() {
    let issuer = issuer().await;
    let scopes: Scopes = ["a"].into_iter().collect();
    let lifetime = Duration::from_secs(5);
    let token = issuer.mint("someone", &scopes, lifetime).await.unwrap();
    let (_, claims) = verified(&issuer, &token).await;
    assert_eq!((&claims["client_id"], &claims["scope"]), (&json!("someone"), &json!("a")));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 5);
    assert_ne!(token, issuer.mint("someone", &scopes, lifetime).await.unwrap(), "jti differs");
}

#[tokio::test]
async fn the_gateway_accepts_its_tokens() {
    let issuer = issuer().await;
    let config = AuthConfig {
        keys: None,
        certificates: Vec::new(),
        issuers: vec![IssuerConfig {
            name: "dev".into(),
            profile: Profile::Cognito { clients: vec![issuer.client_id().to_owned()] },
            issuer: issuer.url().to_owned(),
            jwks_url: None,
            discovery_url: None,
            leeway: Duration::from_secs(30),
            algorithms: Vec::new(),
            claims: toolgate_admit::authn::ClaimRules::default(),
        }],
        resource: "http://127.0.0.1:9000/mcp".into(),
        metadata_url: "http://127.0.0.1:9000/.well-known/oauth-protected-resource/mcp".into(),
        gateway_scopes: ["gateway/invoke"].into_iter().collect(),
        servers: Vec::new(),
        claims: Vec::new(),
        token_bytes: 8192,
        cached_tokens: 10,
        hands_on: false,
        fetcher: std::sync::Arc::new(toolgate_fetch::Fetcher::new(
            toolgate_fetch::Ground::default(),
        )),
    };
    let gateway = Authenticator::new(config, Telemetry::for_tests()).unwrap();
    gateway.start().await;
    let show = async |client: &str, lifetime| {
        let token = issuer.mint(client, issuer.scopes(), lifetime).await.unwrap();
        let value = format!("Bearer {token}").parse().unwrap();
        gateway.verify(&[(AUTHORIZATION, value)].into_iter().collect(), None).await
    };
    let principal = show(issuer.client_id(), LIFETIME).await.unwrap();
    assert_eq!(principal.scopes, *issuer.scopes());
    assert_eq!(&*principal.issuer, "dev");
    assert!(show("stranger", LIFETIME).await.is_err());
}

#[tokio::test]
async fn it_stays_on_this_machine_and_keeps_its_secret() {
    let public = "0.0.0.0:0".parse().unwrap();
    let refused = Issuer::start(public, &Scopes::default()).await.unwrap_err();
    assert!(refused.to_string().contains("not loopback"));
    let (one, two) = (issuer().await, issuer().await);
    assert_ne!(one.client_secret(), two.client_secret());
    assert!(!format!("{one:?}").contains(one.client_secret()));
    let address = one.state.address;
    drop(one);
    let mut left = TcpStream::connect(address).await;
    // The listener may take a moment to go: what matters is that nobody answers any more.
    if let Ok(stream) = &mut left {
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0);
    }
}

#[test]
fn forms_are_read_as_they_were_written() {
    let form = Form::parse(b"a=1+2&b=%41%2b%C3%A9&c=&d&=x").unwrap();
    assert_eq!(form.get("a"), Some("1 2"));
    assert_eq!(form.get("b"), Some("A+é"));
    assert_eq!((form.get("c"), form.get("d"), form.get("e")), (None, None, None));
    for bad in [&b"a=%4"[..], b"a=%g0", b"a=%ff", b"a=1&a=2"] {
        assert!(Form::parse(bad).is_none());
    }
}
