//! Who is it: headers in, principals out.
//!
//! Enters: the headers of a request, and the configured issuers. Leaves: an `Arc<Principal>`, or a
//! `Refusal` with a plain sentence for the caller and the detail for the operator. Never: an
//! unverified claim in a principal; a token, or a part of one, in a log, a metric or an error; a
//! decision on what the caller may do (that is `guard`'s).

mod audience;
pub(crate) mod bearer;
mod cache;
mod certificates;
mod challenge;
mod claimed;
mod claims;
mod config;
mod custom;
mod denial;
mod fetch;
mod issuer;
mod jwks;
mod jws;
mod keys;
mod rules;
mod shown;
mod source;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use tokio::task::JoinSet;
use toolgate_call::{Certificate, ClaimKind, Principal, Refusal, Server, SubjectToken};
use toolgate_fetch::{Fetcher, Ground};
use toolgate_telemetry::{AuthResult, CacheEvent, RefreshCause, Telemetry};

use audience::Reach;
use cache::{Cache, Digest, Entry};
use certificates::Certificates;
use challenge::Told;
use claims::Claims;
use denial::Denial;
use issuer::Issuer;
use jws::Jws;
use keys::Keys;

pub use certificates::{CertificateRule, ISSUER as CERTIFICATES_ISSUER, Known};
pub use config::{AuthConfig, ConfigError, IssuerConfig, Profile, ServerAuth};
pub use keys::{ApiKey, ApiKeys, ISSUER as KEYS_ISSUER, KeyHash, Minted};
pub use rules::{ClaimRule, ClaimRules, ClaimTest};
pub use shown::Shown;

/// Seconds since the epoch. A function, so that tests need not wait for a token to expire.
type Now = Arc<dyn Fn() -> u64 + Send + Sync>;

/// How patient the key fetching is.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Between two refreshes while all is well; ±10 %.
    refresh: Duration,
    /// Between two refreshes while an issuer's keys cannot be had; ±10 %.
    retry: Duration,
    /// How long one fetch may take, discovery included.
    fetch: Duration,
}

/// What all issuers share.
struct Shared {
    fetcher: Arc<Fetcher>,
    telemetry: Arc<Telemetry>,
    now: Now,
    pace: Pace,
    /// The claims that policies are handed.
    claims: Vec<(String, ClaimKind)>,
}

/// Verifies bearer tokens (RFC 6750, RFC 7519) against the keys of the configured issuers, and
/// remembers those that held.
///
/// Lives in an `Arc`; everything takes `&self`.
pub struct Authenticator {
    /// Who everyone is, and whether that is a decision to count.
    everyone: Option<(Arc<Principal>, bool)>,
    issuers: Vec<Arc<Issuer>>,
    keys: Option<Keys>,
    certificates: Certificates,
    cache: Cache,
    /// What callers are told: of the gateway as a whole, then of each server; nothing when
    /// authentication is off.
    told: Vec<Told>,
    token_bytes: usize,
    /// Whether some target exchanges the tokens of callers.
    hands_on: bool,
    shared: Arc<Shared>,
}

// === impl Authenticator ===

impl Authenticator {
    /// An authenticator for these issuers. It has no keys yet: see [`Authenticator::start`].
    ///
    /// # Errors
    /// A configuration that no token could ever satisfy, or that is ambiguous; the message says
    /// what to change.
    pub fn new(config: AuthConfig, telemetry: Arc<Telemetry>) -> Result<Arc<Self>, ConfigError> {
        let fetcher = Arc::clone(&config.fetcher);
        let shared = Shared::new(telemetry, Arc::new(system_now), Pace::STANDARD);
        Self::with(config, Shared { fetcher, ..shared })
    }

    /// An authenticator that lets everyone in as [`Principal::anonymous`]. For loopback only.
    #[must_use]
    pub fn anonymous(telemetry: Arc<Telemetry>) -> Arc<Self> {
        Self::same((Arc::new(Principal::anonymous()), false), telemetry)
    }

    /// An authenticator for which everyone is this one. For callers within the process.
    #[must_use]
    pub fn of(everyone: Arc<Principal>, telemetry: Arc<Telemetry>) -> Arc<Self> {
        Self::same((everyone, true), telemetry)
    }

