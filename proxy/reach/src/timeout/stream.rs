//! The deadline of an answer that comes bit by bit.
//!
//! Enters: a stream and the moment it may not pass. Leaves: its events, and at that moment an end
//! in its place. Never: a timer while events are at hand; an answer that is there is given, late
//! or not.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};
use toolgate_call::{Event, Events};

use crate::timeout::Expiry;

/// A stream with a deadline.
pub(super) struct Bounded {
    /// `None` once it has ended or was cut off, so that the drop reaches the target at once.
    events: Option<Pin<Box<dyn Events>>>,
    timer: Option<Pin<Box<Sleep>>>,
    expiry: Expiry<'static>,
}

// === impl Bounded ===

impl Bounded {
    pub(super) fn new(events: Pin<Box<dyn Events>>, expiry: Expiry<'static>) -> Self {
        Self { events: Some(events), timer: None, expiry }
    }

    fn at(&self) -> Instant {
        Instant::from_std(self.expiry.deadline.instant())
    }

    /// Whether the deadline has passed; if not, the task is woken when it does.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let at = self.at();
        self.timer.get_or_insert_with(|| Box::pin(sleep_until(at))).as_mut().poll(cx)
    }

    fn cut_off(&mut self) -> Event {
        self.events = None;
        Event::Done(Err(self.expiry.cut_short()))
    }
}

impl Events for Bounded {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let Some(events) = self.events.as_mut() else { return Poll::Ready(None) };
        match events.as_mut().poll_event(cx) {
            // A stream that never pauses must not outlive its deadline either.
            Poll::Ready(Some(Event::Notice(notice))) if Instant::now() < self.at() => {
                Poll::Ready(Some(Event::Notice(notice)))
            }
            Poll::Ready(Some(Event::Notice(_))) => Poll::Ready(Some(self.cut_off())),
            Poll::Ready(end) => {
                self.events = None;
                Poll::Ready(end)
            }
            Poll::Pending => {
                ready!(self.poll_deadline(cx));
                Poll::Ready(Some(self.cut_off()))
            }
        }
    }
}
