//! Events of a turn as they happen (`text/event-stream`).
//!
//! In: a turn, and the number of the last event that was seen. Out: the events after it. Never: a
//! stream that goes on after the turn.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::{StreamExt as _, iter, unfold};

use crate::turns::Running;

/// A word between events, so that nobody takes the stream for dead.
const ALIVE: Duration = Duration::from_secs(15);

/// What happens when whoever listens goes away.
#[derive(Debug)]
pub(super) enum Leaving {
    /// The turn goes on: it may be listened to again.
    GoesOn,
    /// The turn is stopped: nobody else will ask.
    Stops(#[expect(dead_code, reason = "it acts when it is dropped")] Stop),
}

/// Stops a turn when dropped.
#[derive(Debug)]
pub(super) struct Stop(pub(super) Arc<Running>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

pub(super) fn events(
    turn: Arc<Running>,
    from: usize,
    leaving: Leaving,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let batches = unfold((turn, from, leaving), |(turn, from, leaving)| async move {
        let more = turn.next(from).await?;
        let next = more.last().map_or(from, |(nth, _)| nth + 1);
        Some((more, (turn, next, leaving)))
    });
    let each =
        batches.flat_map(|more| {
            iter(more.into_iter().map(|(nth, json)| {
                Ok(Event::default().id((nth + 1).to_string()).data(json.as_ref()))
            }))
        });
    Sse::new(each).keep_alive(KeepAlive::new().interval(ALIVE))
}

/// The number of the last event that was seen (`Last-Event-ID`); 0 for none.
pub(super) fn seen(headers: &HeaderMap) -> usize {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    last.and_then(|last| last.parse().ok()).unwrap_or_default()
}