    fn same(everyone: (Arc<Principal>, bool), telemetry: Arc<Telemetry>) -> Arc<Self> {
        Arc::new(Self {
            everyone: Some(everyone),
            issuers: Vec::new(),
            keys: None,
            certificates: Certificates::default(),
            cache: Cache::new(0),
            told: Vec::new(),
            token_bytes: 0,
            hands_on: false,
            shared: Arc::new(Shared::new(telemetry, Arc::new(system_now), Pace::STANDARD)),
        })
    }

    fn with(config: AuthConfig, shared: Shared) -> Result<Arc<Self>, ConfigError> {
        config.check()?;
        let shared = Shared { claims: config.claims.clone(), ..shared };
        let told = Told::all(&config)?;
        let servers: Arc<[String]> =
            config.servers.into_iter().map(|server| server.resource).collect();
        let issuer = |issuer: IssuerConfig| {
            // Whoever issues tokens for our URI may issue them for one below it.
            let for_uris = issuer.profile.means(&config.resource);
            let resources = if for_uris { Arc::clone(&servers) } else { Arc::default() };
            Issuer::new(issuer, resources).map(Arc::new)
        };
        let issuers = config.issuers.into_iter().map(issuer).collect::<Result<Vec<_>, _>>()?;
        for issuer in &issuers {
            shared.telemetry.auth.configured(&issuer.name);
        }
        let keys = config.keys.as_ref().map(Keys::new);
        if keys.is_some() {
            shared.telemetry.auth.known(keys::ISSUER);
        }
        let certificates = Certificates::new(&config.certificates);
        if certificates.any() {
            shared.telemetry.auth.known(certificates::ISSUER);
        }
        Ok(Arc::new(Self {
            everyone: None,
            issuers,
            keys,
            certificates,
            cache: Cache::new(config.cached_tokens),
            told,
            token_bytes: config.token_bytes,
            hands_on: config.hands_on,
            shared: Arc::new(shared),
        }))
    }

    /// Fetches the keys of every issuer, all at once, for at most 2 s. An issuer that does not
    /// answer is not fatal: its keys are fetched when they are first needed.
    pub async fn start(&self) {
        let mut fetches = JoinSet::new();
        for issuer in &self.issuers {
            let (issuer, shared) = (Arc::clone(issuer), Arc::clone(&self.shared));
            fetches.spawn(async move { issuer.refresh(&shared, RefreshCause::Startup).await });
        }
        while fetches.join_next().await.is_some() {}
    }

