//! What users have agreed to.
//!
//! Enters: tokens of theirs. Leaves: the place of each, and what of it is kept. Never: more than a bounded
//! number; a grant of another in the place of one's own.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderValue;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toolgate_call::Secret;
use zeroize::Zeroizing;

use super::super::sensitive;
use super::super::slot::{Granted, Slot};
use super::{Whom, lock, now};

/// A grant as it is kept. It holds secrets: whoever writes it down seals it.
#[derive(Deserialize, Serialize)]
pub struct Stored {
    issuer: String,
    subject: String,
    target: String,
    desk: String,
    since: u64,
    /// Shown for a new token.
    refresh: Option<Text>,
    /// Of a grant that cannot be renewed: the token, and its end in seconds since the epoch.
    access: Option<(Text, u64)>,
}

/// A secret on its way to or from a sealed file.
struct Text(Zeroizing<String>);

/// One user's, at one target.
pub(super) struct Grant {
    pub(super) slot: Arc<Slot>,
    /// Shown for a new token; `None`: there is no new one when this one ends.
    refresh: Mutex<Option<Secret>>,
    /// The token of a grant that cannot be renewed, and its end.
    only: Option<(HeaderValue, u64)>,
    /// Where it was agreed to.
    desk: String,
    since: u64,
    is_over: AtomicBool,
}

/// See the module.
pub(super) struct Held {
    most: usize,
    grants: HashMap<Whom, Arc<Grant>>,
}

// === impl Held ===

impl Held {
    pub(super) fn new(most: usize) -> Self {
        Self { most, grants: HashMap::new() }
    }

    pub(super) fn of(&self, whom: &Whom) -> Option<Arc<Grant>> {
        self.grants.get(whom).map(Arc::clone)
    }

    /// Takes one in, in the place of an older one of the same. Whether another had to go for it: the
    /// oldest.
    pub(super) fn put(&mut self, whom: Whom, grant: Grant) -> bool {
        let is_full = self.grants.len() >= self.most && !self.grants.contains_key(&whom);
        if is_full {
            let oldest = self.grants.iter().min_by_key(|(_, grant)| grant.since);
            if let Some(oldest) = oldest.map(|(whom, _)| whom.clone()) {
                self.grants.remove(&oldest);
            }
        }
        self.grants.insert(whom, Arc::new(grant));
        is_full
    }

    /// Whether it was there, and not a newer one.
    pub(super) fn forget(&mut self, whom: &Whom, grant: &Arc<Grant>) -> bool {
        let is_it = self.grants.get(whom).is_some_and(|held| Arc::ptr_eq(held, grant));
        if is_it {
            self.grants.remove(whom);
        }
        is_it
    }

    /// Of that target, only what was agreed to there.
    pub(super) fn keep_to(&mut self, target: &Arc<str>, desk: &str) {
        self.grants.retain(|whom, grant| whom.target != *target || grant.desk == desk);
    }

    pub(super) fn len(&self) -> usize {
        self.grants.len()
    }

    pub(super) fn stored(&self) -> Vec<Stored> {
        let mut all: Vec<_> = self.grants.iter().collect();
        all.sort_by_key(|(whom, _)| *whom);
        all.into_iter().map(|(whom, grant)| grant.stored(whom)).collect()
    }
}

// === impl Grant ===

impl Grant {
    pub(super) fn fresh(granted: Granted, desk: String) -> Self {
        let ends = now().saturating_add(granted.life.as_secs());
        let only = granted.refresh.is_none().then(|| (granted.header.clone(), ends));
        let refresh = Mutex::new(granted.refresh.clone());
        let slot = Arc::new(Slot::with(granted));
        Self { slot, refresh, only, desk, since: now(), is_over: AtomicBool::new(false) }
    }

    /// What a new token is asked for with.
    pub(super) fn refresh(&self) -> Option<Secret> {
        lock(&self.refresh).clone()
    }

    /// The server has given another one for that.
    pub(super) fn turn(&self, refresh: Secret) {
        *lock(&self.refresh) = Some(refresh);
    }

    /// The server does not give a token for it any more.
    pub(super) fn end(&self) {
        self.is_over.store(true, Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Relaxed)
    }

    fn stored(&self, whom: &Whom) -> Stored {
        let token = |header: &HeaderValue| {
            let text = header.to_str().ok()?.strip_prefix("Bearer ")?;
            Some(Text(Zeroizing::new(text.to_owned())))
        };
        let only = self.only.as_ref();
        Stored {
            issuer: whom.issuer.to_string(),
            subject: whom.subject.to_string(),
            target: whom.target.to_string(),
            desk: self.desk.clone(),
            since: self.since,
            refresh: self
                .refresh()
                .map(|refresh| Text(Zeroizing::new(refresh.expose().to_owned()))),
            access: only.and_then(|(header, ends)| Some((token(header)?, *ends))),
        }
    }
}

// === impl Stored ===

impl Stored {
    /// Whose it is, and at which target.
    #[must_use]
    pub fn whom(&self) -> Whom {
        let (issuer, subject) = (self.issuer.as_str().into(), self.subject.as_str().into());
        Whom { issuer, subject, target: self.target.as_str().into() }
    }

    pub(super) fn restored(self) -> (Whom, Grant) {
        let whom = self.whom();
        let only = self.access.and_then(|(token, ends)| {
            Some((sensitive(format!("Bearer {}", *token.0)).ok()?, ends))
        });
        let slot = match &only {
            Some((header, ends)) => {
                let life = Duration::from_secs(ends.saturating_sub(now()));
                Slot::with(Granted { header: header.clone(), life, refresh: None })
            }
            None => Slot::default(),
        };
        let refresh = self.refresh.map(|refresh| Secret::new(refresh.0.as_str().to_owned()));
        let grant = Grant {
            slot: Arc::new(slot),
            refresh: Mutex::new(refresh),
            only,
            desk: self.desk,
            since: self.since,
            is_over: AtomicBool::new(false),
        };
        (whom, grant)
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored").field("whom", &self.whom()).finish_non_exhaustive()
    }
}

// === impl Text ===

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(|text| Self(Zeroizing::new(text)))
    }
}
