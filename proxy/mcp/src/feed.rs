//! What a caller hears of changes: the stream of a session, and that of a subscription.
//!
//! Enters: the numbers that change with the lists as far as this caller may see them, and the
//! resources that it watches. Leaves: a notification for each list and each resource that is another
//! one now, and at its end what its era says then. Never: something that was not asked for; never
//! after the session or the token has expired.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::time::Sleep;
use toolgate_call::{Answer, Event, Events, RawJson};
use toolgate_telemetry::{ActiveStream, StreamEnd};

use crate::registry::Generations;
use crate::tasks::told;
use crate::watches::Watcher;

/// How long changes are gathered before a subscription tells of them.
const GATHER: Duration = Duration::from_millis(100);

type Next = Pin<Box<dyn Future<Output = Option<watch::Receiver<Generations>>> + Send>>;

/// The numbers of the lists, as the caller sees them.
pub(crate) type View = Box<dyn Fn() -> Generations + Send>;

/// Whether the caller may hear of something, by the name it has for it.
pub(crate) type Told = Box<dyn Fn(&str) -> bool + Send>;

/// Of which lists a caller wants to hear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lists {
    pub(crate) tools: bool,
    pub(crate) prompts: bool,
    pub(crate) resources: bool,
}

/// Where changes come from.
pub(crate) struct Sources {
    pub(crate) receiver: watch::Receiver<Generations>,
    pub(crate) view: View,
    /// What is watched may have parts that are none of the caller's.
    pub(crate) resource: Told,
    /// The tool of what is followed may be held back by now.
    pub(crate) task: Told,
    pub(crate) watcher: Option<Arc<Watcher>>,
}

/// See the module.
pub(crate) struct Feed {
    lists: Lists,
    view: View,
    may_hear: Told,
    may_follow: Told,
    watcher: Option<Arc<Watcher>>,
    /// What the caller has been told of.
    told: Generations,
    /// What it is told next.
    owed: VecDeque<RawJson>,
    next: Option<Next>,
    /// Something has changed.
    stirred: bool,
    /// Until when more changes are waited for.
    gathering: Option<Pin<Box<Sleep>>>,
    end: Pin<Box<Sleep>>,
    /// The id of a subscription; `None`: the stream of a session.
    subscription: Option<RawJson>,
    over: bool,
    /// Until it is known why it ended; dropped, it says that the caller left.
    active: Option<ActiveStream>,
}

// === impl Lists ===

impl Lists {
    pub(crate) const ALL: Self = Self { tools: true, prompts: true, resources: true };

    /// The lists that are others in one catalog than in the other, by what they are called.
    fn changed(self, from: Generations, to: Generations) -> impl Iterator<Item = &'static str> {
        let lists = [
            (self.tools && from.tools != to.tools, "tools"),
            (self.prompts && from.prompts != to.prompts, "prompts"),
            (self.resources && from.resources != to.resources, "resources"),
        ];
        lists.into_iter().filter(|(changed, _)| *changed).map(|(_, list)| list)
    }
}

// === impl Feed ===

impl Feed {
    /// The stream of a session that has been told of the lists up to these numbers, until that
    /// moment (in seconds since the epoch) at the latest.
    pub(crate) fn session(
        sources: Sources,
        until: u64,
        known: impl FnOnce() -> (Generations, Generations),
        active: ActiveStream,
    ) -> Pin<Box<dyn Events>> {
        let mut feed = Self::new(sources, until, active);
        // Only now: what changes from here on is seen by the receiver.
        let (known, now) = known();
        feed.owe(known, now);
        Box::pin(feed)
    }

    /// The stream of a subscription of that id, which begins by saying what was accepted of it.
    pub(crate) fn subscription(
        sources: Sources,
        until: u64,
        (lists, id): (Lists, RawJson),
        active: ActiveStream,
    ) -> Self {
        let feed = Self::new(sources, until, active);
        Self { lists, subscription: Some(id), ..feed }
    }

