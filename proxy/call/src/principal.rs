//! Who calls.
//!
//! Enters: verified claims. Leaves: a `Principal`. Never: an unverified claim, or the token itself.

use std::net::SocketAddr;
use std::sync::Arc;

/// The most claims that a policy may be handed.
pub const MOST_CLAIMS: usize = 32;
/// The largest claim, in bytes: of a list, all its texts together.
pub const LARGEST_CLAIM: usize = 1024;

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
    /// The claims that the configuration hands to policies.
    pub claims: Claims,
    /// When the token ends, in seconds since the epoch; `None` for an anonymous caller.
    pub expires: Option<u64>,
}

/// A claim of a token, of the type that the configuration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// A text.
    Text(Box<str>),
    /// A whole number.
    Number(i64),
    /// Yes or no.
    Bool(bool),
    /// A list of texts.
    List(Box<[Box<str>]>),
}

/// The type of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimKind {
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// Yes or no.
    Bool,
    /// A list of texts; one text is a list of one.
    List,
}

/// Claims by name: at most [`MOST_CLAIMS`], each of at most [`LARGEST_CLAIM`] bytes; what is over that is
/// not taken in, so that who makes one has to look first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims(Option<Arc<[Named]>>);

/// A claim under its name.
type Named = (Box<str>, Claim);

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
            claims: Claims::default(),
            expires: None,
        }
    }

    /// A stable name of the identity: `issuer:subject`. What a session or a cache is bound to.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}:{}", self.issuer, self.subject)
    }
}

// === impl Claim ===

impl Claim {
    /// Whether it is small enough for a policy.
    #[must_use]
    pub fn fits(&self) -> bool {
        match self {
            Self::Text(text) => text.len() <= LARGEST_CLAIM,
            Self::Number(_) | Self::Bool(_) => true,
            // What an empty text costs is counted too.
            Self::List(all) => all.iter().map(|one| one.len() + 1).sum::<usize>() <= LARGEST_CLAIM,
        }
    }
}

// === impl Claims ===

impl Claims {
    /// The claim of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Claim> {
        self.iter().find(|(held, _)| *held == name).map(|(_, claim)| claim)
    }

    /// All of them, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Claim)> {
        self.0.iter().flat_map(|all| all.iter()).map(|(name, claim)| (&**name, claim))
    }
}

impl FromIterator<(Box<str>, Claim)> for Claims {
    fn from_iter<I: IntoIterator<Item = (Box<str>, Claim)>>(claims: I) -> Self {
        let fitting = claims.into_iter().filter(|(_, claim)| claim.fits());
        let all: Arc<[_]> = fitting.take(MOST_CLAIMS).collect();
        Self(if all.is_empty() { None } else { Some(all) })
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
