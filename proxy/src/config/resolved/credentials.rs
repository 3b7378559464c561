//! What the gateway shows others, resolved.
//!
//! In: nothing; `resolve` fills it. Out: secrets, and for those that may change where they are kept. It
//! never holds a value that still needs checking.

use std::path::PathBuf;

use http::{HeaderName, Uri};

use crate::config::choice::ClientAuth;
use crate::config::reference::SecretRef;
use crate::config::secret::Secret;

/// A header with a secret in it.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Header that carries it.
    pub header: HeaderName,
    /// Word before the secret and one space; `None` for the secret alone.
    pub scheme: Option<String>,
    /// The secret; with the scheme it is a valid header value.
    pub secret: Secret,
}

/// What the gateway shows a target.
#[derive(Debug, Clone)]
pub enum TargetCredentials {
    /// A header with a secret in it; and where that is kept, if it may change.
    Header(Credentials, Option<SecretRef>),
    /// A token of its own.
    Client(OAuthClient),
    /// What its caller's token was exchanged for.
    Exchange(OAuthClient),
    /// A token of its caller's own account.
    User(Box<UserGrant>),
    /// A signature for AWS.
    SigV4 {
        /// The service.
        service: String,
        /// The region; `None` is that of `aws`.
        region: Option<String>,
    },
}

/// Where users connect their accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserGrant {
    /// Where their tokens come from.
    pub client: OAuthClient,
    /// The authorization endpoint, as written.
    pub authorize_url: String,
    /// Whether lists go by a token of the gateway's own.
    pub own_lists: bool,
}

/// Where grants of users are kept.
#[derive(Debug, Clone)]
pub struct Grants {
    /// The file, absolute.
    pub file: PathBuf,
    /// What seals it.
    pub key: Secret,
}

/// The gateway as a client of a token endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthClient {
    /// Where it is.
    pub endpoint: TokenEndpoint,
    /// The client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// Where that is kept.
    pub kept: SecretRef,
    /// How both are shown.
    pub auth: ClientAuth,
    /// Scopes to ask for, in the order of the file.
    pub scopes: Vec<String>,
    /// Audience to ask for.
    pub audience: Option<String>,
    /// Resource to ask for.
    pub resource: Option<String>,
}

/// Where a token endpoint is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenEndpoint {
    /// There.
    Url(Uri),
    /// Where that issuer says.
    Issuer(String),
}

// === impl TargetCredentials ===

impl TargetCredentials {
    /// The secret in a header, if that is what it is.
    #[must_use]
    pub fn in_header(self) -> Option<Credentials> {
        match self {
            Self::Header(credentials, _) => Some(credentials),
            Self::Client(_) | Self::Exchange(_) | Self::User(_) | Self::SigV4 { .. } => None,
        }
    }
}

// === impl TokenEndpoint ===

impl std::fmt::Display for TokenEndpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Url(url) => url.fmt(f),
            Self::Issuer(issuer) => issuer.fmt(f),
        }
    }
}
