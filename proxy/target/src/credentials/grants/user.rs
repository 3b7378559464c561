//! A target that is shown its users' own tokens.
//!
//! Enters: requests, with the caller that each is for. Leaves: that caller's token, renewed before its end;
//! a link to agree by where there is none. Never: a caller's token for what the gateway asks by itself, or
//! for another caller; anything for callers who are nobody.

use std::fmt;
use std::sync::Arc;

use toolgate_call::Principal;
use toolgate_telemetry::TokenFetch;

use super::super::client::{OwnGrant, shown};
use super::super::endpoint::{Endpoint, Grant as Asked};
use super::super::slot::{Failed, Granted, Issue, Slot};
use super::super::{Boxed, Denied, Show, Shown, Unsigned, Whose};
use super::held::Grant;
use super::{Desk, Grants, Whom};

/// See the module.
pub struct UserGrant {
    target: Arc<str>,
    grants: Arc<Grants>,
    endpoint: Arc<Endpoint>,
    /// The token of the gateway's own, if it has one for lists and handshakes.
    own: Option<(OwnGrant, Arc<Slot>)>,
}

/// Renews a token.
struct Renewal {
    grants: Arc<Grants>,
    endpoint: Arc<Endpoint>,
    grant: Arc<Grant>,
}

// === impl UserGrant ===

impl UserGrant {
    /// Users agree at that authorization endpoint; their tokens come from that token endpoint. With
    /// `own`, lists and handshakes go by client credentials of the same client; else by nothing.
    #[must_use]
    pub fn new(
        grants: &Arc<Grants>,
        target: &Arc<str>,
        (url, endpoint): (String, Endpoint),
        own: bool,
    ) -> Self {
        let endpoint = Arc::new(endpoint);
        let mark = endpoint.mark(&url);
        grants.know(target, Desk { url, endpoint: Arc::clone(&endpoint), mark });
        let own = own.then(|| (OwnGrant(Arc::clone(&endpoint)), Arc::default()));
        Self { target: Arc::clone(target), grants: Arc::clone(grants), endpoint, own }
    }

    async fn own(&self) -> Result<Shown, Denied> {
        let Some((own, slot)) = &self.own else {
            return Ok(Shown { headers: Vec::new(), stamp: 0 });
        };
        let issue: Arc<dyn Issue> = Arc::new(own.clone());
        Slot::get(slot, &issue).await.map(shown)
    }

    async fn of(&self, principal: &Principal) -> Result<Shown, Denied> {
        if *principal == Principal::anonymous() {
            let why = "the caller is nobody who could agree".to_owned();
            return Err(Denied::Unavailable { why, again: None });
        }
        let whom = Whom::of(principal, &self.target);
        let Some(grant) = self.grants.of(&whom) else { return Err(self.grants.ask(whom)) };
        let issue: Arc<dyn Issue> = Arc::new(Renewal {
            grants: Arc::clone(&self.grants),
            endpoint: Arc::clone(&self.endpoint),
            grant: Arc::clone(&grant),
        });
        match Slot::get(&grant.slot, &issue).await {
            Ok(held) => Ok(shown(held)),
            Err(_) if grant.is_over() => {
                self.grants.forget(&whom, &grant);
                Err(self.grants.ask(whom))
            }
            Err(denied) => Err(denied),
        }
    }
}

impl Show for UserGrant {
    fn show<'a>(&'a self, request: Unsigned<'a>) -> Boxed<'a, Result<Shown, Denied>> {
        Box::pin(async move {
            match request.whose {
                Whose::Gateway => self.own().await,
                Whose::Caller(principal, _) => self.of(principal).await,
            }
        })
    }

    fn refused<'a>(&'a self, shown: &'a Shown, whose: &'a Whose) -> Boxed<'a, bool> {
        self.endpoint.metrics().refused();
        let again = match whose {
            Whose::Gateway => self.own.as_ref().is_some_and(|(_, slot)| slot.force(shown.stamp)),
            Whose::Caller(principal, _) => {
                let grant = self.grants.of(&Whom::of(principal, &self.target));
                grant.is_some_and(|grant| grant.slot.force(shown.stamp))
            }
        };
        Box::pin(std::future::ready(again))
    }
}

impl fmt::Debug for UserGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserGrant").field("target", &self.target).finish_non_exhaustive()
    }
}

// === impl Renewal ===

impl Issue for Renewal {
    fn issue(&self) -> Boxed<'_, Result<Granted, Failed>> {
        Box::pin(async move {
            let Some(refresh) = self.grant.refresh() else {
                self.grant.end();
                let why = "it cannot be renewed".to_owned();
                return Err(Failed { outcome: TokenFetch::Revoked, why, wait: None });
            };
            let renewed = self.endpoint.ask(&Asked::Refresh(&refresh)).await;
            match &renewed {
                Ok(granted) => {
                    if let Some(next) = granted.refresh.clone() {
                        self.grant.turn(next);
                        self.grants.changed.notify_one();
                    }
                }
                Err(failed) if failed.outcome == TokenFetch::Revoked => self.grant.end(),
                Err(_) => {}
            }
            renewed
        })
    }
}
