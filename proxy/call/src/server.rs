//! One of the servers that a gateway is to its callers: a part of what its targets offer, at a path
//! of its own (ADR 25).
//!
//! Enters: configuration. Leaves: its name, and the scopes that it asks for. Never: what belongs to
//! it: that the registry knows, which looks it up by its number.

use std::sync::Arc;

use crate::{Principal, Scopes};

/// A configured server. What is not at one is at the gateway as a whole.
#[derive(Debug)]
pub struct Server {
    /// Its configured name, which ends the path.
    pub name: Arc<str>,
    /// Its place among the configured ones.
    pub number: usize,
    /// The scopes that it needs beyond those of the gateway.
    pub scopes: Scopes,
}

/// Whose something is that is given out to be brought back: somebody's, and at one server only.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    /// Whose it is.
    pub principal: &'a Principal,
    /// Where it was made; `None`: at the gateway as a whole.
    pub server: Option<&'a Server>,
}

// === impl Holder ===

impl<'a> Holder<'a> {
    /// Somebody, at the gateway as a whole.
    #[must_use]
    pub const fn of(principal: &'a Principal) -> Self {
        Self { principal, server: None }
    }

    /// What seals are bound to. No two holders have the same: the name of an issuer is a word of the
    /// configuration, and so no identity begins with NUL.
    #[must_use]
    pub fn key(&self) -> String {
        let key = self.principal.key();
        match self.server {
            Some(server) => format!("\0{}\0{key}", server.name),
            None => key,
        }
    }
}
