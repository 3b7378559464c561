//! Whom somebody claims to be.
//!
//! Enters: a token whose signature nobody has looked at, or a certificate whose authority nobody has. Leaves:
//! whom it would stand for. Never: a way in; it is for explaining decisions offline.

use std::sync::Arc;

use toolgate_call::{Certificate, ClientCertificate, Principal, Server};

use super::claims::Claims;
use super::denial::Denial;
use super::jws::Jws;
use super::{Authenticator, certificates, elsewhere, said};

impl Authenticator {
    /// Whom a token would stand for at that server, if its signature held. To explain decisions only: what
    /// comes of it is claimed, and nobody is let in by it. Of an API key it is known.
    ///
    /// # Errors
    /// Why it would be refused whatever its signature: the operator's sentence.
    pub fn claimed(&self, token: &str, server: Option<&Server>) -> Result<Principal, String> {
        let now = (self.shared.now)();
        let claimed = match self.keys_for(token) {
            Some(keys) => keys.principal(token, now).map(|principal| Principal::clone(&principal)),
            None => self.claimed_by(token, server, now),
        };
        claimed.map_err(Denial::into_detail)
    }

    /// Whom a certificate stands for, if its authority is one of the callers'. To explain decisions only.
    ///
    /// # Errors
    /// Nobody; the operator's sentence.
    pub fn claimed_certificate(&self, said: &Certificate) -> Result<Principal, String> {
        let shown = ClientCertificate::Verified(Arc::new(said.clone()));
        let held = certificates::holds(&shown, (self.shared.now)());
        let claimed = held.and_then(|said| self.certificates.principal(said));
        claimed.map_err(Denial::into_detail)
    }

    fn claimed_by(
        &self,
        token: &str,
        server: Option<&Server>,
        now: u64,
    ) -> Result<Principal, Denial> {
        let jws = Jws::parse(token)?;
        let claims = Claims::parse(jws.payload)?;
        let (_, issuer) = self.issuer_of(&claims)?;
        let (principal, reach) = said(&jws, &claims, issuer, &self.shared, now)?;
        if reach.covers(server) { Ok(principal) } else { Err(elsewhere()) }
    }
}
