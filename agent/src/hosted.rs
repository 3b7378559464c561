//! What stands behind the faces, in this program.
//!
//! Enters: the head of a request, a token that somebody signs in with. Leaves: an actor whose token
//! the gateway has accepted, what is ready. Never: an actor by a token that nobody has checked; a token
//! that is kept (a hash of it is, for a minute).

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use tokio::time::{Instant, timeout};
use toolgate_agent_memory::Actor;
use toolgate_client::{Along, Ask, Bearer, Client, Failure, Progress};

use crate::assembly::Live;
use crate::host::{About, Asking, Denied, Host, ModelCard, Part, Ready, SignedIn};
use crate::settings::Access;
use crate::turn::Agent;

/// How long the gateway's word about a token is good, and how many are remembered.
const GOOD: Duration = Duration::from_secs(60);
const MOST: usize = 1_024;
/// How long the gateway may take to look at a token.
const PATIENCE: Duration = Duration::from_secs(5);

/// The agent of this program and its surroundings.
pub struct Hosted {
    /// The agent.
    pub agent: Arc<Agent>,
    /// What can be changed while it runs.
    pub live: Arc<Live>,
    /// Asks the gateway about the tokens of others.
    pub asker: Option<Client>,
    /// Who may ask.
    pub access: Access,
    /// What it is.
    pub about: About,
    /// What was found out about tokens.
    pub checked: Checked,
}

/// What was found out about tokens, by their hashes.
#[derive(Debug, Default)]
pub struct Checked {
    hasher: RandomState,
    known: Mutex<HashMap<u64, (Bearer, SignedIn, Instant)>>,
}

// === impl Hosted ===

impl Hosted {
    async fn verified(&self, token: &str) -> Result<SignedIn, Denied> {
        let bearer = Bearer::new(token);
        let bearer = bearer.ok_or_else(|| Denied::unauthenticated("that is no bearer token"))?;
        if let Some(known) = self.checked.get(&bearer) {
            return Ok(known);
        }
        let asker = self.asker.as_ref().ok_or_else(unable)?;
        // A gateway that takes anybody says nothing about a token.
        match asked(asker, None).await {
            Err(Failure::Refused(refused)) if refused.head.status == 401 => {}
            Err(failure) if failure.head().is_some_and(|head| head.status == 401) => {}
            Ok(()) => {
                return Err(Denied {
                    says: "the gateway checks no tokens, so nobody can be told from another"
                        .to_owned(),
                    ..unable()
                });
            }
            Err(_) => return Err(unable()),
        }
        match asked(asker, Some(&bearer)).await {
            Ok(()) => {}
            Err(failure) => return Err(denied(&failure)),
        }
        let signed = signed_in(&bearer)?;
        self.checked.keep(bearer, &signed);
        Ok(signed)
    }

    /// The gateway's part in being ready.
    fn gateway_part(&self) -> Option<Part> {
        let now = self.live.now();
        let gateway = now.gateway.as_ref()?;
        let (ok, says) = match gateway.known() {
            None => (true, "not asked yet".to_owned()),
            Some(Ok(tools)) => (true, tools),
            Some(Err(problem)) => (false, problem),
        };
        Some(Part { name: "gateway".to_owned(), ok, required: false, says })
    }

    fn memory_part(&self) -> Part {
        let (ok, says) = match self.agent.memory() {
            None => (true, "switched off".to_owned()),
            Some(memory) => {
                // First those that go from here to there, or one on its way would not be seen.
                let unwritten = u64::try_from(self.agent.unwritten()).unwrap_or(u64::MAX);
                let health = memory.health();
                let says = format!(
                    "{}: {} ({} waiting, {} lost)",
                    memory.backend(),
                    health.detail,
                    health.waiting.saturating_add(unwritten),
                    health.lost
                );
                (health.ok, says)
            }
        };
        Part { name: "memory".to_owned(), ok, required: false, says }
    }

    /// How the settings were read the last time, where they are read again.
    fn settings_part(&self) -> Option<Part> {
        let (ok, says) = self.live.settings()?.part();
        Some(Part { name: "settings".to_owned(), ok, required: false, says })
    }

    /// The model's part. It stays well while its provider fails: another agent would fare no better.
    fn model_part(&self) -> Part {
        let cards = self.live.now().models.cards();
        let default = cards.iter().find(|card| card.default);
        let mut says = default.map_or_else(String::new, |card| {
            format!("{} of {}, by {}", card.key, cards.len(), card.provider)
        });
        if let Some(wrong) = self.live.now().models.wrong() {
            says.push_str(&format!("; it did not answer when it was last asked: {wrong}"));
        }
        Part { name: "model".to_owned(), ok: default.is_some(), required: true, says }
    }
}

