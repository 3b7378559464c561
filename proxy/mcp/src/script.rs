//! A stream of events written as a story from its beginning to its end.
//!
//! Enters: a future that tells events as it goes along. Leaves: these events, and then what the
//! future came to. Never: an event ahead of whoever reads them; never a task of its own.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use toolgate_call::{Answer, Event, Events, Refusal};

/// Tells events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Emit(Arc<Mutex<Option<Event>>>);

struct Script<F> {
    told: Emit,
    story: Option<Pin<Box<F>>>,
}

/// The events of a story.
pub(crate) fn script<F>(story: impl FnOnce(Emit) -> F) -> Pin<Box<dyn Events>>
where
    F: Future<Output = Result<Answer, Refusal>> + Send + 'static,
{
    let told = Emit::default();
    let story = Some(Box::pin(story(told.clone())));
    Box::pin(Script { told, story })
}

// === impl Emit ===

impl Emit {
    /// Tells an event, and waits until it was taken.
    pub(crate) async fn event(&self, event: Event) {
        *self.slot() = Some(event);
        // Whoever takes it comes back for more, and so to this.
        let taken = |_: &mut Context<'_>| match *self.slot() {
            None => Poll::Ready(()),
            Some(_) => Poll::Pending,
        };
        poll_fn(taken).await;
    }

    fn slot(&self) -> MutexGuard<'_, Option<Event>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Future<Output = Result<Answer, Refusal>> + Send> Events for Script<F> {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let Some(story) = &mut self.story else { return Poll::Ready(None) };
        if let Poll::Ready(ending) = story.as_mut().poll(cx) {
            self.story = None;
            return Poll::Ready(Some(Event::Done(ending)));
        }
        let event = self.told.slot().take();
        event.map_or(Poll::Pending, |event| Poll::Ready(Some(event)))
    }
}
