//! Tokens on behalf of callers: token exchange (RFC 8693).
//!
//! Enters: requests to a target, with the token that their caller has shown. Leaves: what that was
//! exchanged for; for what the gateway itself asks, a token of its own. Never: the caller's token to
//! anybody but the token endpoint; what one caller's was exchanged for shown for another; anything
//! that outlives the caller's token.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest;

use super::cache::{Digest, Places};
use super::client::{OwnGrant, shown};
use super::endpoint::{Endpoint, Grant};
use super::slot::{Failed, Granted, Issue, Slot};
use super::{Boxed, Denied, Show, Shown, Subject, Unsigned, Whose};

/// How many callers' tokens are held.
const MOST: usize = 10_000;

/// See the module.
#[derive(Debug)]
pub struct TokenExchange {
    own: OwnGrant,
    own_slot: Arc<Slot>,
    callers: Places,
}

/// Exchanges one caller's token.
#[derive(Debug)]
struct Exchange {
    endpoint: Arc<Endpoint>,
    subject: Subject,
}

// === impl TokenExchange ===

impl TokenExchange {
    /// Exchanges there. Nothing is asked yet.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self::bounded(endpoint, MOST)
    }

    pub(super) fn bounded(endpoint: Endpoint, most: usize) -> Self {
        let own = OwnGrant(Arc::new(endpoint));
        Self { own, own_slot: Arc::default(), callers: Places::new(most) }
    }

    /// The place for what is shown on behalf of that, and how to fill it.
    fn place(&self, whose: &Whose) -> Result<(Arc<Slot>, Arc<dyn Issue>), Denied> {
        let subject = match whose {
            Whose::Gateway => return Ok((Arc::clone(&self.own_slot), Arc::new(self.own.clone()))),
            Whose::Caller(_, subject) => subject.as_ref().ok_or(Denied::NoSubject)?,
        };
        let (slot, new) = self.callers.of(&hash(subject));
        let endpoint = Arc::clone(&self.own.0);
        if let Some(count) = new {
            endpoint.metrics().cached(count.held);
            if count.evicted {
                endpoint.metrics().evicted();
            }
        }
        Ok((slot, Arc::new(Exchange { endpoint, subject: subject.clone() })))
    }
}

impl Show for TokenExchange {
    fn show<'a>(&'a self, request: Unsigned<'a>) -> Boxed<'a, Result<Shown, Denied>> {
        Box::pin(async move {
            let (slot, issue) = self.place(request.whose)?;
            Slot::get(&slot, &issue).await.map(shown)
        })
    }

    fn refused<'a>(&'a self, shown: &'a Shown, whose: &'a Whose) -> Boxed<'a, bool> {
        self.own.0.metrics().refused();
        let again = self.place(whose).is_ok_and(|(slot, _)| slot.force(shown.stamp));
        Box::pin(std::future::ready(again))
    }
}

impl Issue for Exchange {
    fn issue(&self) -> Boxed<'_, Result<Granted, Failed>> {
        Box::pin(async move {
            let granted = self.endpoint.ask(&Grant::Exchange(&self.subject.token)).await?;
            // What a caller has let the gateway do ends with their own token.
            let left = self.subject.ends.map_or(Duration::MAX, left);
            Ok(Granted { life: granted.life.min(left), ..granted })
        })
    }
}

fn hash(subject: &Subject) -> Digest {
    let token = subject.token.open_for_exchange().as_bytes();
    let hash = digest::digest(&digest::SHA256, token);
    let mut all = [0; 32];
    all.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
    all
}

fn left(ends: u64) -> Duration {
    let ends = UNIX_EPOCH + Duration::from_secs(ends);
    ends.duration_since(SystemTime::now()).unwrap_or_default()
}
