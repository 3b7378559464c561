//! Tokens for the gateway itself (RFC 6749 section 4.4).
//!
//! Enters: requests to a target. Leaves: one token with all of them, for as long as it is good. Never: a
//! token that nobody uses kept fresh.

use std::sync::Arc;

use http::header::AUTHORIZATION;

use super::endpoint::{Endpoint, Grant};
use super::slot::{Failed, Granted, Held, Issue, Slot};
use super::{Boxed, Denied, Show, Shown, Unsigned, Whose};

/// See the module. Targets may share one.
#[derive(Debug)]
pub struct ClientCredentials {
    slot: Arc<Slot>,
    own: OwnGrant,
}

/// Gets a token for the gateway.
#[derive(Clone, Debug)]
pub(super) struct OwnGrant(pub(super) Arc<Endpoint>);

// === impl ClientCredentials ===

impl ClientCredentials {
    /// Tokens from there. Nothing is asked yet.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self { slot: Arc::default(), own: OwnGrant(Arc::new(endpoint)) }
    }
}

impl Show for ClientCredentials {
    fn show<'a>(&'a self, _request: Unsigned<'a>) -> Boxed<'a, Result<Shown, Denied>> {
        Box::pin(async move {
            let issue: Arc<dyn Issue> = Arc::new(self.own.clone());
            Slot::get(&self.slot, &issue).await.map(shown)
        })
    }

    fn refused<'a>(&'a self, shown: &'a Shown, _whose: &'a Whose) -> Boxed<'a, bool> {
        self.own.0.metrics().refused();
        Box::pin(std::future::ready(self.slot.force(shown.stamp)))
    }
}

impl Issue for OwnGrant {
    fn issue(&self) -> Boxed<'_, Result<Granted, Failed>> {
        Box::pin(async move {
            let granted = self.0.ask(&Grant::Client).await?;
            self.0.note_own(granted.life);
            Ok(granted)
        })
    }
}

/// A token as a target is shown it (RFC 6750 section 2.1).
pub(super) fn shown(held: Held) -> Shown {
    Shown { headers: vec![(AUTHORIZATION, held.header)], stamp: held.stamp }
}
