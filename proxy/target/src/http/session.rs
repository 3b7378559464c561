//! The gateway's session at a target of the older era.
//!
//! Enters: the first call, or one that found the session gone. Leaves: a session that all calls
//! share. Never: two handshakes at once; never a caller's session id.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use http::HeaderValue;
use serde::Deserialize;
use serde_json::json;
use toolgate_call::{Answer, Era, Ledger, Phase, RawJson, Version};

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
    pub(super) logs: Logs,
    /// The resources that were subscribed to on it.
    watched: Mutex<BTreeSet<Arc<str>>>,
}

/// The place of the session.
#[derive(Debug, Default)]
pub(super) struct SessionSlot {
    current: Mutex<Option<Arc<Session>>>,
    shaking: tokio::sync::Mutex<()>,
}

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
        let session = Arc::new(handshake(target).await?);
        *self.slot() = Some(Arc::clone(&session));
        target.listener.wake();
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

async fn handshake(target: &Inner) -> Result<Session, Failure> {
    let asked = request::initialize(target);
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
    let logs = Logs::of(&about);
    let session = Session { id, version, about, logs, watched: Mutex::default() };
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
