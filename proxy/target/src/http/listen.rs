//! What a target says without being asked.
//!
//! Enters: the target's era and session, once a call has shown them. Leaves: word that its lists
//! have changed, or may have. Never: more than one stream, a call, or a reason to keep the target.
//! (2025-11-25 `basic/transports`, "Listening for Messages from the Server"; 2026-07-28
//! `basic/patterns/subscriptions`.)

mod pace;
mod wish;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::Response;
use http_body::Body as _;
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use toolgate_call::{Answer, Ledger, RawJson};

use super::Inner;
use super::conn::{Conn, broken};
use super::failure::Failure;
use super::reply::{Kind, is_ours};
use super::sse::SseDecoder;
use super::stream;
use crate::progress::is_list_changed;
use crate::wire::{Incoming, read_message};
use crate::{NoticeSink, TargetNotice};
use pace::Pace;
use wish::{Footing, Wish};

const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";
const METHOD_UNKNOWN: i64 = -32601;

/// The one listener of a target; it ends with the target.
#[derive(Debug)]
pub(super) struct Listener {
    task: OnceLock<AbortHandle>,
    news: watch::Sender<()>,
}

/// How a stream came to its end.
#[derive(Debug, PartialEq, Eq)]
enum Ending {
    /// The target has none. Asked again when its session or era is another one.
    NotOffered(String),
    /// It broke off, or could not be had this time.
    Over(String),
}

/// The task.
struct Ear {
    target: Weak<Inner>,
    name: Arc<str>,
    notices: NoticeSink,
    news: watch::Receiver<()>,
    /// Whether there was a stream before: what happened since is not known.
    resumes: bool,
    /// Whether there was a stream, and no other has taken its place.
    listening: bool,
}

#[derive(Deserialize)]
struct Acknowledged {
    params: AcknowledgedParams,
}

#[derive(Deserialize)]
struct AcknowledgedParams {
    notifications: Accepted,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    #[serde(default)]
    tools_list_changed: bool,
    #[serde(default)]
    prompts_list_changed: bool,
    #[serde(default)]
    resources_list_changed: bool,
}

// === impl Accepted ===

impl Accepted {
    const fn is_some(&self) -> bool {
        self.tools_list_changed || self.prompts_list_changed || self.resources_list_changed
    }
}

// === impl Listener ===

impl Listener {
    /// A listener that has not begun.
    pub(super) fn new() -> Self {
        Self { task: OnceLock::new(), news: watch::Sender::new(()) }
    }

    /// Begins to listen, unless it has begun already.
    pub(super) fn start(target: &Arc<Inner>) {
        let listener = &target.listener;
        if listener.task.get().is_some() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        listener.task.get_or_init(|| runtime.spawn(Ear::new(target).run()).abort_handle());
    }

