//! The place of one token.
//!
//! Enters: callers who need it, and a way to get one. Leaves: the token, at once while it is good; one
//! request for a new one, however many wait. Never: a request that ends because one of those who wait
//! has left; a request for every call while the issuer is down; a token after its end.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::watch;
use tokio::time::Instant;
use toolgate_call::Secret;
use toolgate_telemetry::TokenFetch;

use super::{Boxed, Denied};

/// A new token is fetched so long before the end of the old one, or a tenth of its life if that is less:
/// room for an outage of the issuer, and no more requests than needed for tokens of a minute.
const RENEW: Duration = Duration::from_secs(300);
/// What is left of a token when it is taken to have ended: it has to get there, and clocks differ. At
/// most a twentieth of its life.
const MARGIN: Duration = Duration::from_secs(5);
/// The first pause after a failure, and the longest; what an issuer refuses it will refuse again.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
const REFUSED: Duration = Duration::from_secs(10);
/// The longest pause that an issuer can ask for.
const LONGEST: Duration = Duration::from_secs(300);
/// Between two tokens that are fetched because the target refused the one before.
const FORCED: Duration = Duration::from_secs(10);

/// Gets a token.
pub(super) trait Issue: Send + Sync {
    /// Asks for one. Ends within a bounded time.
    fn issue(&self) -> Boxed<'_, Result<Granted, Failed>>;
}

/// A token, fresh from its issuer.
#[derive(Clone)]
pub(super) struct Granted {
    /// `Bearer` and the token. Marked sensitive.
    pub(super) header: HeaderValue,
    /// For how long it is good.
    pub(super) life: Duration,
    /// What is shown for the next one, if the issuer has given that.
    pub(super) refresh: Option<Secret>,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) outcome: TokenFetch,
    /// For the operator; no secret in it.
    pub(super) why: String,
    /// What the issuer says of when to come back.
    pub(super) wait: Option<Duration>,
}

/// A token that is held.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) header: HeaderValue,
    /// By which it is known again.
    pub(super) stamp: u64,
    renew: Instant,
    end: Instant,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Slot(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    held: Option<Held>,
    stamp: u64,
    flight: Option<watch::Receiver<Landed>>,
    pause: Option<Pause>,
    forced: Option<Instant>,
}

/// What a request came to, once it did.
type Landed = Option<Result<Held, Denied>>;

#[derive(Debug)]
struct Pause {
    until: Instant,
    failures: u32,
    why: Failed,
}

/// What somebody who needs a token finds.
enum Found {
    Token(Held),
    Coming(watch::Receiver<Landed>),
    Nothing(Denied),
}

// === impl Slot ===

impl Slot {
    /// One with a token in it.
    pub(super) fn with(granted: Granted) -> Self {
        let held = Held::new(granted, 1, Instant::now());
        Self(Mutex::new(State { held: Some(held), stamp: 1, ..State::default() }))
    }

    /// The token; waits for one if there is none.
    pub(super) async fn get(this: &Arc<Self>, issue: &Arc<dyn Issue>) -> Result<Held, Denied> {
        let mut coming = match Self::find(this, issue) {
            Found::Token(held) => return Ok(held),
            Found::Nothing(denied) => return Err(denied),
            Found::Coming(coming) => coming,
        };
        let landed = coming.wait_for(Option::is_some).await.map(|landed| landed.clone());
        landed.ok().flatten().unwrap_or_else(|| Err(lost()))
    }

    /// That token was refused by the target. Whether [`Slot::get`] gives another one, or tries to.
    pub(super) fn force(&self, stamp: u64) -> bool {
        let (mut state, now) = (self.lock(), Instant::now());
        if state.held.as_ref().is_none_or(|held| held.stamp != stamp) {
            return true;
        }
        if state.forced.is_some_and(|forced| now.saturating_duration_since(forced) < FORCED) {
            return false;
        }
        state.forced = Some(now);
        state.held = None;
        true
    }

