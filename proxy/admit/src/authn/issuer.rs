//! One issuer and its keys over time.
//!
//! Enters: key ids to look up, and the wish to refresh. Leaves: the ring of keys, old ones as long
//! as they may be used. Never: two fetches at once, more fetches on callers' demand than one every
//! 30 s, or a fetch that ends because the caller who caused it left.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::OwnedMutexGuard;
use toolgate_telemetry::{AuthResult, RefreshCause, RefreshOutcome};

use super::Shared;
use super::claims::Rules;
use super::config::{ConfigError, IssuerConfig};
use super::denial::{Denial, shown};
use super::fetch::FetchError;
use super::jwks::{Key, Keys};
use super::jws::Alg;
use super::source::Source;

/// How old keys may get while no newer ones can be had, in seconds.
const STALE_AFTER: u64 = 24 * 60 * 60;

/// Seconds between two fetches because of unknown key ids.
const DEMAND_EVERY: u64 = 30;

/// Seconds between two fetches while there are no keys to use.
const FIRST_EVERY: u64 = 1;

/// An issuer.
#[derive(Debug)]
pub(super) struct Issuer {
    /// The operator's name for it.
    pub(super) name: Arc<str>,
    /// The `iss` of its tokens.
    pub(super) url: String,
    /// What its tokens have to satisfy.
    pub(super) rules: Rules,
    /// How they may be signed.
    pub(super) algorithms: Vec<Alg>,
    source: Source,
    ring: ArcSwap<Ring>,
    /// Held while keys are being fetched.
    flight: Arc<tokio::sync::Mutex<()>>,
    /// How many fetches have ended.
    landed: AtomicU64,
    notes: Mutex<Notes>,
}

/// The keys of an issuer at one time.
#[derive(Debug, Default)]
pub(super) struct Ring {
    keys: Keys,
    /// When they were fetched, in seconds since the epoch; `None` before the first time.
    fetched: Option<u64>,
    /// Goes up whenever a key is gone: what was verified before that has to be verified again.
    pub(super) generation: u64,
}

/// What happened last.
#[derive(Debug, Default)]
struct Notes {
    /// When a caller last caused a fetch.
    demanded: Option<u64>,
    /// What went wrong with the last fetch, if it did.
    problem: Option<String>,
}

// === impl Ring ===

impl Ring {
    /// The key of that id.
    pub(super) fn key(&self, kid: &str) -> Option<&Key> {
        self.keys.get(kid)
    }

    fn is_usable(&self, now: u64) -> bool {
        self.fetched.is_some_and(|at| now.saturating_sub(at) < STALE_AFTER)
    }

    fn serves(&self, kid: &str, now: u64) -> bool {
        self.is_usable(now) && self.keys.contains_key(kid)
    }

    /// Whether every key of this ring is in `keys`, under the same id.
    fn is_kept_by(&self, keys: &Keys) -> bool {
        self.keys.iter().all(|(kid, key)| keys.get(kid).is_some_and(|kept| kept.is(key)))
    }
}

// === impl Issuer ===

impl Issuer {
    /// An issuer without keys.
    ///
    /// # Errors
    /// A URL that is not one.
    pub(super) fn new(config: IssuerConfig, resources: Arc<[String]>) -> Result<Self, ConfigError> {
        let named = config.algorithms.iter().filter_map(|name| Alg::parse(name));
        let algorithms =
            if config.algorithms.is_empty() { Alg::ALL.to_vec() } else { named.collect() };
        Ok(Self {
            source: Source::new(&config)?,
            algorithms,
            name: Arc::from(config.name),
            url: config.issuer,
            rules: Rules {
                profile: config.profile,
                leeway: config.leeway.as_secs(),
                resources,
                claims: config.claims,
            },
            ring: ArcSwap::default(),
            flight: Arc::default(),
            landed: AtomicU64::new(0),
            notes: Mutex::default(),
        })
    }

    /// Whether what was verified with that generation of keys still holds.
    pub(super) fn vouches(&self, generation: u64, now: u64) -> bool {
        let ring = self.ring.load();
        ring.generation == generation && ring.is_usable(now)
    }

    /// The keys, among them that of `kid`; they are fetched once if it is not among them.
    ///
    /// # Errors
    /// No such key; or no keys at all, or none that are new enough to tell.
    pub(super) async fn ring_with(
        self: &Arc<Self>,
        kid: &str,
        shared: &Arc<Shared>,
    ) -> Result<Arc<Ring>, Denial> {
        let ring = self.ring.load_full();
        if ring.serves(kid, (shared.now)()) {
            return Ok(ring);
        }
        self.demand(kid, shared).await;
        let ring = self.ring.load_full();
        let now = (shared.now)();
        if ring.serves(kid, now) {
            return Ok(ring);
        }
        if !ring.is_usable(now) {
            return Err(self.unavailable(FIRST_EVERY));
        }
        // The key may be a new one: as long as the newest keys cannot be had, nobody can tell.
        Err(if self.has_problem() { self.unavailable(DEMAND_EVERY) } else { unknown_kid(kid) })
    }

