//! What a target says without being asked.
//!
//! Enters: the target's era and session, once a call has shown them. Leaves: word that its lists
//! or watched resources have changed, or may have; log messages, for the call that they are about. Never: more than one stream for long, a call, or a
//! reason to keep the target.
//! (2025-11-25 `basic/transports`, "Listening for Messages from the Server"; 2026-07-28
//! `basic/patterns/subscriptions`.)

mod open;
mod pace;
mod said;
mod subscribe;
mod wish;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use toolgate_call::{Answer, Ledger, Watched};

use super::Inner;
use super::failure::Failure;
use super::stream;
use crate::progress::{is_message, news};
use crate::session::altered;
use crate::wire::{Incoming, read_message};
use crate::{NoticeSink, TargetNotice};
use open::Stream;
use pace::Pace;
use said::{acknowledged, answered};
use wish::{Footing, Wish};

/// How long an answer may take without which nothing is lost: that to a handshake of the listener's
/// own, and to a subscription that is to take the place of one that still goes on.
const ANSWER: Duration = Duration::from_secs(10);

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
    /// The session is gone, on which somebody had subscribed to something.
    Lost,
    /// It broke off, or could not be had this time.
    Over(String),
}

/// The task.
struct Ear {
    target: Weak<Inner>,
    name: Arc<str>,
    notices: NoticeSink,
    news: watch::Receiver<()>,
    /// The resources of whose changes somebody wants to hear.
    watched: watch::Receiver<Watched>,
    /// Whether there was a stream before: what happened since is not known.
    resumes: bool,
    /// Whether there was a stream, and no other has taken its place.
    listening: bool,
    /// The resources with which the target has taken no subscription at all: others, and its lists,
    /// are not to suffer from that.
    refused: Option<Watched>,
    /// Whether the stream that there is has begun to tell of changes.
    begun: bool,
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
            watched: target.config.watched.clone(),
            resumes: false,
            listening: false,
            begun: false,
            refused: None,
        }
    }

    async fn run(mut self) {
        let mut pace = Pace::default();
        loop {
            self.news.mark_unchanged();
            self.watched.mark_unchanged();
            let Some(target) = self.target.upgrade() else { return };
            let wish = Wish::but(&target, self.refused.as_ref());
            drop(target);
            let since = Instant::now();
            match Box::pin(self.attend(wish)).await {
                Ending::NotOffered(why) => {
                    tracing::debug!(target_name = &*self.name, why, "no stream of changes");
                    pace = Pace::default();
                    self.give_up();
                    if !self.may_ask_again().await {
                        return;
                    }
                }
                Ending::Lost => {
                    Box::pin(self.begin_anew()).await;
                    self.rest(pace.after(since.elapsed())).await;
                }
                Ending::Over(why) => {
                    let pause = pace.after(since.elapsed());
                    tracing::debug!(
                        target_name = &*self.name,
                        why,
                        ?pause,
                        "stream of changes over"
                    );
                    self.rest(pause).await;
                }
            }
        }
    }

    /// A pause, which is over when a call has settled the target's era or session anew: it lives.
    async fn rest(&mut self, pause: Duration) {
        // What this task has settled itself says nothing.
        self.news.mark_unchanged();
        let news = async {
            // Without a sender there is no target, which is seen next.
            let _gone = self.news.changed().await;
        };
        pace::rest(pause, news).await;
    }

    /// Waits until asking for a stream again is of use; `false`: never.
    async fn may_ask_again(&mut self) -> bool {
        let watched = altered(&mut self.watched);
        tokio::select! {
            news = self.news.changed() => news.is_ok(),
            () = watched => true,
        }
    }

    /// The session is gone, and somebody waits for what was subscribed to on it: it is made again
    /// without waiting for a call.
    async fn begin_anew(&mut self) {
        let Some(target) = self.target.upgrade() else { return };
        if let Some(session) = target.session.current() {
            target.session.forget(&session);
            target.metrics.reestablished();
        }
        let (ledger, limit) = (Ledger::new(Instant::now()), target.config.connect_timeout + ANSWER);
        let settled = tokio::time::timeout(limit, target.session.settle(&target, &ledger)).await;
        if !matches!(settled, Ok(Ok(_))) {
            tracing::debug!(target_name = &*self.name, "no session to listen on");
        }
    }

    /// One stream, from its beginning to its end, and those that take its place.
    async fn attend(&mut self, wish: Option<Wish>) -> Ending {
        let Some(wish) = wish else {
            return Ending::NotOffered("neither a session nor a subscription to be had".to_owned());
        };
        let (target, footing) = (Weak::clone(&self.target), wish.footing.clone());
        let (mut news, watched) = (self.news.clone(), self.watched.clone());
        let head = Notify::new();
        let stream = async {
            let ended = Box::pin(self.follow(wish, &head)).await;
            ended.unwrap_or_else(|failure| Ending::of(&failure))
        };
        let subscribed = subscribed((Weak::clone(&target), footing.clone()), watched, &head);
        tokio::select! {
            ending = stream => ending,
            ending = subscribed => ending,
            () = moved(&mut news, &target, &footing) => {
                Ending::Over("the target's session or era is another one".to_owned())
            }
        }
    }

    /// Opens a stream and hears it out. When other resources are watched, a modern target is asked
    /// for another stream, and the first goes once that has begun.
    async fn follow(&mut self, wish: Wish, head: &Notify) -> Result<Ending, Failure> {
        let mut stream = match Stream::open(wish).await? {
            Ok(stream) => stream,
            Err(ending) => return Ok(ending),
        };
        head.notify_one();
        self.begun = false;
        let is_modern = matches!(stream.footing, Footing::Modern);
        if !is_modern {
            self.opened();
        }
        let mut next: Option<Pin<Box<dyn Future<Output = Option<Stream>> + Send>>> = None;
        loop {
            let uris = Watched::clone(&stream.uris);
            let may_follow = is_modern && self.begun && next.is_none();
            tokio::select! {
                data = stream.next() => match data? {
                    Some(data) => {
                        if let Some(ending) = self.heed(&stream, data) {
                            return Ok(ending);
                        }
                    }
                    None => return Ok(Ending::closed()),
                },
                other = settled(&mut next) => match other {
                    Some(other) => (stream, next) = (other, None),
                    None => return Ok(Ending::NotOffered("nothing is watched".to_owned())),
                },
                () = differs(&mut self.watched, &uris), if may_follow => {
                    next = Some(Box::pin(Stream::successor(Weak::clone(&self.target))));
                }
            }
        }
    }

    /// Takes a message; says whether it was the last one.
    fn heed(&mut self, stream: &Stream, data: Bytes) -> Option<Ending> {
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
        match (message, &stream.footing) {
            (Incoming::Notice { method, raw, .. }, footing) => {
                if let Some(notice) = news(&method, &raw) {
                    (self.notices)(notice);
                    return None;
                }
                if let (Footing::Legacy(session), true) = (footing, is_message(&method)) {
                    session.calls.logged(raw);
                    return None;
                }
                let said = acknowledged(&method, &raw);
                said.filter(|_| matches!(footing, Footing::Modern))
                    .and_then(|accepted| self.acknowledged(accepted))
            }
            (Incoming::Answer { id, answer }, Footing::Modern) => {
                let ending = answered(stream.id, &id, &answer)?;
                if matches!(answer, Answer::Error { .. }) && !stream.uris.is_empty() {
                    self.refused = Some(Watched::clone(&stream.uris));
                }
                Some(ending)
            }
            (Incoming::Request { id, method, .. }, Footing::Legacy(session)) => {
                if let Some(target) = self.target.upgrade() {
                    stream::answer(&target, session, &id, &method);
                }
                None
            }
            (Incoming::Answer { .. }, Footing::Legacy(_))
            | (Incoming::Request { .. }, Footing::Modern) => None,
        }
    }

    /// A subscription counts from its acknowledgement on, for what that names.
    fn acknowledged(&mut self, accepted: bool) -> Option<Ending> {
        if !accepted {
            let why = "the target subscribes nobody to changes";
            return Some(Ending::NotOffered(why.to_owned()));
        }
        self.opened();
        None
    }

    /// Changes are heard from now on; those since an earlier stream were not.
    fn opened(&mut self) {
        tracing::debug!(target_name = &*self.name, "listening for changes");
        (self.listening, self.begun) = (true, true);
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

    /// Whatever could be told may have changed.
    fn report(&self) {
        (self.notices)(TargetNotice::ListsChanged);
        for uri in &self.watched.borrow().uris {
            (self.notices)(TargetNotice::Updated(Arc::clone(uri)));
        }
    }
}

// === impl Ending ===

impl Ending {
    fn of(failure: &Failure) -> Self {
        Self::Over(format!("{failure:?}"))
    }

    fn closed() -> Self {
        Self::Over("the target ended it".to_owned())
    }
}

/// The future there is, or nothing for ever.
async fn settled<F: Future + Unpin>(next: &mut Option<F>) -> F::Output {
    match next {
        Some(next) => next.await,
        None => std::future::pending().await,
    }
}

/// Waits until something else is watched than this.
async fn differs(watched: &mut watch::Receiver<Watched>, uris: &Watched) {
    while *watched.borrow_and_update() == *uris {
        altered(watched).await;
    }
}

/// Keeps a session of the older era subscribed, once its stream has begun. A modern target is told
/// all that in the subscription itself.
async fn subscribed(
    (target, footing): (Weak<Inner>, Footing),
    watched: watch::Receiver<Watched>,
    head: &Notify,
) -> Ending {
    let Footing::Legacy(session) = footing else { return std::future::pending().await };
    let _in_time = tokio::time::timeout(subscribe::HEAD, head.notified()).await;
    subscribe::keep(target, session, watched).await
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

#[cfg(test)]
mod tests;
