//! What users have let the gateway do at targets (ADR 31).
//!
//! Enters: callers who have let it do nothing yet; browsers that agree, and come back with a code. Leaves:
//! links to agree by, and tokens of those who have. Never: one user's token for another; a link, a state
//! or a code that works twice; more links, states or grants than there is room for; any of them, or a
//! token, in `Debug`, a log or an error.

mod held;
mod pending;
mod user;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::Notify;
use toolgate_call::{Principal, Secret};
use toolgate_telemetry::{GrantEvent, Telemetry};

use super::Denied;
use super::endpoint::{Endpoint, Grant, challenge};
use held::Held;
use pending::Pending;

pub use held::Stored;
pub use user::UserGrant;

/// Where links lead, below the origin of the gateway.
pub const START: &str = "/grants/start";
/// Where authorization servers send browsers back to.
pub const CALLBACK: &str = "/grants/callback";

/// How many grants are held.
const MOST: usize = 10_000;
/// When another link may be had, if there is room for none.
const FULL: Duration = Duration::from_secs(60);

/// Whose grant it is, and at which target.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Whom {
    /// The configured name of the caller's issuer.
    pub issuer: Arc<str>,
    /// The subject of the caller's token.
    pub subject: Arc<str>,
    /// The target.
    pub target: Arc<str>,
}

/// What a user is asked to agree to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// For whom, and where.
    pub whom: Whom,
    /// The host of the authorization server.
    pub host: String,
    /// The scopes that are asked for.
    pub scopes: Vec<String>,
}

/// What a browser brings back (RFC 6749 section 4.1.2).
#[derive(Clone, Copy)]
pub struct Back<'a> {
    /// `state`.
    pub state: &'a str,
    /// What the browser that has agreed was given.
    pub browser: &'a str,
    /// `code`; `None`: there is none, the user or the server said no.
    pub code: Option<&'a str>,
}

/// Why nothing came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// The gateway has not sent that browser there, or it was too long ago, or it was back before.
    Unknown,
    /// The user or the authorization server said no.
    Declined,
    /// The authorization server gave no token for the code.
    Failed,
}

/// See the module.
pub struct Grants {
    /// The origin that browsers see; `None`: there is no door for them.
    origin: Option<String>,
    desks: Mutex<HashMap<Arc<str>, Arc<Desk>>>,
    pending: Mutex<Pending>,
    held: Mutex<Held>,
    changed: Notify,
    telemetry: Arc<Telemetry>,
}

/// Where users of a target agree.
struct Desk {
    /// The authorization endpoint (RFC 6749 section 3.1), with a query if it has one.
    url: String,
    endpoint: Arc<Endpoint>,
    /// What is agreed to here is of no use anywhere else.
    mark: String,
}

// === impl Grants ===

impl Grants {
    /// Grants that are shown and agreed to at that origin, with those that were kept.
    #[must_use]
    pub fn new(origin: Option<String>, kept: Vec<Stored>, telemetry: &Arc<Telemetry>) -> Arc<Self> {
        let this = Self {
            origin,
            desks: Mutex::default(),
            pending: Mutex::default(),
            held: Mutex::new(Held::new(MOST)),
            changed: Notify::new(),
            telemetry: Arc::clone(telemetry),
        };
        for stored in kept {
            let (whom, grant) = stored.restored();
            lock(&this.held).put(whom, grant);
        }
        this.count();
        Arc::new(this)
    }

    /// What a link asks; `None`: there is no such link, or it was used.
    pub fn offered(&self, link: &str) -> Option<Offer> {
        let whom = lock(&self.pending).offered(link);
        let Some(whom) = whom else {
            self.note(GrantEvent::Unknown);
            return None;
        };
        let desk = self.desk(&whom.target)?;
        let url: http::Uri = desk.url.parse().ok()?;
        let host = url.authority()?.to_string();
        Some(Offer { host, scopes: desk.endpoint.scopes().to_vec(), whom })
    }

    /// The user of that browser agrees: where to send it. The link is of no use from now on.
    pub fn agreed(&self, link: &str, browser: &str) -> Option<String> {
        let (state, verifier) = (random()?, random()?);
        let redirect = self.callback()?;
        let challenge = challenge(&verifier);
        let agreed = lock(&self.pending).agreed(link, browser, (&state, &verifier));
        self.count();
        let Some(whom) = agreed else {
            self.note(GrantEvent::Unknown);
            return None;
        };
        let desk = self.desk(&whom.target)?;
        Some(desk.endpoint.authorize(&desk.url, &redirect, (&state, &challenge)))
    }