    /// Fetches the keys, whatever the rate; waits for a fetch that is under way to end first.
    pub(super) async fn refresh(&self, shared: &Shared, cause: RefreshCause) {
        let flight = Arc::clone(&self.flight).lock_owned().await;
        self.fetch(shared, cause, flight).await;
    }

    /// Name, whether there are keys to use, and what there is to say.
    pub(super) fn readiness(&self, now: u64) -> (String, bool, String) {
        let ring = self.ring.load();
        let problem = self.notes().problem.clone();
        let detail = match (ring.fetched, problem) {
            (None, None) => "keys not fetched yet".to_owned(),
            (None, Some(problem)) => problem,
            (Some(at), problem) => {
                let age = now.saturating_sub(at);
                let said = format!("{} keys, fetched {age} s ago", ring.keys.len());
                problem.map_or(said.clone(), |problem| format!("{said}; since then: {problem}"))
            }
        };
        (self.name.to_string(), ring.is_usable(now), detail)
    }

    /// Fetches the keys because a caller needs one that is not there: unless somebody else's fetch
    /// has just ended, or it is too soon.
    async fn demand(self: &Arc<Self>, kid: &str, shared: &Arc<Shared>) {
        let seen = self.landed.load(Ordering::Acquire);
        let flight = Arc::clone(&self.flight).lock_owned().await;
        let now = (shared.now)();
        let ring = self.ring.load_full();
        if self.landed.load(Ordering::Acquire) != seen || ring.serves(kid, now) {
            return;
        }
        let usable = ring.is_usable(now);
        if !self.may_demand(now, if usable { DEMAND_EVERY } else { FIRST_EVERY }) {
            return;
        }
        let cause = if usable { RefreshCause::UnknownKid } else { RefreshCause::Startup };
        let (issuer, shared) = (Arc::clone(self), Arc::clone(shared));
        // On a task of its own: the fetch counts against the rate, so a caller who leaves early
        // must not be able to end it.
        let fetch = tokio::spawn(async move {
            issuer.fetch(&shared, cause, flight).await;
            issuer.notes().demanded = Some((shared.now)());
        });
        if let Err(error) = fetch.await {
            tracing::error!(issuer = %self.name, %error, "the fetch of keys broke off");
        }
    }

    fn may_demand(&self, now: u64, every: u64) -> bool {
        let mut notes = self.notes();
        // A clock that was set back must not lock the fetching out.
        let soon = notes.demanded.is_some_and(|at| at <= now && now - at < every);
        if !soon {
            notes.demanded = Some(now);
        }
        !soon
    }

    /// The fetch itself; `_flight` is the right to it.
    async fn fetch(&self, shared: &Shared, cause: RefreshCause, _flight: OwnedMutexGuard<()>) {
        let began = Instant::now();
        let limit = shared.pace.fetch;
        let loaded = tokio::time::timeout(limit, self.source.load(&shared.fetcher)).await;
        let loaded = loaded.unwrap_or_else(|_| {
            let detail = format!("the keys did not arrive within {} ms", limit.as_millis());
            Err(FetchError::new(RefreshOutcome::Timeout, detail))
        });
        let auth = &shared.telemetry.auth;
        match loaded {
            Ok(keys) => {
                let (now, count) = ((shared.now)(), keys.len());
                self.install(keys, now);
                auth.jwks_loaded(&self.name, count, now as f64);
                auth.jwks_refresh(&self.name, RefreshOutcome::Ok, cause, began.elapsed());
                tracing::debug!(issuer = %self.name, keys = count, "keys fetched");
            }
            Err(error) => {
                tracing::warn!(issuer = %self.name, detail = %error.detail, "keys not fetched");
                auth.jwks_refresh(&self.name, error.outcome, cause, began.elapsed());
                self.notes().problem = Some(error.detail);
            }
        }
        self.landed.fetch_add(1, Ordering::AcqRel);
    }

    fn install(&self, keys: Keys, now: u64) {
        let old = self.ring.load();
        let generation = old.generation + u64::from(!old.is_kept_by(&keys));
        self.ring.store(Arc::new(Ring { keys, fetched: Some(now), generation }));
        self.notes().problem = None;
    }

    fn unavailable(&self, wait: u64) -> Denial {
        let problem = self.notes().problem.clone();
        let detail = problem.unwrap_or_else(|| "its keys have not been fetched yet".to_owned());
        Denial::unavailable(detail, Duration::from_secs(wait))
    }

    fn has_problem(&self) -> bool {
        self.notes().problem.is_some()
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Refreshes an issuer's keys for ever.
pub(super) async fn keep_fresh(issuer: Arc<Issuer>, shared: Arc<Shared>) {
    loop {
        let every = if issuer.has_problem() { shared.pace.retry } else { shared.pace.refresh };
        // ±10 %, so that a fleet that was started together does not ask together for ever.
        tokio::time::sleep(every.mul_f64(0.9 + 0.2 * fastrand::f64())).await;
        issuer.refresh(&shared, RefreshCause::Scheduled).await;
    }
}

/// A key id that the issuer does not publish.
pub(super) fn unknown_kid(kid: &str) -> Denial {
    let detail = format!("kid `{}` is not among the issuer's keys", shown(kid));
    Denial::invalid(AuthResult::UnknownKid, detail)
}
