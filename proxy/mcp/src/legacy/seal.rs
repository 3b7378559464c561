//! Session ids that carry their own state.
//!
//! Enters: a principal, the revision agreed on and what the client can do. Leaves: an id that only this gateway (and its
//! replicas, which share the key) can make, bound to the principal and the server. Never: memory for a session
//! that is open; only those that were ended early are remembered, until they would have expired.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use toolgate_call::{Abilities, Case, Holder, Refusal, Session, Version};

use crate::park::States;
use crate::tasks::TaskIds;

/// How many ended sessions are remembered.
const ENDED: usize = 10_000;
/// The longest id worth opening.
const LONGEST: usize = 256;

/// How sessions are made.
#[derive(Clone)]
pub struct SessionConfig {
    /// What ids are sealed with; replicas share it. Any length: it is hashed.
    pub key: Vec<u8>,
    /// How long a session lasts.
    pub lifetime: Duration,
}

/// Makes and opens session ids.
pub struct Sessions {
    key: RandomizedNonceKey,
    lifetime: Duration,
    ended: Mutex<HashMap<String, u64>>,
    states: Arc<States>,
    tasks: Arc<TaskIds>,
}

/// What an id says.
struct Sealed {
    version: Version,
    abilities: Abilities,
    /// When it ends, since the epoch. To the nanosecond, so that what happened before the session
    /// was made and what happened after it can be told apart.
    expires: Duration,
}

// === impl Sessions ===

impl Sessions {
    /// Sessions sealed with that key.
    ///
    /// # Errors
    /// When the cipher does not take the key, which its length rules out.
    pub fn new(config: &SessionConfig) -> Result<Self, Refusal> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, digest(&SHA256, &config.key).as_ref())
            .map_err(|_| Refusal::internal("the session key is not usable"))?;
        let states = Arc::new(States::new(&config.key)?);
        let tasks = Arc::new(TaskIds::new(&config.key)?);
        Ok(Self { key, lifetime: config.lifetime, ended: Mutex::default(), states, tasks })
    }

    /// What seals the states of calls: by the same key, in another context.
    pub(crate) const fn states(&self) -> &Arc<States> {
        &self.states
    }

    /// What seals the ids of tasks: by the same key, in another context.
    pub(crate) const fn tasks(&self) -> &Arc<TaskIds> {
        &self.tasks
    }

    /// Makes a session with a client who can do so much for servers.
    ///
    /// # Errors
    /// When the cipher fails.
    pub fn create(
        &self,
        holder: Holder<'_>,
        version: Version,
        abilities: Abilities,
    ) -> Result<String, Refusal> {
        let expires = nanoseconds(now().saturating_add(self.lifetime));
        let mut sealed = Vec::with_capacity(64);
        sealed.push(version_code(version));
        sealed.push(abilities.bits());
        sealed.extend_from_slice(&expires.to_be_bytes());
        let aad = Aad::from(holder.key());
        let nonce = self
            .key
            .seal_in_place_append_tag(aad, &mut sealed)
            .map_err(|_| Refusal::internal("a session could not be sealed"))?;
        let mut all = nonce.as_ref().to_vec();
        all.append(&mut sealed);
        Ok(URL_SAFE_NO_PAD.encode(all))
    }

    /// Opens a session.
    ///
    /// # Errors
    /// [`Case::SessionUnknown`] (404: the client initializes again) when it has ended or expired,
    /// is someone else's or another server's, or was made by nobody.
    pub fn open(&self, id: &str, holder: Holder<'_>) -> Result<Session, Refusal> {
        let Sealed { version, abilities, expires } = self.unseal(id, holder).ok_or_else(unknown)?;
        let over = expires <= now() || self.ended().contains_key(id);
        if over {
            Err(unknown())
        } else {
            Ok(Session { version, abilities, expires: expires.as_secs() })
        }
    }

    /// When a session was made, by its end; `None` if nobody made it.
    pub(crate) fn created(&self, id: &str, holder: Holder<'_>) -> Option<SystemTime> {
        let expires = self.unseal(id, holder)?.expires;
        UNIX_EPOCH.checked_add(expires.saturating_sub(self.lifetime))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// As [`Sessions::open`].
    pub fn end(&self, id: &str, holder: Holder<'_>) -> Result<(), Refusal> {
        let session = self.open(id, holder)?;
        let mut ended = self.ended();
        if ended.len() >= ENDED {
            let now = now().as_secs();
            ended.retain(|_, expires| *expires > now);
        }
        if ended.len() >= ENDED {
            let oldest = ended.iter().min_by_key(|(_, expires)| **expires);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                ended.remove(&oldest);
            }
        }
        ended.insert(id.to_owned(), session.expires);
        Ok(())
    }

    fn unseal(&self, id: &str, holder: Holder<'_>) -> Option<Sealed> {
        let mut all = (id.len() <= LONGEST).then(|| URL_SAFE_NO_PAD.decode(id).ok()).flatten()?;
        if all.len() <= NONCE_LEN {
            return None;
        }
        let mut sealed = all.split_off(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(&all).ok()?;
        let aad = Aad::from(holder.key());
        let plain = self.key.open_in_place(nonce, aad, &mut sealed).ok()?;
        let (code, plain) = plain.split_first()?;
        let (abilities, expires) = plain.split_first()?;
        let version = Version::ALL.into_iter().find(|v| version_code(*v) == *code)?;
        let abilities = Abilities::of_bits(*abilities);
        let expires = Duration::from_nanos(u64::from_be_bytes(expires.try_into().ok()?));
        Some(Sealed { version, abilities, expires })
    }

    fn ended(&self) -> std::sync::MutexGuard<'_, HashMap<String, u64>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

impl std::fmt::Debug for SessionConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionConfig({:?})", self.lifetime)
    }
}

const fn version_code(version: Version) -> u8 {
    match version {
        Version::V2025_03_26 => 1,
        Version::V2025_06_18 => 2,
        Version::V2025_11_25 => 3,
        Version::V2026_07_28 => 4,
    }
}

fn unknown() -> Refusal {
    Refusal::new(Case::SessionUnknown, "this session has ended or never was; initialize again")
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn nanoseconds(since: Duration) -> u64 {
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
