//! Tokens to show the gateway.
//!
//! In: a token, or a client of an issuer. Out: a token that is good for a while. Never: two
//! requests for a token at a time; a caller that waits while an older token is good; a token or a
//! secret in an error or a debug form.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use toolgate_client::{
    Bearer, ClientCredentials, Failure as Broken, Token, TokenError, token_endpoint,
};

use super::answer;
use crate::settings::{Client, Place};
use crate::tools::Failure;

/// A token is renewed so long before it ends.
const EARLY: Duration = Duration::from_secs(300);
/// A token of which the issuer does not say how long it is good.
const UNSAID: Duration = Duration::from_secs(600);
/// How long the issuer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// After a renewal that failed, the next try.
const AGAIN: Duration = Duration::from_secs(10);

/// How a renewal went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// A token is in use.
    Ok,
    /// The issuer said no.
    Refused,
    /// No answer in time.
    TimedOut,
    /// No connection.
    Unreachable,
    /// The answer makes no sense.
    Malformed,
}

/// Whoever hears of renewals.
pub type Renewals = Arc<dyn Fn(Renewal) + Send + Sync>;

/// Where tokens come from.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    from: From,
    kept: Mutex<Kept>,
    renewing: tokio::sync::Mutex<()>,
    told: Renewals,
}

enum From {
    Nowhere,
    Given(Arc<Bearer>),
    Client(Client),
}

#[derive(Default)]
struct Kept {
    token: Option<Arc<Bearer>>,
    /// From when on it is renewed, and when it ends.
    renew: Option<Instant>,
    ends: Option<Instant>,
    in_background: bool,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoToken(String);

// === impl Tokens ===

impl Tokens {
    /// The gateway is asked without one.
    #[must_use]
    pub fn none() -> Self {
        Self::of(From::Nowhere, Arc::new(|_| ()))
    }

    /// Always this one.
    #[must_use]
    pub fn given(token: Bearer) -> Self {
        Self::of(From::Given(Arc::new(token)), Arc::new(|_| ()))
    }

    /// Those that the client is given by its issuer. Renewals are told to `told`.
    #[must_use]
    pub fn fetched(client: Client, told: Renewals) -> Self {
        Self::of(From::Client(client), told)
    }

    fn of(from: From, told: Renewals) -> Self {
        let kept = Mutex::default();
        Self(Arc::new(Inner { from, kept, renewing: tokio::sync::Mutex::default(), told }))
    }

    /// A token that is good now.
    pub(super) async fn get(&self) -> Result<Option<Arc<Bearer>>, NoToken> {
        let client = match &self.0.from {
            From::Nowhere => return Ok(None),
            From::Given(token) => return Ok(Some(Arc::clone(token))),
            From::Client(client) => client,
        };
        let now = Instant::now();
        let (token, is_due) = {
            let mut kept = self.kept();
            let good = kept.ends.is_some_and(|ends| now < ends);
            let due = kept.renew.is_some_and(|renew| now >= renew);
            let begin = good && due && !std::mem::replace(&mut kept.in_background, due);
            (kept.token.clone().filter(|_| good), begin)
        };
        if is_due {
            let (tokens, client) = (self.clone(), client.clone());
            tokio::spawn(async move {
                let _only_one = tokens.0.renewing.lock().await;
                // The old one is good for a while yet.
                let _tried = tokens.renew(&client).await;
                tokens.kept().in_background = false;
            });
        }
        match token {
            Some(token) => Ok(Some(token)),
            None => self.renewed(client, None).await.map(Some),
        }
    }

    /// Another token, if the gateway did not take that one; `None` if it failed for another reason,
    /// or there is no way to one.
    pub(super) async fn after(
        &self,
        failure: &Broken,
        refused: Option<&Arc<Bearer>>,
    ) -> Result<Option<Arc<Bearer>>, NoToken> {
        let is_unauthenticated = failure.head().is_some_and(|head| head.status == 401);
        match refused.filter(|_| is_unauthenticated) {
            Some(refused) => self.instead_of(refused).await,
            None => Ok(None),
        }
    }

    async fn instead_of(&self, refused: &Arc<Bearer>) -> Result<Option<Arc<Bearer>>, NoToken> {
        match &self.0.from {
            From::Nowhere | From::Given(_) => Ok(None),
            From::Client(client) => self.renewed(client, Some(refused)).await.map(Some),
        }
    }

    /// Waits for the one request that is under way, or makes it.
    async fn renewed(
        &self,
        client: &Client,
        refused: Option<&Arc<Bearer>>,
    ) -> Result<Arc<Bearer>, NoToken> {
        let _only_one = self.0.renewing.lock().await;
        let now = Instant::now();
        let other = {
            let kept = self.kept();
            let good = kept.ends.is_some_and(|ends| now < ends);
            let is_other = |token: &Arc<Bearer>| refused.is_none_or(|old| !Arc::ptr_eq(old, token));
            kept.token.clone().filter(|token| good && is_other(token))
        };
        match other {
            Some(token) => Ok(token),
            None => self.renew(client).await,
        }
    }

    async fn renew(&self, client: &Client) -> Result<Arc<Bearer>, NoToken> {
        let asked = ask(client).await;
        let mut kept = self.kept();
        match asked {
            Ok(token) => {
                (self.0.told)(Renewal::Ok);
                let good = token.expires_in.map_or(UNSAID, Duration::from_secs);
                let now = Instant::now();
                let bearer = Arc::new(token.bearer);
                kept.token = Some(Arc::clone(&bearer));
                kept.ends = Some(now + good);
                // Of a token that is good for less, the last third.
                kept.renew = Some(now + good.saturating_sub(EARLY).max(good * 2 / 3));
                Ok(bearer)
            }
            Err(error) => {
                (self.0.told)(Renewal::of(&error));
                tracing::warn!(%error, "no token for the gateway");
                kept.renew = Some(Instant::now() + AGAIN);
                Err(NoToken(error.to_string()))
            }
        }
    }

    /// Waits until nothing is renewed in the background.
    #[cfg(test)]
    pub(super) async fn idle(&self) {
        while self.kept().in_background {
            tokio::task::yield_now().await;
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask(client: &Client) -> Result<Token, TokenError> {
    let token_url = match &client.place {
        Place::Endpoint(url) => url.clone(),
        Place::Issuer(issuer) => token_endpoint(issuer, PATIENCE).await?,
    };
    let credentials = ClientCredentials {
        token_url,
        client_id: client.id.clone(),
        client_secret: client.secret.clone(),
    };
    credentials.token(&client.scopes, PATIENCE).await
}

/// No token: nothing was asked of the gateway.
pub(super) fn unavailable(error: &NoToken) -> Failure {
    let message = format!("there is no token for the gateway: {}", error.0);
    Failure {
        blame: "network".to_owned(),
        retry_safe: true,
        ..answer::caller("unauthenticated", message)
    }
}

// === impl Renewal ===

impl Renewal {
    fn of(error: &TokenError) -> Self {
        match error {
            TokenError::Unanswered(_) => Self::Unreachable,
            TokenError::TimedOut { .. } => Self::TimedOut,
            TokenError::Refused { .. } => Self::Refused,
            TokenError::NotAnIssuer { .. } | TokenError::Discovery { .. } => Self::Malformed,
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(redacted)")
    }
}