impl Host for Hosted {
    fn agent(&self) -> &Arc<Agent> {
        &self.agent
    }

    fn models(&self) -> Vec<ModelCard> {
        self.live.now().models.cards()
    }

    fn authenticate<'a>(&'a self, headers: &'a HeaderMap) -> Asking<'a, Result<Actor, Denied>> {
        Box::pin(async {
            let said = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
            let token = said.and_then(|said| said.split_once(' '));
            let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
            let Some((_, token)) = token else {
                return Err(Denied::unauthenticated("a bearer token of the gateway is wanted"));
            };
            self.verified(token).await.map(|signed| signed.actor)
        })
    }

    fn sign_in<'a>(&'a self, token: &'a str) -> Asking<'a, Result<SignedIn, Denied>> {
        Box::pin(self.verified(token))
    }

    fn open(&self) -> Option<Actor> {
        match &self.access {
            Access::Open(name) => Actor::new(name).ok(),
            Access::Token => None,
        }
    }

    fn ready(&self) -> Asking<'_, Ready> {
        let mut parts = vec![self.model_part(), self.memory_part()];
        parts.extend(self.gateway_part());
        parts.extend(self.settings_part());
        let ok = parts.iter().all(|part| part.ok || !part.required);
        Box::pin(async move { Ready { ok, parts } })
    }

    fn trace_link(&self, trace: &str) -> Option<String> {
        self.live.now().trace_url.as_ref().map(|url| url.replace("{trace}", trace))
    }

    fn examples(&self) -> Vec<String> {
        self.live.now().examples.clone()
    }

    fn about(&self) -> About {
        self.about.clone()
    }
}

impl fmt::Debug for Hosted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosted").field("about", &self.about).finish_non_exhaustive()
    }
}

// === impl Checked ===

impl Checked {
    fn get(&self, bearer: &Bearer) -> Option<SignedIn> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (kept, signed, until) = known.get(&self.hash(bearer))?;
        // Two tokens of one hash are not one token.
        let is_it = kept.reveal() == bearer.reveal() && Instant::now() < *until;
        (is_it && signed.expires > SystemTime::now()).then(|| signed.clone())
    }

    fn keep(&self, bearer: Bearer, signed: &SignedIn) {
        let hash = self.hash(&bearer);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if known.len() >= MOST {
            known.retain(|_, (_, _, until)| now < *until);
        }
        if known.len() < MOST {
            known.insert(hash, (bearer, signed.clone(), now + GOOD));
        }
    }

    fn hash(&self, bearer: &Bearer) -> u64 {
        self.hasher.hash_one(bearer.reveal())
    }
}

/// Whether the gateway lists tools for whoever that token is.
async fn asked(client: &Client, token: Option<&Bearer>) -> Result<(), Failure> {
    let (ask, along) = (Ask::list(None), Along::default());
    let mut unheard = |_: &Progress| {};
    let whole = Box::pin(client.send(&ask, &along, token, &mut unheard));
    let late = |_| Err(Failure::TimedOut { after: PATIENCE, was_sent: false });
    timeout(PATIENCE, whole).await.unwrap_or_else(late).map(|_| ())
}

/// Who a token is of that the gateway has accepted.
fn signed_in(bearer: &Bearer) -> Result<SignedIn, Denied> {
    let claims = bearer.claims().unwrap_or_default();
    let name = claims.sub.or(claims.client_id).unwrap_or_default();
    let actor = Actor::new(&name);
    let actor = actor.map_err(|_| Denied::unauthenticated("the token names nobody (`sub`)"))?;
    let ends = claims.exp.map(|exp| Duration::try_from_secs_f64(exp).unwrap_or_default());
    let expires = ends.map_or_else(|| SystemTime::now() + GOOD, |ends| UNIX_EPOCH + ends);
    Ok(SignedIn { actor, expires })
}

fn denied(failure: &Failure) -> Denied {
    match failure.head().map(|head| head.status) {
        Some(401) => Denied::unauthenticated("the gateway does not take this token"),
        Some(403) => Denied {
            status: 403,
            says: "the gateway does not allow whoever this token is to ask".to_owned(),
            challenge: None,
        },
        _ => unable(),
    }
}

fn unable() -> Denied {
    Denied {
        status: 503,
        says: "the gateway, which checks tokens, does not answer; try again later".to_owned(),
        challenge: None,
    }
}