    /// Whether nothing in it is of use any more.
    pub(super) fn is_over(&self) -> bool {
        let (state, now) = (self.lock(), Instant::now());
        let is_good = state.held.as_ref().is_some_and(|held| now < held.end);
        let is_paused = state.pause.as_ref().is_some_and(|pause| now < pause.until);
        !is_good && !is_paused && state.flight.is_none()
    }

    fn find(this: &Arc<Self>, issue: &Arc<dyn Issue>) -> Found {
        let (mut state, now) = (this.lock(), Instant::now());
        let paused = state.pause.as_ref().filter(|pause| now < pause.until);
        let paused = paused.map(|pause| pause.why.denied(Some(pause.until - now)));
        if let Some(held) = state.held.clone().filter(|held| now < held.end) {
            if now >= held.renew && state.flight().is_none() && paused.is_none() {
                state.flight = Some(Self::depart(this, issue));
            }
            return Found::Token(held);
        }
        if let Some(coming) = state.flight() {
            return Found::Coming(coming);
        }
        if let Some(denied) = paused {
            return Found::Nothing(denied);
        }
        let coming = Self::depart(this, issue);
        state.flight = Some(coming.clone());
        Found::Coming(coming)
    }

    /// A request of its own, beside those who wait for it.
    fn depart(this: &Arc<Self>, issue: &Arc<dyn Issue>) -> watch::Receiver<Landed> {
        let (sender, coming) = watch::channel(None);
        let (this, issue) = (Arc::clone(this), Arc::clone(issue));
        tokio::spawn(async move {
            let landed = this.land(issue.issue().await);
            // Perhaps nobody waits any more.
            sender.send_replace(Some(landed));
        });
        coming
    }

    fn land(&self, issued: Result<Granted, Failed>) -> Result<Held, Denied> {
        let (mut state, now) = (self.lock(), Instant::now());
        state.flight = None;
        match issued {
            Ok(granted) => {
                state.stamp += 1;
                state.pause = None;
                let held = Held::new(granted, state.stamp, now);
                state.held = Some(held.clone());
                Ok(held)
            }
            Err(failed) => {
                let failures = state.pause.as_ref().map_or(0, |pause| pause.failures) + 1;
                let pause = failed.pause(failures);
                let denied = failed.denied(Some(pause));
                state.pause = Some(Pause { until: now + pause, failures, why: failed });
                Err(denied)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// The request that is under way. One whose task is gone is none.
    fn flight(&self) -> Option<watch::Receiver<Landed>> {
        self.flight.clone().filter(|coming| coming.has_changed().is_ok())
    }
}

// === impl Held ===

impl Held {
    fn new(granted: Granted, stamp: u64, now: Instant) -> Self {
        let Granted { header, life, .. } = granted;
        let renew = now + (life - RENEW.min(life / 10));
        let end = now + (life - MARGIN.min(life / 20));
        Self { header, stamp, renew, end }
    }
}

// === impl Failed ===

impl Failed {
    /// For how long nobody asks again.
    pub(super) fn pause(&self, failures: u32) -> Duration {
        let least = if self.is_lasting() { REFUSED } else { PAUSES.0 };
        let grown = least.saturating_mul(1 << failures.saturating_sub(1).min(8)).min(PAUSES.1);
        self.wait.map_or(grown, |wait| wait.min(LONGEST).max(grown))
    }

    /// Whether it needs somebody who does something about it.
    fn is_lasting(&self) -> bool {
        matches!(self.outcome, TokenFetch::Refused | TokenFetch::Revoked | TokenFetch::Forbidden)
    }

    fn denied(&self, pause: Option<Duration>) -> Denied {
        let again = pause.filter(|_| !self.is_lasting());
        Denied::Unavailable { why: self.why.clone(), again }
    }
}

fn lost() -> Denied {
    let why = "the request for a token was given up: the gateway is stopping".to_owned();
    Denied::Unavailable { why, again: None }
}

impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted").field("life", &self.life).finish_non_exhaustive()
    }
}
