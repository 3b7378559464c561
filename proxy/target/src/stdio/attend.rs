//! What a child is asked to tell of.
//!
//! Enters: what is watched of it, whenever that changes. Leaves: subscriptions in the child's own era.
//! Never: a moment without one where there was one: the next begins before the last ends.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use toolgate_call::{Era, RawJson, Watched};

use super::link::{Ask, Asker, Link};
use super::{NoticeSink, TargetNotice, request};
use crate::session::altered;

/// Subscriptions that may be open while later ones are not acknowledged.
const OPEN: usize = 8;
/// How long a child is left alone that has ended its subscriptions.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the answer to a subscription of the older era is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// The subscriptions at a modern child, by the ids of their requests.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    ids: Mutex<VecDeque<u64>>,
    /// Woken when the child has ended the last of them.
    ended: Notify,
}

#[derive(Deserialize)]
struct Tagged {
    params: TaggedParams,
}

#[derive(Deserialize)]
struct TaggedParams {
    #[serde(rename = "_meta")]
    meta: TaggedMeta,
}

#[derive(Deserialize)]
struct TaggedMeta {
    #[serde(rename = "io.modelcontextprotocol/subscriptionId")]
    id: u64,
}

// === impl Subscriptions ===

impl Subscriptions {
    /// One more was asked for; gives back one that must go for it.
    pub(super) fn begun(&self, id: u64) -> Option<u64> {
        let mut ids = self.ids();
        ids.push_back(id);
        if ids.len() > OPEN { ids.pop_front() } else { None }
    }

    /// One was acknowledged; gives back those before it.
    pub(super) fn acknowledged(&self, raw: &RawJson) -> Vec<u64> {
        let Ok(Tagged { params }) = raw.parse::<Tagged>() else { return Vec::new() };
        let mut ids = self.ids();
        let known = ids.iter().position(|id| *id == params.meta.id);
        known.map(|at| ids.drain(..at).collect()).unwrap_or_default()
    }

    /// The child has ended one, if it is one.
    pub(super) fn ended(&self, id: u64) {
        let mut ids = self.ids();
        let known = ids.len();
        ids.retain(|have| *have != id);
        if ids.is_empty() && known > 0 {
            self.ended.notify_one();
        }
    }

    /// Waits until the child has ended the last of them.
    pub(super) async fn are_over(&self) {
        self.ended.notified().await;
    }

    pub(super) fn are_none(&self) -> bool {
        self.ids().is_empty()
    }

    fn ids(&self) -> MutexGuard<'_, VecDeque<u64>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a child telling of what is watched, as long as it is polled. After a gap all of that may
/// have changed.
pub(super) async fn attend(
    link: &Arc<Link>,
    mut watched: watch::Receiver<Watched>,
    notices: &NoticeSink,
) -> Infallible {
    let mut done = Watched::default();
    loop {
        let wanted = Arc::clone(&watched.borrow_and_update());
        match link.era() {
            Era::Modern => link.subscribe(&wanted),
            Era::Legacy => differences(link, &done, &wanted).await,
        }
        done = wanted;
        tokio::select! {
            () = altered(&mut watched) => {}
            () = link.unsubscribed() => {
                tokio::time::sleep(PAUSE).await;
                notices(TargetNotice::ListsChanged);
                done.uris.iter().for_each(|uri| notices(TargetNotice::Updated(Arc::clone(uri))));
            }
        }
    }
}

async fn differences(link: &Arc<Link>, done: &Watched, wanted: &Watched) {
    let more = wanted.uris.difference(&done.uris).map(|uri| ("resources/subscribe", uri));
    let less = done.uris.difference(&wanted.uris).map(|uri| ("resources/unsubscribe", uri));
    for (method, uri) in more.chain(less) {
        let ask = Ask::own(Asker::Gateway, None);
        let Ok(mut ticket) = link.ask(ask, |id| Some(request::watch(id, method, uri))) else {
            return;
        };
        let answered = timeout(PATIENCE, ticket.ending()).await;
        tracing::debug!(method, answered = answered.is_ok(), "a resource of a child is watched");
    }
}
