//! What a call tells meanwhile, as notifications of progress.
//!
//! Enters: the caller's token, and what the tool tells. Leaves: `notifications/progress` in that order
//! (2026-07-28 `basic/utilities/progress`). Never: more waiting than [`WAITING`], of which the tool
//! learns; one to a caller who gave no token, or after the answer.

use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::RequestContext;
use rmcp::{Peer, RoleServer};
use tokio::sync::mpsc;

use crate::context::{Context, Teller};

/// Most of what was told that waits to be sent.
const WAITING: usize = 64;

/// What is to be sent of one call.
pub(super) struct Telling(Option<Wanted>);

struct Wanted {
    peer: Peer<RoleServer>,
    token: ProgressToken,
    told: mpsc::Receiver<(u64, String)>,
}

// === impl Telling ===

impl Telling {
    /// The call, with somebody to tell if its caller wants to know.
    pub(super) fn of(asked: &RequestContext<RoleServer>, context: Context) -> (Self, Context) {
        let Some(token) = asked.meta.get_progress_token() else {
            return (Self(None), context);
        };
        let (tells, told) = mpsc::channel(WAITING);
        let teller =
            Teller::new(move |done, words| tells.try_send((done, words.to_owned())).is_ok());
        (Self(Some(Wanted { peer: asked.peer.clone(), token, told })), context.told_to(teller))
    }

    /// Sends one after the other, until the call is over and all of it is sent.
    pub(super) async fn send(self) {
        let Some(Wanted { peer, token, mut told }) = self.0 else { return };
        while let Some((done, words)) = told.recv().await {
            // rmcp counts in floating point; no log that is read here has that many lines.
            let done = f64::from(u32::try_from(done).unwrap_or(u32::MAX));
            let notice = ProgressNotificationParam::new(token.clone(), done).with_message(words);
            // It comes back when it is written: so the answer is never before it.
            if peer.notify_progress(notice).await.is_err() {
                return;
            }
        }
    }
}
