//! Cancelling by notification: in the older era a closed connection does not say it.
//!
//! Enters: a session's calls in flight, and `notifications/cancelled`. Leaves: the call's future
//! woken to end, or the stream of its answer ended. Never: another session's call; never more than a bounded number of entries.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::Notify;
use toolgate_call::{Body, Case, Event, Events, Frame, RawJson, Refusal, Reply, Span};

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
    notify: Arc<Notify>,
}

/// The stream of a call that can be cancelled.
struct Followed {
    /// `None` once the call was cancelled: dropping it cancels it at the target.
    events: Option<Pin<Box<dyn Events>>>,
    cancelled: Pin<Box<dyn Future<Output = ()> + Send>>,
    _noted: Cancellable,
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

// === impl Cancellable ===

impl Cancellable {
    /// Waits until the session cancels the call.
    pub(crate) async fn cancelled(&self) {
        self.notify.notified().await;
    }

    /// The same reply, which ends when the session cancels the call.
    pub(crate) fn follow(self, reply: Reply) -> Reply {
        let body = match reply.body {
            Body::Stream(events) => {
                let notify = Arc::clone(&self.notify);
                let cancelled = Box::pin(async move { notify.notified().await });
                Body::Stream(Box::pin(Followed { events: Some(events), cancelled, _noted: self }))
            }
            body @ (Body::One(_) | Body::Accepted) => body,
        };
        Reply { body, ..reply }
    }
}

impl Events for Followed {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.events.is_some() && self.cancelled.as_mut().poll(cx).is_ready() {
            self.events = None;
            return Poll::Ready(Some(Event::Done(Err(cancelled()))));
        }
        match &mut self.events {
            Some(events) => events.as_mut().poll_event(cx),
            None => Poll::Ready(None),
        }
    }
}

impl Drop for Cancellable {
    fn drop(&mut self) {
        self.cancels.calls().remove(&self.key);
    }
}

/// How a call ends that its caller does not want any more.
pub(crate) fn cancelled() -> Refusal {
    Refusal::new(Case::Cancelled, "cancelled by the client")
}

/// `params.requestId` of a `notifications/cancelled`, as sent.
pub(crate) fn request_id(frame: &Frame) -> Option<RawJson> {
    let all = frame.slice(Span { start: 0, end: frame.len() })?;
    let message: Message<'_> = serde_json::from_slice(all).ok()?;
    let id = message.params.request_id.get();
    Some(RawJson::built(bytes::Bytes::copy_from_slice(id.as_bytes())))
}