    /// The browser is back.
    ///
    /// # Errors
    /// See [`Missed`].
    pub async fn came_back(&self, back: Back<'_>) -> Result<Whom, Missed> {
        let done = self.exchanged(back).await;
        self.count();
        self.note(match &done {
            Ok(_) => GrantEvent::Granted,
            Err(Missed::Unknown) => GrantEvent::Unknown,
            Err(Missed::Declined) => GrantEvent::Declined,
            Err(Missed::Failed) => GrantEvent::Failed,
        });
        done
    }

    async fn exchanged(&self, back: Back<'_>) -> Result<Whom, Missed> {
        let flow = lock(&self.pending).back(back.state, back.browser);
        let (whom, verifier) = flow.ok_or(Missed::Unknown)?;
        let code = back.code.ok_or(Missed::Declined)?;
        let desk = self.desk(&whom.target).ok_or(Missed::Unknown)?;
        let redirect = self.callback().ok_or(Missed::Unknown)?;
        let grant = Grant::Code { code, verifier: &verifier, redirect: &redirect };
        let granted = desk.endpoint.ask(&grant).await.map_err(|_| Missed::Failed)?;
        let evicted =
            lock(&self.held).put(whom.clone(), held::Grant::fresh(granted, desk.mark.clone()));
        if evicted {
            self.note(GrantEvent::Evicted);
        }
        self.changed.notify_one();
        Ok(whom)
    }

    /// All that is held, as it is kept.
    #[must_use]
    pub fn kept(&self) -> Vec<Stored> {
        lock(&self.held).stored()
    }

    /// Waits until something is held that was not, or no more.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What a browser is known again by; `None` where the system gives no random bytes.
    #[must_use]
    pub fn browser(&self) -> Option<Secret> {
        random()
    }

    /// A link for a caller who has let the gateway do nothing there yet.
    fn ask(&self, whom: Whom) -> Denied {
        let Some(origin) = self.origin.as_ref() else {
            let why = "its users agree by a browser, and this gateway has no door for one";
            return Denied::Unavailable { why: why.to_owned(), again: None };
        };
        let link = random().and_then(|new| lock(&self.pending).link(whom, new));
        self.count();
        let Some(link) = link else {
            self.note(GrantEvent::Overloaded);
            let why = "too many links wait for their users".to_owned();
            return Denied::Unavailable { why, again: Some(FULL) };
        };
        self.note(GrantEvent::Asked);
        Denied::NoGrant { page: Secret::new(format!("{origin}{START}?link={}", link.expose())) }
    }

    fn of(&self, whom: &Whom) -> Option<Arc<held::Grant>> {
        lock(&self.held).of(whom)
    }

    /// That grant holds no more.
    fn forget(&self, whom: &Whom, grant: &Arc<held::Grant>) {
        if lock(&self.held).forget(whom, grant) {
            self.note(GrantEvent::Revoked);
            self.changed.notify_one();
        }
        self.count();
    }

    fn know(&self, target: &Arc<str>, desk: Desk) {
        // What was agreed to for another client, or elsewhere, is not shown here.
        lock(&self.held).keep_to(target, &desk.mark);
        lock(&self.desks).insert(Arc::clone(target), Arc::new(desk));
        self.count();
    }

    fn desk(&self, target: &str) -> Option<Arc<Desk>> {
        lock(&self.desks).get(target).map(Arc::clone)
    }

    fn callback(&self) -> Option<String> {
        self.origin.as_ref().map(|origin| format!("{origin}{CALLBACK}"))
    }

    fn note(&self, event: GrantEvent) {
        self.telemetry.gateway.grant(event);
    }

    fn count(&self) {
        let (held, pending) = (lock(&self.held).len(), lock(&self.pending).len());
        self.telemetry.gateway.grants(held, pending);
    }
}

impl fmt::Debug for Back<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Back").field("code", &self.code.is_some()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grants").field("origin", &self.origin).finish_non_exhaustive()
    }
}

// === impl Whom ===

impl Whom {
    fn of(principal: &Principal, target: &Arc<str>) -> Self {
        let (issuer, subject) = (Arc::clone(&principal.issuer), Arc::clone(&principal.subject));
        Self { issuer, subject, target: Arc::clone(target) }
    }
}

/// 32 bytes that nobody can guess, as text.
fn random() -> Option<Secret> {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    rand::fill(&mut *bytes).ok()?;
    Some(Secret::new(URL_SAFE_NO_PAD.encode(*bytes)))
}

/// Seconds since the epoch.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
