//! An OpenID Connect issuer for tests, inside the test process.
//!
//! In: claims to sign, and orders to rotate keys or go down. Out: signed JWTs (RFC 7519) and a
//! loopback HTTP port with the discovery document and the JWK set. It never checks a token,
//! never answers a token request, and is not fit for anything but tests.

mod key;
mod server;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde_json::{Value, json};

use key::SigningKey;
use server::{Pages, Server};

/// The client every token of [`Issuer::token`] was issued to.
pub const CLIENT_ID: &str = "7tests00toolgate0client0id7";
/// Another client, for tokens of somebody else.
pub const OTHER_CLIENT: &str = "5other00client00id5";
/// Path of the discovery document, below the issuer (OpenID Connect Discovery section 4).
pub const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";
/// Path of the JWK set, below the issuer.
pub const JWKS_PATH: &str = "/.well-known/jwks.json";

/// Lifetime of the tokens of [`Issuer::token`], seconds; Cognito's default.
const LIFETIME: u64 = 3600;
/// Keys held at once; more would only hide a test that forgets to drop them.
const MOST_KEYS: usize = 8;

/// A running issuer; dropping it closes its port.
#[derive(Debug)]
pub struct Issuer {
    state: Arc<State>,
    port: u16,
    server: Mutex<Option<Server>>,
    minted: AtomicU64,
}

/// What the HTTP side and the test share.
#[derive(Debug)]
struct State {
    /// Oldest first; the newest signs.
    keys: Mutex<VecDeque<SigningKey>>,
    url: OnceLock<String>,
    discovery_fetches: AtomicU64,
    jwks_fetches: AtomicU64,
}

/// Header and claims before the signature.
struct Unsigned {
    header: Value,
    claims: Value,
}

impl Issuer {
    /// Makes a key and listens on a free loopback port.
    ///
    /// Call it inside a tokio runtime; the port is served by a task of that runtime.
    ///
    /// # Errors
    /// When no key can be made or no port can be had.
    pub async fn start() -> Result<Self> {
        let state = Arc::new(State {
            keys: Mutex::new(VecDeque::from([SigningKey::generate()?])),
            url: OnceLock::new(),
            discovery_fetches: AtomicU64::new(0),
            jwks_fetches: AtomicU64::new(0),
        });
        let server = Server::bind(0, State::pages(&state)).await?;
        let address = server.address();
        state.url.get_or_init(|| format!("http://{address}"));
        Ok(Self {
            state,
            port: address.port(),
            server: Mutex::new(Some(server)),
            minted: AtomicU64::new(0),
        })
    }

    /// The `iss` of its tokens: an http URL with the port and no path.
    #[must_use]
    pub fn url(&self) -> &str {
        self.state.url()
    }

