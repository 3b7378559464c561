//! The gateway's sessions at a target of the older era.
//!
//! Enters: the first call, or one that found the session gone. Leaves: a session that all calls
//! share whose callers can do the same for the target. Never: two handshakes at once; never a caller's session id.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use http::HeaderValue;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::OnceCell;
use toolgate_call::{Abilities, Answer, Era, Ledger, Phase, RawJson, Version};

use super::aside::Ear;
use super::calls::Calls;
use super::exchange;
use super::failure::Failure;
use super::{Inner, reply, request};
use crate::session::Logs;
use crate::wire::{Incoming, read_message};

/// A session, as the target gave it.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: Option<HeaderValue>,
    pub(super) version: Version,
    /// The target's answer to `initialize`.
    pub(super) about: RawJson,
    /// What its callers can do for the target.
    pub(super) abilities: Abilities,
    pub(super) calls: Calls,
    /// Hears what the target asks beside the calls' streams.
    pub(super) ear: OnceCell<Ear>,
    pub(super) logs: Logs,
    /// The resources that were subscribed to on it.
    watched: Mutex<BTreeSet<Arc<str>>>,
}

/// The place of a session.
#[derive(Debug, Default)]
pub(super) struct SessionSlot {
    abilities: Abilities,
    current: Mutex<Option<Arc<Session>>>,
    shaking: tokio::sync::Mutex<()>,
}

/// The places of the sessions of callers who can do something for the target, by what that is. A
/// session declares it once, and the target may ask any of its calls for it.
#[derive(Debug)]
pub(super) struct AbleSessions(Box<[OnceLock<Box<SessionSlot>>; Abilities::SETS]>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Initialized {
    protocol_version: String,
}

// === impl Session ===

impl Session {
    /// The resources that were subscribed to on it.
    pub(super) fn subscribed(&self) -> BTreeSet<Arc<str>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A resource was subscribed to, or is not any more.
    pub(super) fn note(&self, uri: &Arc<str>, is_watched: bool) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if is_watched {
            watched.insert(Arc::clone(uri));
        } else {
            watched.remove(uri);
        }
    }
}

// === impl SessionSlot ===

impl SessionSlot {
    /// The session; makes one when there is none.
    pub(super) async fn settle(
        &self,
        target: &Inner,
        ledger: &Ledger,
    ) -> Result<Arc<Session>, Failure> {
        if let Some(session) = self.current() {
            return Ok(session);
        }
        // To the call that waits for it, it is a part of connecting: the call has not left.
        ledger.enter(Phase::Connect);
        let _turn = self.shaking.lock().await;
        if let Some(session) = self.current() {
            return Ok(session);
        }
        let session = Arc::new(handshake(target, self.abilities).await?);
        *self.slot() = Some(Arc::clone(&session));
        // What nobody has asked for is heard on the session of those who can do nothing.
        if self.abilities.is_none() {
            target.listener.wake();
        }
        Ok(session)
    }

    /// This session is gone; a newer one stays.
    pub(super) fn forget(&self, lost: &Arc<Session>) {
        let mut slot = self.slot();
        if slot.as_ref().is_some_and(|current| Arc::ptr_eq(current, lost)) {
            *slot = None;
        }
    }

    /// Whatever session there is, it is of no use any more.
    pub(super) fn clear(&self) -> Option<Arc<Session>> {
        self.slot().take()
    }

    /// The session, if there is one.
    pub(super) fn current(&self) -> Option<Arc<Session>> {
        self.slot().as_ref().map(Arc::clone)
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Arc<Session>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl AbleSessions ===

impl AbleSessions {
    /// The place for callers who can do so much.
    pub(super) fn slot(&self, abilities: Abilities) -> Option<&SessionSlot> {
        let place = self.0.get(usize::from(abilities.bits()))?;
        Some(place.get_or_init(|| Box::new(SessionSlot { abilities, ..SessionSlot::default() })))
    }

    /// Whatever sessions there are, they are of no use any more.
    pub(super) fn clear(&self) -> Vec<Arc<Session>> {
        let there = self.0.iter().filter_map(OnceLock::get);
        there.filter_map(|slot| slot.clear()).collect()
    }
}

impl Default for AbleSessions {
    fn default() -> Self {
        Self(Box::new([const { OnceLock::new() }; Abilities::SETS]))
    }
}

async fn handshake(target: &Inner, abilities: Abilities) -> Result<Session, Failure> {
    let asked = request::initialize(target, abilities);
    let ledger = &Ledger::new(Instant::now());
    let answered = exchange::send(target, asked.outgoing, ledger).await?;
    let status = answered.status.as_u16();
    let id = answered.headers.get("mcp-session-id").cloned();
    let (limit, patience) = (target.config.max_response, target.config.idle_timeout);
    if !answered.status.is_success() {
        let why = Failure::Status(status, reply::retry_after(&answered.headers));
        let passes = matches!(status, 401 | 403 | 408 | 425 | 429);
        let era = matches!(status, 400..=499) && !passes;
        return Err(if era { Failure::WrongEra(Box::new(why)) } else { why });
    }
    let bytes = match reply::Kind::of(&answered.headers) {
        reply::Kind::Json => answered.body.read_all(limit, patience).await?,
        reply::Kind::Sse => reply::last_event(answered.body, target).await?,
        reply::Kind::Other => return Err(Failure::Protocol("initialize: no JSON".to_owned())),
    };
    let (version, about) = agreed(bytes)?;
    let (calls, ear) = (Calls::default(), OnceCell::new());
    let logs = Logs::of(&about);
    let watched = Mutex::default();
    let session = Session { id, version, about, abilities, calls, ear, logs, watched };
    initialized(target, &session, ledger).await?;
    Ok(session)
}

fn agreed(bytes: bytes::Bytes) -> Result<(Version, RawJson), Failure> {
    let bad = |why: String| Failure::Protocol(format!("initialize: {why}"));
    let message = read_message(bytes).map_err(|error| bad(error.to_string()))?;
    let Incoming::Answer { answer, .. } = message else {
        return Err(bad("not an answer".to_owned()));
    };
    match answer {
        Answer::Result { raw, .. } => {
            let result: Initialized = raw.parse().map_err(|error| bad(error.to_string()))?;
            let version = Version::parse(&result.protocol_version);
            let version = version.filter(|version| version.era() == Era::Legacy);
            let version = version.ok_or_else(|| {
                bad("the target wants a revision that is not spoken here".to_owned())
            })?;
            Ok((version, raw))
        }
        Answer::Error { code, .. } => {
            Err(Failure::WrongEra(Box::new(bad(format!("refused with error {code}")))))
        }
    }
}

/// `notifications/initialized`: requests may follow once it was accepted.
async fn initialized(target: &Inner, session: &Session, ledger: &Ledger) -> Result<(), Failure> {
    let message = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let outgoing = request::on_session(target, session, &message);
    let answered = exchange::send(target, outgoing, ledger).await?;
    let status = answered.status.as_u16();
    if !answered.status.is_success() {
        return Err(Failure::Status(status, None));
    }
    let read = answered.body.read_all(exchange::ERROR_BODY, target.config.idle_timeout).await;
    read.map(|_| ())
}
