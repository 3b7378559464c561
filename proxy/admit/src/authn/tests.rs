//! What authentication promises, against real signatures and a JWKS server on a real socket.

mod cached;
mod certified;
mod counted;
mod keys;
mod matrix;
mod mint;
mod ruled;
mod server;
mod told;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use toolgate_call::{Principal, Refusal};
use toolgate_telemetry::Telemetry;

use super::{
    AuthConfig, Authenticator, ClaimRules, Fetcher, Ground, IssuerConfig, Pace, Profile, Shared,
};
use mint::TestKey;
use server::Server;

/// When the tests play.
const NOW: u64 = 1_800_000_000;

const ISSUER: &str = "https://issuer.test/pool";

/// A clock that the test sets.
#[derive(Clone)]
struct Clock(Arc<AtomicU64>);

/// An authenticator with one issuer, `main`, whose keys are on a server of the test's own.
struct Fixture {
    auth: Arc<Authenticator>,
    server: Server,
    clock: Clock,
}

impl Clock {
    fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    fn shared(&self, pace: Pace) -> Shared {
        let cell = Arc::clone(&self.0);
        Shared::new(Telemetry::for_tests(), Arc::new(move || cell.load(Ordering::SeqCst)), pace)
    }
}

impl Fixture {
    /// A Cognito-like issuer that publishes these keys; they are fetched.
    async fn with_keys(keys: &[&TestKey]) -> Self {
        let fixture = Self::cold(cognito(), 10_000).await;
        fixture.server.publish(keys);
        fixture.auth.start().await;
        fixture
    }

    /// An issuer whose server answers 500 until keys are published.
    async fn cold(profile: Profile, cached_tokens: usize) -> Self {
        Self::changed(profile, |config| config.cached_tokens = cached_tokens).await
    }

    async fn changed(profile: Profile, change: impl FnOnce(&mut AuthConfig)) -> Self {
        let server = Server::start().await;
        let clock = Clock(Arc::new(AtomicU64::new(NOW)));
        let mut config = config(profile, &server);
        change(&mut config);
        let auth = Authenticator::with(config, clock.shared(Pace::STANDARD)).unwrap();
        Self { auth, server, clock }
    }

    async fn verify(&self, token: &str) -> Result<Arc<Principal>, Refusal> {
        self.auth.verify(&bearer(token), None).await
    }

    /// What the operator reads about a token that is refused.
    async fn detail(&self, token: &str) -> String {
        let refusal = self.verify(token).await.unwrap_err();
        refusal.operator_detail().unwrap().to_owned()
    }
}

fn config(profile: Profile, server: &Server) -> AuthConfig {
    AuthConfig {
        keys: None,
        certificates: Vec::new(),
        issuers: vec![IssuerConfig {
            name: "main".into(),
            profile,
            issuer: ISSUER.into(),
            jwks_url: Some(server.url("/jwks")),
            discovery_url: None,
            leeway: Duration::from_secs(30),
            algorithms: Vec::new(),
            claims: ClaimRules::default(),
        }],
        resource: "https://gate.test/mcp".into(),
        metadata_url: "https://gate.test/.well-known/oauth-protected-resource/mcp".into(),
        gateway_scopes: ["gateway/invoke"].into_iter().collect(),
        servers: Vec::new(),
        claims: Vec::new(),
        token_bytes: 8192,
        cached_tokens: 10_000,
        hands_on: false,
        fetcher: Arc::new(Fetcher::new(Ground::default())),
    }
}

fn cognito() -> Profile {
    Profile::Cognito { clients: vec!["robot".into(), "other".into()] }
}

/// The `oidc` profile with a list of clients.
fn oidc_for(clients: &[&str]) -> Profile {
    let clients = clients.iter().map(|client| (*client).to_owned()).collect();
    Profile::Oidc { audiences: vec!["https://gate.test/mcp".into()], clients }
}

/// The claims of a good Cognito access token, with these members instead of its own; `null`
/// takes one away.
fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "sub": "robot-1", "client_id": "robot", "token_use": "access",
        "scope": "gateway/invoke k8s/write", "iat": NOW, "exp": NOW + 3600, "version": 2,
    });
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    claims
}

fn bearer(token: &str) -> HeaderMap {
    headers(&format!("Bearer {token}"))
}

fn headers(authorization: &str) -> HeaderMap {
    let value = HeaderValue::from_str(authorization).unwrap();
    [(AUTHORIZATION, value)].into_iter().collect()
}
