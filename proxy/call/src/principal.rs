//! Who calls.
//!
//! Enters: verified claims. Leaves: a `Principal`. Never: an unverified claim, or the token itself.

use std::net::SocketAddr;
use std::sync::Arc;

/// The verified identity behind a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The configured name of the issuer (not its URL); `anonymous` when authentication is off.
    pub issuer: Arc<str>,
    /// The token's `sub`.
    pub subject: Arc<str>,
    /// The token's `client_id` (or `azp`), if it has one.
    pub client: Option<Arc<str>>,
    /// The scopes granted.
    pub scopes: Scopes,
    /// When the token ends, in seconds since the epoch; `None` for an anonymous caller.
    pub expires: Option<u64>,
}

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// A set of OAuth scopes (RFC 6749 section 3.3: case-sensitive, no order).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Arc<[Box<str>]>);

// === impl Principal ===

impl Principal {
    /// The caller when authentication is off. It holds no scope, and none is asked of it.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            issuer: Arc::from("anonymous"),
            subject: Arc::from("anonymous"),
            client: None,
            scopes: Scopes::default(),
            expires: None,
        }
    }

    /// A stable name of the identity: `issuer:subject`. What a session or a cache is bound to.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}:{}", self.issuer, self.subject)
    }
}

// === impl Scopes ===

impl Scopes {
    /// Whether the scope is in the set.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|held| &**held == scope)
    }

    /// Whether every scope of `needed` is in the set.
    #[must_use]
    pub fn covers(&self, needed: &Self) -> bool {
        needed.0.iter().all(|scope| self.contains(scope))
    }

    /// The scopes of both sets, sorted.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).collect()
    }

    /// The scopes, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|scope| &**scope)
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> FromIterator<&'a str> for Scopes {
    fn from_iter<I: IntoIterator<Item = &'a str>>(scopes: I) -> Self {
        let mut all: Vec<Box<str>> = scopes.into_iter().map(Box::from).collect();
        all.sort();
        all.dedup();
        Self(all.into())
    }
}

impl std::fmt::Display for Scopes {
    /// Space separated, as OAuth writes them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, scope) in self.iter().enumerate() {
            write!(f, "{}{scope}", if n == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}