    /// The same, that says this first: the `notifications` that were accepted.
    pub(crate) fn acknowledging(mut self, accepted: &serde_json::Value) -> Pin<Box<dyn Events>> {
        let params = format!(r#""notifications":{accepted}"#);
        let first = self.notice("subscriptions/acknowledged", &params);
        self.owed.push_front(first);
        Box::pin(self)
    }

    fn new(sources: Sources, until: u64, active: ActiveStream) -> Self {
        let Sources { receiver, view, resource: may_hear, task: may_follow, watcher } = sources;
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let left = Duration::from_secs(until.saturating_sub(clock));
        let told = view();
        Self {
            lists: Lists::ALL,
            view,
            may_hear,
            may_follow,
            watcher,
            told,
            owed: VecDeque::new(),
            next: Some(Box::pin(wait(receiver))),
            stirred: false,
            gathering: None,
            end: Box::pin(tokio::time::sleep(left)),
            subscription: None,
            over: false,
            active: Some(active),
        }
    }

    /// Owes word of the lists that differ.
    fn owe(&mut self, from: Generations, to: Generations) {
        for list in self.lists.changed(from, to) {
            let notice = self.notice(&format!("{list}/list_changed"), "");
            self.owed.push_back(notice);
        }
    }

    /// Owes word of all that has changed by now.
    fn gather(&mut self) {
        if std::mem::take(&mut self.stirred) {
            let now = (self.view)();
            let before = std::mem::replace(&mut self.told, now);
            self.owe(before, now);
        }
        let updated = self.watcher.as_ref().map(|watcher| watcher.take()).unwrap_or_default();
        self.follow();
        let mut owed = Vec::new();
        for uri in updated.iter().filter(|uri| (self.may_hear)(uri)) {
            let uri = RawJson::string(uri);
            let uri = String::from_utf8_lossy(uri.as_bytes());
            let notice = self.notice("resources/updated", &format!(r#""uri":{uri}"#));
            owed.push(notice);
        }
        self.owed.extend(owed);
    }

    /// Owes word of the tasks that have got on. Only subscriptions follow any.
    fn follow(&mut self) {
        let words = self.watcher.as_ref().map(|watcher| watcher.take_tasks());
        let Some(tag) = self.subscription.as_ref().map(tag) else { return };
        let words = words.unwrap_or_default().into_iter();
        let notices = words.filter(|(id, _)| (self.may_follow)(id));
        self.owed.extend(notices.filter_map(|(id, word)| told(&word, &id, &tag)));
    }

    fn notice(&self, method: &str, params: &str) -> RawJson {
        let meta = self.subscription.as_ref().map(|id| format!(r#""_meta":{}"#, tag(id)));
        let params: Vec<&str> =
            [params].into_iter().filter(|text| !text.is_empty()).chain(meta.as_deref()).collect();
        let params = params.join(",");
        let params = if params.is_empty() { params } else { format!(r#","params":{{{params}}}"#) };
        let text = format!(r#"{{"jsonrpc":"2.0","method":"notifications/{method}"{params}}}"#);
        RawJson::built(text.into())
    }

    /// Whether there is something to tell that was not told yet.
    fn is_stirred(&mut self, cx: &mut Context<'_>) -> bool {
        while let Some(next) = &mut self.next {
            let Poll::Ready(receiver) = next.as_mut().poll(cx) else { break };
            let Some(receiver) = receiver else {
                self.close(StreamEnd::UpstreamClose);
                break;
            };
            self.stirred = true;
            self.next = Some(Box::pin(wait(receiver)));
        }
        let updated = self.watcher.as_ref().is_some_and(|watcher| watcher.has_news(cx));
        self.stirred || updated
    }

    /// Whether enough time has passed for changes to come in one. A session is told at once.
    fn has_gathered(&mut self, cx: &mut Context<'_>) -> bool {
        if self.subscription.is_none() {
            return true;
        }
        let until = self.gathering.get_or_insert_with(|| Box::pin(tokio::time::sleep(GATHER)));
        let ready = until.as_mut().poll(cx).is_ready();
        if ready {
            self.gathering = None;
        }
        ready
    }

    fn close(&mut self, why: StreamEnd) {
        self.next = None;
        self.watcher = None;
        self.over = true;
        if let Some(active) = self.active.take() {
            active.ended(why);
        }
    }

    /// What stands at the end: a subscription is a request, which has a result.
    fn last(&mut self) -> Option<Event> {
        let id = self.subscription.take()?;
        let result = format!(r#"{{"resultType":"complete","_meta":{}}}"#, tag(&id));
        Some(Event::Done(Ok(Answer::result(RawJson::built(result.into())))))
    }
}

/// What belongs to a subscription carries its id, as it was sent.
fn tag(id: &RawJson) -> String {
    let id = String::from_utf8_lossy(id.as_bytes());
    format!(r#"{{"io.modelcontextprotocol/subscriptionId":{id}}}"#)
}

async fn wait(mut receiver: watch::Receiver<Generations>) -> Option<watch::Receiver<Generations>> {
    receiver.changed().await.ok().map(|()| receiver)
}

impl Events for Feed {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if !self.over && self.end.as_mut().poll(cx).is_ready() {
            self.close(StreamEnd::MaxAge);
        }
        loop {
            if self.over {
                return Poll::Ready(self.last());
            }
            if let Some(notice) = self.owed.pop_front() {
                return Poll::Ready(Some(Event::Notice(notice)));
            }
            let stirred = self.is_stirred(cx);
            if self.over {
                continue;
            }
            if !stirred || !self.has_gathered(cx) {
                return Poll::Pending;
            }
            self.gather();
        }
    }

    fn stopping(mut self: Pin<&mut Self>) {
        self.close(StreamEnd::Shutdown);
    }
}