    /// Keeps the keys fresh in the background, every 10 min or, while an issuer fails, every 30 s.
    /// It ends when what is returned is dropped.
    #[must_use = "dropping it ends the refreshing"]
    pub fn spawn_refresh(&self) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for issuer in &self.issuers {
            tasks.spawn(issuer::keep_fresh(Arc::clone(issuer), Arc::clone(&self.shared)));
        }
        tasks
    }

    /// Takes these API keys from now on, and no others. Without keys in the configuration, none.
    pub fn take_keys(&self, keys: &[ApiKey]) {
        if let Some(held) = &self.keys {
            held.take(keys);
        }
    }

    /// The principal of a token that was verified before and is good at that server (`None`: at the
    /// gateway as a whole), of a key or of a certificate: the hot path. No principal says nothing about
    /// what is shown; ask [`Authenticator::verify`].
    #[must_use]
    pub fn verify_cached<'a>(
        &self,
        shown: impl Into<Shown<'a>>,
        server: Option<&Server>,
    ) -> Option<Arc<Principal>> {
        let (shown, began) = (shown.into(), Instant::now());
        let certificate = self.certificate(shown).ok()?;
        if let Some((everyone, counted)) = &self.everyone {
            if *counted {
                self.shared.telemetry.auth.request(&everyone.issuer, AuthResult::Ok);
            }
            return Some(Arc::clone(everyone));
        }
        if let Some(certificate) = certificate {
            let principal = self.certificates.principal(certificate).ok()?;
            self.count(certificates::ISSUER, began);
            return Some(Arc::new(principal));
        }
        let token = self.token(shown.headers).ok()?;
        if let Some(keys) = self.keys_for(token) {
            let principal = keys.principal(token, (self.shared.now)()).ok()?;
            self.count(keys::ISSUER, began);
            return Some(principal);
        }
        let principal = self.remembered(&cache::digest(token), server)?;
        self.count_hit(&principal, began);
        Some(principal)
    }

    /// The principal of what is shown, at that server (`None`: at the gateway as a whole).
    ///
    /// # Errors
    /// `TokenMissing`, `TokenInvalid`, or `KeysUnavailable` with the time after which another try
    /// may succeed. The caller's sentence is the same for every bad token.
    pub async fn verify<'a>(
        &self,
        shown: impl Into<Shown<'a>>,
        server: Option<&Server>,
    ) -> Result<Arc<Principal>, Refusal> {
        let (shown, began) = (shown.into(), Instant::now());
        self.identify(shown, server, began).await.map_err(|denial| {
            self.shared.telemetry.auth.request(&denial.issuer, denial.result);
            let denial = if denial.is_missing() && self.certificates.any() {
                denial.saying("a bearer token or a client certificate is needed")
            } else {
                denial
            };
            denial.into_refusal()
        })
    }

    /// For each issuer: its name, whether its keys are at hand, and what there is to say about it.
    #[must_use]
    pub fn keys_ready(&self) -> Vec<(String, bool, String)> {
        let now = (self.shared.now)();
        self.issuers.iter().map(|issuer| issuer.readiness(now)).collect()
    }

    /// The `WWW-Authenticate` that goes with a refusal (RFC 6750 section 3, RFC 9728 section 5.1);
    /// `None` where the refusal is not about the token.
    #[must_use]
    pub fn challenge(&self, refusal: &Refusal, server: Option<&Server>) -> Option<HeaderValue> {
        self.told(server)?.answer(refusal)
    }

    /// The protected resource metadata of a server, or of the gateway as a whole (RFC 9728 section
    /// 2), JSON; `None` when authentication is off, in which case there is nothing to serve.
    #[must_use]
    pub fn metadata(&self, server: Option<&Server>) -> Option<Bytes> {
        self.told(server).map(|told| told.metadata.clone())
    }

    fn token<'a>(&self, headers: &'a HeaderMap) -> Result<&'a str, Denial> {
        bearer::presented(headers, self.token_bytes, self.keys.is_some())
    }

    /// The keys, if that is one and any are taken.
    fn keys_for(&self, token: &str) -> Option<&Keys> {
        self.keys.as_ref().filter(|_| Keys::claims(token))
    }

    /// The certificate that says who calls: there is nothing else that does, and it holds.
    fn certificate<'a>(&self, shown: Shown<'a>) -> Result<Option<&'a Certificate>, Denial> {
        let Some(certificate) = shown.certificate else { return Ok(None) };
        let held = certificates::holds(certificate, (self.shared.now)())?;
        let is_asked = self.certificates.any() && !bearer::any(shown.headers, self.keys.is_some());
        Ok(is_asked.then_some(held))
    }

    fn count(&self, issuer: &str, began: Instant) {
        let auth = &self.shared.telemetry.auth;
        auth.request(issuer, AuthResult::Ok);
        auth.verified(began.elapsed(), false);
    }

    /// The token of a request that was identified, if some target exchanges tokens.
    pub(crate) fn subject(&self, headers: &HeaderMap) -> Option<SubjectToken> {
        if !self.hands_on {
            return None;
        }
        // An API key means nothing to anybody else.
        let token = self.token(headers).ok().filter(|token| self.keys_for(token).is_none())?;
        Some(SubjectToken::new(token.to_owned()))
    }

    fn told(&self, server: Option<&Server>) -> Option<&Told> {
        self.told.get(server.map_or(0, |server| server.number + 1))
    }

    async fn identify(
        &self,
        shown: Shown<'_>,
        server: Option<&Server>,
        began: Instant,
    ) -> Result<Arc<Principal>, Denial> {
        let certificate = self.certificate(shown)?;
        if let Some((everyone, _)) = &self.everyone {
            return Ok(Arc::clone(everyone));
        }
        if let Some(certificate) = certificate {
            let principal = self.certificates.principal(certificate)?;
            self.count(certificates::ISSUER, began);
            return Ok(Arc::new(principal));
        }
        let token = self.token(shown.headers)?;
        if let Some(keys) = self.keys_for(token) {
            let principal = keys.principal(token, (self.shared.now)())?;
            self.count(keys::ISSUER, began);
            return Ok(principal);
        }
        let digest = cache::digest(token);
        if let Some(principal) = self.remembered(&digest, server) {
            self.count_hit(&principal, began);
            return Ok(principal);
        }
        self.shared.telemetry.auth.cache(CacheEvent::Miss);
        let jws = Jws::parse(token)?;
        let claims = Claims::parse(jws.payload)?;
        let (at, issuer) = self.issuer_of(&claims)?;
        let (principal, generation, reach) =
            check(&jws, &claims, issuer, &self.shared).await.map_err(|d| d.at(&issuer.name))?;
        let is_good = reach.covers(server);
        let principal = Arc::new(principal);
        let entry = Entry { principal: Arc::clone(&principal), issuer: at, generation, reach };
        self.remember(digest, entry);
        if !is_good {
            return Err(elsewhere().at(&issuer.name));
        }
        let auth = &self.shared.telemetry.auth;
        auth.request(&issuer.name, AuthResult::Ok);
        auth.verified(began.elapsed(), false);
        Ok(principal)
    }

    /// The issuer that the token claims to be from, if it is one of ours: compared as strings.
    fn issuer_of(&self, claims: &Claims) -> Result<(usize, &Arc<Issuer>), Denial> {
        let claimed = claims.iss.as_deref().unwrap_or_default();
        self.issuers.iter().enumerate().find(|(_, issuer)| issuer.url == claimed).ok_or_else(|| {
            let detail = format!("iss is `{}`, which is not configured", denial::shown(claimed));
            Denial::invalid(AuthResult::BadIssuer, detail)
        })
    }

    fn remembered(&self, digest: &Digest, server: Option<&Server>) -> Option<Arc<Principal>> {
        let now = (self.shared.now)();
        self.cache.get(digest, now, |entry| {
            let issuer = self.issuers.get(entry.issuer);
            let holds = issuer.is_some_and(|issuer| issuer.vouches(entry.generation, now));
            holds && entry.reach.covers(server)
        })
    }

    fn remember(&self, digest: Digest, entry: Entry) {
        let now = (self.shared.now)();
        for _ in 0..self.cache.put(digest, entry, now) {
            self.shared.telemetry.auth.cache(CacheEvent::Evicted);
        }
    }

    fn count_hit(&self, principal: &Principal, began: Instant) {
        let auth = &self.shared.telemetry.auth;
        auth.cache(CacheEvent::Hit);
        auth.request(&principal.issuer, AuthResult::Ok);
        auth.verified(began.elapsed(), true);
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuers: Vec<&str> = self.issuers.iter().map(|issuer| &*issuer.name).collect();
        f.debug_struct("Authenticator").field("issuers", &issuers).finish_non_exhaustive()
    }
}