    /// The loopback port it listens on, the same when it comes back up.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the JWK set stands.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        format!("{}{JWKS_PATH}", self.url())
    }

    /// Where the discovery document stands.
    #[must_use]
    pub fn discovery_url(&self) -> String {
        format!("{}{DISCOVERY_PATH}", self.url())
    }

    /// How often the JWK set was fetched so far.
    #[must_use]
    pub fn jwks_fetches(&self) -> u64 {
        self.state.jwks_fetches.load(Ordering::Relaxed)
    }

    /// How often the discovery document was fetched so far.
    #[must_use]
    pub fn discovery_fetches(&self) -> u64 {
        self.state.discovery_fetches.load(Ordering::Relaxed)
    }

    /// The ids of the published keys, oldest first; the last one signs.
    #[must_use]
    pub fn kids(&self) -> Vec<String> {
        lock(&self.state.keys).iter().map(|key| key.kid.clone()).collect()
    }

    /// Publishes one more key, which signs from now on; returns its id.
    ///
    /// # Errors
    /// When no key can be made, or eight are held already.
    pub fn add_key(&self) -> Result<String> {
        let key = SigningKey::generate()?;
        let kid = key.kid.clone();
        let mut keys = lock(&self.state.keys);
        ensure!(keys.len() < MOST_KEYS, "drop a key first: the issuer holds {MOST_KEYS}");
        keys.push_back(key);
        Ok(kid)
    }

    /// Withdraws the oldest key; returns its id.
    ///
    /// # Errors
    /// When it is the only one: add a key first.
    pub fn drop_oldest_key(&self) -> Result<String> {
        let mut keys = lock(&self.state.keys);
        ensure!(keys.len() > 1, "add a key first: the issuer cannot be without one");
        Ok(keys.pop_front().map(|key| key.kid).unwrap_or_default())
    }

    /// Closes the port and every connection: the next fetch is refused.
    pub async fn take_down(&self) {
        let server = lock(&self.server).take();
        if let Some(server) = server {
            server.stop().await;
        }
    }

    /// Listens again on the same port; does nothing if it is up.
    ///
    /// # Errors
    /// When another process has taken the port meanwhile.
    pub async fn bring_up(&self) -> Result<()> {
        if lock(&self.server).is_some() {
            return Ok(());
        }
        let server = Server::bind(self.port, State::pages(&self.state)).await?;
        *lock(&self.server) = Some(server);
        Ok(())
    }

    /// The claims of a Cognito machine token: `aud` is absent, `sub` is the client.
    ///
    /// Times are seconds since the epoch; `exp` is an hour ahead, `jti` differs every time.
    #[must_use]
    pub fn claims(&self, scopes: &[&str]) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let number = self.minted.fetch_add(1, Ordering::Relaxed);
        json!({
            "sub": CLIENT_ID,
            "iss": self.url(),
            "token_use": "access",
            "client_id": CLIENT_ID,
            "scope": scopes.join(" "),
            "version": 2,
            "auth_time": now,
            "iat": now,
            "exp": now + LIFETIME,
            "jti": format!("00000000-0000-4000-8000-{number:012x}"),
        })
    }

    /// A good access token with `scopes`, as Cognito shapes it.
    #[must_use]
    pub fn token(&self, scopes: &[&str]) -> String {
        self.mint(self.claims(scopes))
    }

    /// The same of [`OTHER_CLIENT`].
    #[must_use]
    pub fn others_token(&self, scopes: &[&str]) -> String {
        let mut claims = self.claims(scopes);
        if let Some(claims) = claims.as_object_mut() {
            claims.insert("sub".to_owned(), OTHER_CLIENT.into());
            claims.insert("client_id".to_owned(), OTHER_CLIENT.into());
        }
        self.mint(claims)
    }

    /// Signs `claims` as they are with the newest key (RS256, its `kid`).
    #[must_use]
    pub fn mint(&self, claims: Value) -> String {
        let kid = self.kids().pop();
        self.mint_with_header(json!({ "alg": "RS256", "kid": kid }), claims)
    }

    /// Signs `claims` under any header, for tokens that must be refused.
    ///
    /// `alg: none` leaves the signature empty; `HS256` takes the newest public key's PEM
    /// ([`Issuer::public_pem`]) for the secret; everything else is signed RS256 by the newest
    /// key, whatever `alg` and `kid` say.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test cannot go on without its token")]
    pub fn mint_with_header(&self, header: Value, claims: Value) -> String {
        let unsigned = Unsigned { header, claims };
        let input = unsigned.signing_input();
        let signature = match unsigned.algorithm() {
            "none" => Vec::new(),
            "HS256" => {
                let secret = hmac::Key::new(hmac::HMAC_SHA256, self.public_pem().as_bytes());
                hmac::sign(&secret, input.as_bytes()).as_ref().to_vec()
            }
            _ => lock(&self.state.keys)
                .back()
                .expect("an issuer always holds a key")
                .rs256(input.as_bytes())
                .expect("a key of its own making signs"),
        };
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The newest public key in PEM.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test cannot go on without its key")]
    pub fn public_pem(&self) -> String {
        let keys = lock(&self.state.keys);
        let newest = keys.back().expect("an issuer always holds a key");
        newest.public_pem().expect("a key of its own making encodes")
    }
}

impl State {
    fn url(&self) -> &str {
        self.url.get().map_or("", String::as_str)
    }

    fn pages(state: &Arc<Self>) -> Arc<Pages> {
        let state = Arc::clone(state);
        Arc::new(move |path| match path {
            DISCOVERY_PATH => Some(state.discovery()),
            JWKS_PATH => Some(state.jwks()),
            _ => None,
        })
    }

    fn discovery(&self) -> Bytes {
        self.discovery_fetches.fetch_add(1, Ordering::Relaxed);
        let url = self.url();
        let document = json!({
            "issuer": url,
            "jwks_uri": format!("{url}{JWKS_PATH}"),
            "authorization_endpoint": format!("{url}/oauth2/authorize"),
            "token_endpoint": format!("{url}/oauth2/token"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        Bytes::from(document.to_string())
    }

    fn jwks(&self) -> Bytes {
        self.jwks_fetches.fetch_add(1, Ordering::Relaxed);
        let keys: Vec<Value> = lock(&self.keys).iter().map(SigningKey::jwk).collect();
        Bytes::from(json!({ "keys": keys }).to_string())
    }
}

impl Unsigned {
    fn algorithm(&self) -> &str {
        self.header.get("alg").and_then(Value::as_str).unwrap_or_default()
    }

    /// `header.claims`, both base64url without padding (RFC 7515 section 5.1).
    fn signing_input(&self) -> String {
        let header = URL_SAFE_NO_PAD.encode(self.header.to_string());
        let claims = URL_SAFE_NO_PAD.encode(self.claims.to_string());
        format!("{header}.{claims}")
    }
}

/// The guarded value, also after a test thread died holding it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
