//! Secrets that may change while the gateway runs.
//!
//! Enters: whoever keeps a secret. Leaves: what it is now, or a header with it. Never: an old secret
//! taken away because its keeper is down.

use std::fmt;
use std::sync::Arc;

use http::HeaderName;
use toolgate_call::Secret;

use super::{Boxed, Denied, Show, Shown, Unsigned, Whose, sensitive};

/// Keeps a secret.
pub trait Vault: Send + Sync + fmt::Debug {
    /// What it is now.
    fn current(&self) -> Kept;

    /// Somebody has refused it: looks whether there is a new one, unless that was done a moment ago. When
    /// this is done, [`Vault::current`] has what was found.
    fn look_again(&self) -> Boxed<'_, ()>;
}

/// A secret as it is.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The secret.
    pub secret: Arc<Secret>,
    /// Another number for each secret that there was.
    pub version: u64,
}

/// A header with a secret that may change.
#[derive(Debug)]
pub struct HeaderSecret {
    /// The header.
    pub header: HeaderName,
    /// The word before the secret and one space; `None`: the secret alone.
    pub scheme: Option<String>,
    /// Keeps the secret.
    pub vault: Arc<dyn Vault>,
}

// === impl HeaderSecret ===

impl HeaderSecret {
    fn shown(&self) -> Result<Shown, Denied> {
        let Kept { secret, version } = self.vault.current();
        let text = match &self.scheme {
            Some(scheme) => format!("{scheme} {}", secret.expose()),
            None => secret.expose().to_owned(),
        };
        Ok(Shown { headers: vec![(self.header.clone(), sensitive(text)?)], stamp: version })
    }
}

impl Show for HeaderSecret {
    fn show<'a>(&'a self, _request: Unsigned<'a>) -> Boxed<'a, Result<Shown, Denied>> {
        Box::pin(std::future::ready(self.shown()))
    }

    fn refused<'a>(&'a self, shown: &'a Shown, _whose: &'a Whose) -> Boxed<'a, bool> {
        Box::pin(async move {
            if self.vault.current().version == shown.stamp {
                self.vault.look_again().await;
            }
            self.vault.current().version != shown.stamp
        })
    }
}