// === impl Pace ===

impl Pace {
    const STANDARD: Self = Self {
        refresh: Duration::from_secs(600),
        retry: Duration::from_secs(30),
        fetch: Duration::from_secs(2),
    };
}

// === impl Shared ===

impl Shared {
    fn new(telemetry: Arc<Telemetry>, now: Now, pace: Pace) -> Self {
        let fetcher = Arc::new(Fetcher::new(Ground::default()));
        Self { fetcher, telemetry, now, pace, claims: Vec::new() }
    }
}

/// Everything that a token must satisfy once its issuer is known: key, signature, claims.
async fn check(
    jws: &Jws<'_>,
    claims: &Claims,
    issuer: &Arc<Issuer>,
    shared: &Arc<Shared>,
) -> Result<(Principal, u64, Reach), Denial> {
    if !issuer.algorithms.contains(&jws.alg) {
        return Err(jws::bad_algorithm(jws.alg.as_str(), &issuer.algorithms));
    }
    let ring = issuer.ring_with(&jws.kid, shared).await?;
    let key = ring.key(&jws.kid).ok_or_else(|| issuer::unknown_kid(&jws.kid))?;
    key.verify(jws)?;
    let (principal, reach) = said(jws, claims, issuer, shared, (shared.now)())?;
    Ok((principal, ring.generation, reach))
}

/// What the claims of a token say, by everything that its issuer's rules ask of them.
fn said(
    jws: &Jws<'_>,
    claims: &Claims,
    issuer: &Issuer,
    shared: &Shared,
    now: u64,
) -> Result<(Principal, Reach), Denial> {
    let reach = claims.check(&issuer.rules, now)?;
    issuer.rules.claims.check(jws.payload)?;
    let claimed = custom::read(jws.payload, &shared.claims)?;
    Ok((Principal { claims: claimed, ..claims.principal(&issuer.name)? }, reach))
}

fn elsewhere() -> Denial {
    let detail = "aud is the URI of another server of this gateway only";
    Denial::invalid(AuthResult::BadAudience, detail)
}

fn system_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
