//! What a bearer token costs: once it is known, and the first time.
//!
//! Targets: at most 5 µs for a token that was seen before, at most 100 µs for one that was not.
//! Run with `cargo bench -p toolgate-admit --bench authn`.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up has nothing to say")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use divan::Bencher;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::json;
use tokio::runtime::Runtime;
use toolgate_admit::authn::{AuthConfig, Authenticator, ClaimRules, IssuerConfig, Profile};
use toolgate_fetch::{Fetcher, Ground};
use toolgate_telemetry::Telemetry;

const ISSUER: &str = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Example00";

fn main() {
    divan::main();
}

/// One token, again and again: SHA-256, one lookup, and its metrics.
#[divan::bench]
fn repeated(bencher: Bencher<'_, '_>) {
    let (runtime, auth, headers) = world(10_000);
    runtime.block_on(auth.verify(&headers, None)).expect("a good token");
    bencher
        .bench_local(|| auth.verify_cached(divan::black_box(&headers), None).expect("remembered"));
}

/// A token that is always new, because none is remembered: RSA, JSON, and its metrics.
#[divan::bench]
fn first_seen(bencher: Bencher<'_, '_>) {
    let (runtime, auth, headers) = world(0);
    bencher.bench_local(|| {
        runtime.block_on(auth.verify(divan::black_box(&headers), None)).expect("a good token")
    });
}

/// A request without a token.
#[divan::bench]
fn missing(bencher: Bencher<'_, '_>) {
    let (runtime, auth, _) = world(0);
    let none = HeaderMap::new();
    bencher.bench_local(|| runtime.block_on(auth.verify(divan::black_box(&none), None)).is_err());
}

/// An authenticator with its keys, and a token in Cognito's shape and size.
fn world(cached_tokens: usize) -> (Runtime, Arc<Authenticator>, HeaderMap) {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let entered = runtime.enter();
    let config = AuthConfig {
        keys: None,
        certificates: Vec::new(),
        issuers: vec![IssuerConfig {
            name: "cognito".into(),
            profile: Profile::Cognito { clients: vec!["4f1qexample0client0id00000".into()] },
            issuer: ISSUER.into(),
            jwks_url: Some(publish(&pair)),
            discovery_url: None,
            leeway: Duration::from_secs(30),
            algorithms: Vec::new(),
            claims: ClaimRules::default(),
        }],
        resource: "https://gate.test/mcp".into(),
        metadata_url: "https://gate.test/.well-known/oauth-protected-resource".into(),
        gateway_scopes: ["gateway/invoke"].into_iter().collect(),
        servers: Vec::new(),
        claims: Vec::new(),
        token_bytes: 8192,
        cached_tokens,
        hands_on: false,
        fetcher: Arc::new(Fetcher::new(Ground::default())),
    };
    let auth = Authenticator::new(config, Telemetry::for_tests()).expect("a good configuration");
    drop(entered);
    runtime.block_on(auth.start());
    let value = format!("Bearer {}", token(&pair)).parse().expect("a header");
    (runtime, auth, [(AUTHORIZATION, value)].into_iter().collect())
}

/// Serves the public key once, on a thread of its own.
fn publish(pair: &RsaKeyPair) -> String {
    let public: RsaPublicKeyComponents<Vec<u8>> = pair.public_key().into();
    let (n, e) = (encode(&public.n), encode(&public.e));
    let keys = json!({"keys": [{"kty": "RSA", "kid": "k1", "alg": "RS256", "n": n, "e": e}]});
    let body = keys.to_string();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/jwks", listener.local_addr().expect("its address"));
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut lines = BufReader::new(&stream).lines();
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).expect("an answer");
    });
    url
}

fn token(pair: &RsaKeyPair) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    let claims = json!({
        "sub": "4f1qexample0client0id00000", "token_use": "access",
        "scope": "gateway/invoke gateway/observe", "auth_time": now, "iss": ISSUER,
        "exp": now + 86_400, "iat": now, "version": 2,
        "jti": "6f2d0c1e-0000-4000-8000-000000000000", "client_id": "4f1qexample0client0id00000",
    });
    let header = json!({"kid": "k1", "alg": "RS256"});
    let part = |value: &serde_json::Value| encode(value.to_string().as_bytes());
    let message = format!("{}.{}", part(&header), part(&claims));
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
        .expect("a signature");
    format!("{message}.{}", encode(&signature))
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
