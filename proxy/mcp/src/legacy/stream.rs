//! The stream of a session: what a server says without being asked.
//!
//! Enters: the number that changes with the catalog, and whether it has changed since the session
//! began. Leaves: `notifications/tools/list_changed`.
//! Never: an answer to a request; never after the session or the token has expired.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::time::Sleep;
use toolgate_call::{Event, Events, RawJson};
use toolgate_telemetry::{ActiveStream, StreamEnd};

/// What is said when the catalog has changed.
const CHANGED: &str = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;

type Next = Pin<Box<dyn Future<Output = Option<watch::Receiver<u64>>> + Send>>;

struct Changes {
    /// A change that the session may not have seen, to be announced first.
    missed: bool,
    next: Option<Next>,
    end: Pin<Box<Sleep>>,
    /// Until it is known why it ended; dropped, it says that the caller left.
    active: Option<ActiveStream>,
}

/// The stream of a session, until that moment (in seconds since the epoch) at the latest; `missed`
/// says whether it begins with an announcement.
pub(crate) fn changes(
    receiver: watch::Receiver<u64>,
    until: u64,
    missed: bool,
    active: ActiveStream,
) -> Pin<Box<dyn Events>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let left = Duration::from_secs(until.saturating_sub(now));
    Box::pin(Changes {
        missed,
        next: Some(Box::pin(wait(receiver))),
        end: Box::pin(tokio::time::sleep(left)),
        active: Some(active),
    })
}

// === impl Changes ===

impl Changes {
    fn ended(&mut self, why: StreamEnd) {
        self.next = None;
        if let Some(active) = self.active.take() {
            active.ended(why);
        }
    }
}

async fn wait(mut receiver: watch::Receiver<u64>) -> Option<watch::Receiver<u64>> {
    receiver.changed().await.ok().map(|()| receiver)
}

impl Events for Changes {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.end.as_mut().poll(cx).is_ready() {
            self.ended(StreamEnd::MaxAge);
        }
        let missed = std::mem::take(&mut self.missed);
        let Some(next) = &mut self.next else { return Poll::Ready(None) };
        if missed {
            return Poll::Ready(Some(Event::Notice(RawJson::literal(CHANGED))));
        }
        match next.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(receiver) => {
                self.next = receiver.map(|receiver| -> Next { Box::pin(wait(receiver)) });
                let more = self.next.is_some();
                if !more {
                    self.ended(StreamEnd::UpstreamClose);
                }
                Poll::Ready(more.then(|| Event::Notice(RawJson::literal(CHANGED))))
            }
        }
    }

    fn stopping(mut self: Pin<&mut Self>) {
        self.ended(StreamEnd::Shutdown);
    }
}