    /// Hears that the target's era or session was settled anew.
    pub(super) fn wake(&self) {
        self.news.send_replace(());
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

// === impl Ear ===

impl Ear {
    fn new(target: &Arc<Inner>) -> Self {
        Self {
            target: Arc::downgrade(target),
            name: Arc::clone(&target.config.target),
            notices: Arc::clone(&target.notices),
            news: target.listener.news.subscribe(),
            resumes: false,
            listening: false,
        }
    }

    async fn run(mut self) {
        let mut pace = Pace::default();
        loop {
            self.news.mark_unchanged();
            let Some(target) = self.target.upgrade() else { return };
            let wish = Wish::of(&target);
            drop(target);
            let since = Instant::now();
            match self.attend(wish).await {
                Ending::NotOffered(why) => {
                    tracing::debug!(target_name = &*self.name, why, "no stream of changes");
                    pace = Pace::default();
                    self.give_up();
                    if self.news.changed().await.is_err() {
                        return;
                    }
                }
                Ending::Over(why) => {
                    let pause = pace.after(since.elapsed());
                    tracing::debug!(
                        target_name = &*self.name,
                        why,
                        ?pause,
                        "stream of changes over"
                    );
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// One stream, from its beginning to its end.
    async fn attend(&mut self, wish: Option<Wish>) -> Ending {
        let Some(wish) = wish else {
            return Ending::NotOffered("neither a session nor a subscription to be had".to_owned());
        };
        let (target, footing) = (Weak::clone(&self.target), wish.footing.clone());
        let mut news = self.news.clone();
        let stream = async {
            let ended = Box::pin(self.follow(wish)).await;
            ended.unwrap_or_else(|failure| Ending::Over(format!("{failure:?}")))
        };
        tokio::select! {
            ending = stream => ending,
            () = moved(&mut news, &target, &footing) => {
                Ending::Over("the target's session or era is another one".to_owned())
            }
        }
    }

    /// Opens a stream on a connection of its own, and hears it out. A target may be quiet for
    /// hours, and some send not even a head before their first event: nothing here has a limit but
    /// the connecting.
    async fn follow(&mut self, mut wish: Wish) -> Result<Ending, Failure> {
        let io = wish.pool.connector.connect(&wish.metrics).await?;
        let mut conn = Conn::new(io).await?;
        let request = std::mem::take(&mut wish.request);
        wish.metrics.sent(wish.size);
        let head = conn.send(request, &Ledger::new(Instant::now())).await?;
        if let Some(ending) = refused(&head) {
            return Ok(ending);
        }
        if matches!(wish.footing, Footing::Legacy(_)) {
            self.opened();
        }
        let mut body = head.into_body();
        let mut decoder = SseDecoder::new(wish.limit);
        loop {
            while let Some(data) = decoder.next().map_err(Failure::TooLarge)? {
                if let Some(ending) = self.heed(&wish, data) {
                    return Ok(ending);
                }
            }
            match poll_fn(|cx| poll_data(&mut conn, &mut body, cx)).await {
                Some(data) => {
                    let data = data?;
                    wish.metrics.received(data.len());
                    decoder.push(&data);
                }
                None => return Ok(Ending::Over("the target ended it".to_owned())),
            }
        }
    }

    /// Takes a message; says whether it was the last one.
    fn heed(&mut self, wish: &Wish, data: Bytes) -> Option<Ending> {
        if data.is_empty() {
            return None;
        }
        let message = match read_message(data) {
            Ok(message) => message,
            Err(error) => {
                tracing::debug!(target_name = &*self.name, %error, "not a message; passed over");
                return None;
            }
        };
        match (message, &wish.footing) {
            (Incoming::Notice { method, .. }, _) if is_list_changed(&method) => {
                self.report();
                None
            }
            (Incoming::Notice { method, raw, .. }, Footing::Modern) if method == ACKNOWLEDGED => {
                self.acknowledged(&raw)
            }
            (Incoming::Answer { id, answer }, Footing::Modern) => answered(wish.id, &id, &answer),
            (Incoming::Request { id, method, .. }, Footing::Legacy(session)) => {
                if let Some(target) = self.target.upgrade() {
                    stream::answer(&target, session, &id, &method);
                }
                None
            }
            (
                Incoming::Notice { .. } | Incoming::Answer { .. } | Incoming::Request { .. },
                Footing::Modern | Footing::Legacy(_),
            ) => None,
        }
    }

    /// A subscription counts from its acknowledgement on, for what that names.
    fn acknowledged(&mut self, raw: &RawJson) -> Option<Ending> {
        let said = raw.parse::<Acknowledged>();
        if !said.is_ok_and(|said| said.params.notifications.is_some()) {
            let why = "the target subscribes nobody to changes of its lists";
            return Some(Ending::NotOffered(why.to_owned()));
        }
        self.opened();
        None
    }

    /// Changes are heard from now on; those since an earlier stream were not.
    fn opened(&mut self) {
        tracing::debug!(target_name = &*self.name, "listening for changes");
        self.listening = true;
        if std::mem::replace(&mut self.resumes, true) {
            self.report();
        }
    }

    /// No stream takes the place of the one that was lost: its list may be another by now.
    fn give_up(&mut self) {
        if std::mem::take(&mut self.listening) {
            self.report();
        }
    }

    fn report(&self) {
        (self.notices)(TargetNotice::ListsChanged);
    }
}

/// Waits until a stream would stand on something else.
async fn moved(news: &mut watch::Receiver<()>, target: &Weak<Inner>, footing: &Footing) {
    while news.changed().await.is_ok() {
        let Some(target) = target.upgrade() else { return };
        if !Footing::of(&target).is_some_and(|now| now.is(footing)) {
            return;
        }
    }
}

/// Why the head of an answer is not that of a stream.
fn refused<B>(head: &Response<B>) -> Option<Ending> {
    let status = head.status();
    if status.is_success() {
        let streams = Kind::of(head.headers()) == Kind::Sse;
        let why = || Ending::NotOffered(format!("HTTP {status} without an event stream"));
        return (!streams).then(why);
    }
    let why = format!("HTTP {status}");
    // Some take a second stream only when they have noticed that the first is gone (409).
    let passes = matches!(status.as_u16(), 401 | 403 | 408 | 409 | 425 | 429);
    let broken = status.is_server_error() && status.as_u16() != 501;
    Some(if passes || broken { Ending::Over(why) } else { Ending::NotOffered(why) })
}

/// The answer to a subscription is its end.
fn answered(ours: u64, id: &RawJson, answer: &Answer) -> Option<Ending> {
    if !is_ours(id, ours, answer) {
        return None;
    }
    Some(match answer {
        Answer::Error { code: METHOD_UNKNOWN, .. } => {
            Ending::NotOffered("the target knows no subscriptions".to_owned())
        }
        Answer::Error { code, .. } => Ending::Over(format!("error {code}")),
        Answer::Result { .. } => Ending::Over("the target ended the subscription".to_owned()),
    })
}

/// The next bytes of a body, read with the connection it comes on.
fn poll_data(
    conn: &mut Conn,
    body: &mut hyper::body::Incoming,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, Failure>>> {
    loop {
        conn.drive(cx);
        let frame = match ready!(Pin::new(&mut *body).poll_frame(cx)) {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(broken(&error)))),
            Some(Ok(frame)) => frame,
        };
        if let Ok(data) = frame.into_data() {
            return Poll::Ready(Some(Ok(data)));
        }
    }
}

#[cfg(test)]
mod tests;
