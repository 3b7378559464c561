//! Where a token is good, by its audience (RFC 8707, RFC 9068 section 3).
//!
//! Enters: the audiences that mean the gateway, and the resource URIs of its servers. Leaves: where a
//! token for such an audience may be used. Never: a token for one server taken at another one, or at
//! the gateway as a whole.

use std::sync::Arc;

use toolgate_call::Server;

/// Where a token is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// At the gateway and at all of its servers.
    Everywhere,
    /// At these servers, by their numbers.
    At(Arc<[usize]>),
}

// === impl Reach ===

impl Reach {
    /// That of a token for these audiences; `None`: it is not for us.
    pub(super) fn of(meant: &[String], audiences: &[String], resources: &[String]) -> Option<Self> {
        if meant.iter().any(|aud| audiences.contains(aud)) {
            return Some(Self::Everywhere);
        }
        let numbered = resources.iter().enumerate();
        let own: Arc<[usize]> =
            numbered.filter(|(_, uri)| meant.contains(uri)).map(|(number, _)| number).collect();
        (!own.is_empty()).then_some(Self::At(own))
    }

    /// Whether it is good at that server; `None`: at the gateway as a whole.
    pub(super) fn covers(&self, server: Option<&Server>) -> bool {
        match self {
            Self::Everywhere => true,
            Self::At(own) => server.is_some_and(|server| own.contains(&server.number)),
        }
    }
}
