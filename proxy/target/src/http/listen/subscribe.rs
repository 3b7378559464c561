//! Resources of a target of the older era: each is subscribed to by a request of its own.
//!
//! Enters: a session, and what is watched whenever that changes. Leaves: `resources/subscribe` and
//! `resources/unsubscribe` (2025-11-25 `server/resources`). Never: the same twice on one session.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::watch;
use toolgate_call::{Answer, Ledger, Watched};

use super::Ending;
use crate::http::exchange::{self, ERROR_BODY};
use crate::http::reply::SESSION_UNKNOWN;
use crate::http::session::Session;
use crate::http::{Inner, request};
use crate::wire::{Incoming, read_message};

/// How long a stream may take to begin before what it is to carry is asked for: some send no head
/// before their first event.
pub(super) const HEAD: Duration = Duration::from_millis(500);

const SUBSCRIBE: &str = "resources/subscribe";

/// Keeps a session subscribed to what is watched, until the session is lost.
pub(super) async fn keep(
    target: Weak<Inner>,
    session: Arc<Session>,
    mut watched: watch::Receiver<Watched>,
) -> Ending {
    loop {
        let wanted = watched.borrow_and_update().uris.clone();
        let done = session.subscribed();
        let more = wanted.difference(&done).map(|uri| (SUBSCRIBE, uri));
        let less = done.difference(&wanted).map(|uri| ("resources/unsubscribe", uri));
        for (method, uri) in more.chain(less) {
            let Some(target) = target.upgrade() else { return Ending::closed() };
            if say(&target, &session, (method, uri)).await {
                return Ending::Lost;
            }
            session.note(uri, method == SUBSCRIBE);
        }
        if watched.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Sends one of them; whether the target says that the session is gone. What else it says, or
/// whether it does, changes nothing.
async fn say(target: &Inner, session: &Session, (method, uri): (&str, &str)) -> bool {
    let id = target.next_id();
    let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": { "uri": uri } });
    let outgoing = request::on_session(target, session, &message);
    let limit = target.config.connect_timeout + target.config.idle_timeout;
    let ledger = Ledger::new(Instant::now());
    let said = async {
        let answered = exchange::send(target, outgoing, &ledger).await.ok()?;
        let status = answered.status.as_u16();
        let body = answered.body.read_all(ERROR_BODY, limit).await.ok()?;
        Some((status, read_message(body).ok()))
    };
    let said = tokio::time::timeout(limit, said).await.ok().flatten();
    let target_name = &*target.config.target;
    tracing::debug!(target_name, method, answered = said.is_some(), "a resource is watched");
    match said {
        Some((404, Some(Incoming::Answer { answer: Answer::Error { code, .. }, .. }))) => {
            code == SESSION_UNKNOWN
        }
        said => said.is_some_and(|(status, _)| status == 404),
    }
}
