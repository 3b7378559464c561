//! A token issuer for development: real RS256 keys, discovery, JWKS and a token endpoint, in the
//! shape of Amazon Cognito.
//!
//! Enters: a loopback address and the scopes there are. Leaves: tokens for the one client that is
//! made up at start. Never: an address that others can reach; a key or a secret that outlives the
//! process.

mod form;
mod grant;
mod key;
mod server;

/// An id for a token. It names the token and protects nothing.
fn token_id() -> String {
    let mut random = [0; 16];
    fastrand::fill(&mut random);
    uuid::Builder::from_random_bytes(random).into_uuid().to_string()
}

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::SetOnce;
use tokio::task::JoinSet;
use toolgate_call::Scopes;

use grant::Client;
use key::SigningKey;

/// The scopes that there always are.
const OWN_SCOPES: [&str; 2] = ["gateway/invoke", "gateway/observe"];

/// How long a token from the token endpoint lives (Cognito's usual hour).
const LIFETIME: Duration = Duration::from_secs(3600);

/// The issuer. Its server ends when this is dropped.
pub struct Issuer {
    state: Arc<State>,
    /// Aborts the server when dropped.
    _server: JoinSet<()>,
}

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// The machine gave no randomness, or no memory, for a key.
    #[error("the development issuer could not make its RSA key; restart, or check /dev/urandom")]
    NoKey,
    /// The signing itself failed.
    #[error("the development issuer could not sign the token; restart it")]
    NotSigned,
}

/// What the server's connections share.
struct State {
    address: SocketAddr,
    url: String,
    client: Client,
    /// Made on a thread of its own while the rest starts; `None` when that failed.
    key: SetOnce<Option<SigningKey>>,
}

// === impl Issuer ===

impl Issuer {
    /// Binds, and serves from then on. The key is made in the background: whatever needs it
    /// ([`Issuer::mint`], the JWKS) waits for it.
    ///
    /// # Errors
    /// An address that is not loopback or is taken; no randomness for the client's secret.
    pub async fn start(address: SocketAddr, scopes: &Scopes) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            let problem = format!("{address} is not loopback; the development issuer stays local");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            address,
            url: format!("http://{address}"),
            client: Client {
                id: format!("dev-{}", random::<9>()?),
                secret: random::<32>()?,
                scopes: OWN_SCOPES.into_iter().chain(scopes.iter()).collect(),
            },
            key: SetOnce::new(),
        });
        let mut server = JoinSet::new();
        let keyed = Arc::clone(&state);
        server.spawn_blocking(move || {
            if keyed.key.set(SigningKey::generate()).is_err() {
                tracing::error!("the development issuer made a second key");
            }
        });
        server.spawn(server::serve(listener, Arc::clone(&state)));
        Ok(Self { state, _server: server })
    }

    /// The `iss` of its tokens, and where discovery starts.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.state.url
    }

    /// Where its public key is.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        self.state.jwks_url()
    }

    /// Where tokens are asked for.
    #[must_use]
    pub fn token_url(&self) -> String {
        self.state.token_url()
    }

    /// The one client.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.state.client.id
    }

    /// The client's secret. For the terminal of the developer, not for a log.
    #[must_use]
    pub fn client_secret(&self) -> &str {
        &self.state.client.secret
    }

    /// The scopes that the client may have.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        &self.state.client.scopes
    }

    /// An access token, as the token endpoint would give it but with no questions asked. It is
    /// valid from now on, for `lifetime`.
    ///
    /// # Errors
    /// There is no key to sign with.
    pub async fn mint(
        &self,
        client: &str,
        scopes: &Scopes,
        lifetime: Duration,
    ) -> Result<String, MintError> {
        self.state.mint(client, scopes, lifetime).await
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("url", &self.state.url).finish_non_exhaustive()
    }
}

// === impl State ===

impl State {
    async fn mint(
        &self,
        client: &str,
        scopes: &Scopes,
        lifetime: Duration,
    ) -> Result<String, MintError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let claims = json!({
            "sub": client,
            "iss": self.url,
            "token_use": "access",
            "client_id": client,
            "scope": scopes.to_string(),
            "auth_time": now,
            "iat": now,
            "exp": now.saturating_add(lifetime.as_secs()),
            "jti": token_id(),
            "version": 2,
        });
        let key = self.key.wait().await.as_ref().ok_or(MintError::NoKey)?;
        key.sign(&claims).ok_or(MintError::NotSigned)
    }

    fn jwks_url(&self) -> String {
        format!("{}{}", self.url, server::JWKS)
    }

    fn token_url(&self) -> String {
        format!("{}{}", self.url, server::TOKEN)
    }
}

/// So many random bytes, in letters that need no escaping anywhere.
fn random<const BYTES: usize>() -> io::Result<String> {
    let mut bytes = [0; BYTES];
    rand::fill(&mut bytes).map_err(|_| io::Error::other("the machine gives no random bytes"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
