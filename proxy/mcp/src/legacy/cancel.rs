//! Cancelling by notification: in the older era a closed connection does not say it.
//!
//! Enters: a session's calls in flight, and `notifications/cancelled`. Leaves: the call's future
//! woken to end. Never: another session's call; never more than a bounded number of entries.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::Notify;
use toolgate_call::{Frame, RawJson, Span};

/// Calls that can be cancelled at once; beyond it calls run, but cannot be cancelled.
const MOST: usize = 65_536;

type Key = (String, RawJson);

/// The calls in flight of all sessions that this replica serves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cancels(Arc<Mutex<HashMap<Key, Arc<Notify>>>>);

/// A call that can be cancelled. It is forgotten when this is dropped.
#[derive(Debug)]
pub(crate) struct Cancellable {
    cancels: Cancels,
    key: Key,
    pub(crate) notify: Arc<Notify>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    params: Params<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params<'a> {
    #[serde(borrow)]
    request_id: &'a RawValue,
}

// === impl Cancels ===

impl Cancels {
    /// Notes a call of a session.
    pub(crate) fn note(&self, session: &str, id: &RawJson) -> Option<Cancellable> {
        let key = (session.to_owned(), id.clone());
        let mut calls = self.calls();
        if calls.len() >= MOST || calls.contains_key(&key) {
            return None;
        }
        let notify = Arc::new(Notify::new());
        calls.insert(key.clone(), Arc::clone(&notify));
        drop(calls);
        Some(Cancellable { cancels: self.clone(), key, notify })
    }

    /// Cancels a call of a session, if it is still in flight.
    pub(crate) fn cancel(&self, session: &str, id: RawJson) {
        if let Some(notify) = self.calls().get(&(session.to_owned(), id)) {
            notify.notify_one();
        }
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Cancellable {
    fn drop(&mut self) {
        self.cancels.calls().remove(&self.key);
    }
}

/// `params.requestId` of a `notifications/cancelled`, as sent.
pub(crate) fn request_id(frame: &Frame) -> Option<RawJson> {
    let all = frame.slice(Span { start: 0, end: frame.len() })?;
    let message: Message<'_> = serde_json::from_slice(all).ok()?;
    let id = message.params.request_id.get();
    Some(RawJson::built(bytes::Bytes::copy_from_slice(id.as_bytes())))
}
