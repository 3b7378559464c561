//! The stream of a session: what a server says without being asked.
//!
//! Enters: the numbers that change with the lists of the catalog, and those that the session has
//! seen. Leaves: a `list_changed` notification for each list that is another one now.
//! Never: an answer to a request; never after the session or the token has expired.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::time::Sleep;
use toolgate_call::{Event, Events, RawJson};
use toolgate_telemetry::{ActiveStream, StreamEnd};

use crate::registry::Generations;

/// What is said when a list has changed.
const TOOLS: &str = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
const PROMPTS: &str = r#"{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}"#;
const RESOURCES: &str = r#"{"jsonrpc":"2.0","method":"notifications/resources/list_changed"}"#;

type Next = Pin<Box<dyn Future<Output = Option<watch::Receiver<Generations>>> + Send>>;

struct Changes {
    /// What the session has been told of.
    told: Generations,
    /// What it could be told of.
    now: Generations,
    next: Option<Next>,
    end: Pin<Box<Sleep>>,
    /// Until it is known why it ended; dropped, it says that the caller left.
    active: Option<ActiveStream>,
}

/// The stream of a session that knows of the lists up to these numbers, until that moment (in
/// seconds since the epoch) at the latest.
pub(crate) fn changes(
    receiver: watch::Receiver<Generations>,
    until: u64,
    told: Generations,
    active: ActiveStream,
) -> Pin<Box<dyn Events>> {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let left = Duration::from_secs(until.saturating_sub(clock));
    let now = *receiver.borrow();
    Box::pin(Changes {
        told,
        now,
        next: Some(Box::pin(wait(receiver))),
        end: Box::pin(tokio::time::sleep(left)),
        active: Some(active),
    })
}

// === impl Changes ===

impl Changes {
    /// The next thing to tell.
    fn news(&mut self) -> Option<Event> {
        let Generations { tools, prompts, resources } = &mut self.told;
        let lists = [
            (tools, self.now.tools, TOOLS),
            (prompts, self.now.prompts, PROMPTS),
            (resources, self.now.resources, RESOURCES),
        ];
        lists.into_iter().find_map(|(told, now, text)| {
            let is_news = *told != now;
            *told = now;
            is_news.then(|| Event::Notice(RawJson::literal(text)))
        })
    }

    fn ended(&mut self, why: StreamEnd) {
        self.next = None;
        if let Some(active) = self.active.take() {
            active.ended(why);
        }
    }
}

async fn wait(mut receiver: watch::Receiver<Generations>) -> Option<watch::Receiver<Generations>> {
    receiver.changed().await.ok().map(|()| receiver)
}

impl Events for Changes {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.end.as_mut().poll(cx).is_ready() {
            self.ended(StreamEnd::MaxAge);
        }
        loop {
            let Some(next) = &mut self.next else { return Poll::Ready(None) };
            if let Poll::Ready(receiver) = next.as_mut().poll(cx) {
                let Some(receiver) = receiver else {
                    self.ended(StreamEnd::UpstreamClose);
                    return Poll::Ready(None);
                };
                self.now = *receiver.borrow();
                self.next = Some(Box::pin(wait(receiver)));
                continue;
            }
            return self.news().map_or(Poll::Pending, |news| Poll::Ready(Some(news)));
        }
    }

    fn stopping(mut self: Pin<&mut Self>) {
        self.ended(StreamEnd::Shutdown);
    }
}
