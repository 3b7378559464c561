//! An answer whose stream ends before it, to be taken up (2025-11-25 `basic/transports`,
//! "Resumability and Redelivery").
//!
//! In: a call that is to be polled for, and a GET with `Last-Event-ID`. Out: an event with an id and
//! no data, and the end of the stream; at last the answer. It takes up only behind the last event.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::act::Keeps;
use super::http::Received;
use super::lock;
use super::speak::{Next, SSE, Talk, event, reply};

/// An answer that is kept.
#[derive(Debug)]
pub(super) struct Kept {
    /// The id of the call.
    pub(super) id: Value,
    /// How many streams still end without it.
    pub(super) cuts: usize,
    pub(super) retry: Duration,
    /// What is found.
    pub(super) kept: Keeps,
}

impl Received {
    /// The event behind which a stream is to be taken up.
    pub(super) fn after(&self) -> Option<&str> {
        let header = self.headers.iter().find(|(name, _)| name == "last-event-id");
        header.map(|(_, value)| &**value)
    }
}

impl Talk {
    /// Gives an event with nothing but an id, and keeps the answer.
    pub(super) async fn cut(&mut self, kept: Kept) -> Result<()> {
        let (number, retry) = (kept.cuts, kept.retry.as_millis());
        *lock(&self.state.kept) = Some(kept);
        let prime = format!("id: cut-{number}\nretry: {retry}\ndata: \n\n");
        self.wire.write(prime.as_bytes()).await
    }

    /// Goes on behind an event.
    pub(super) async fn take_up(&mut self, received: &Received) -> Result<Next> {
        let after = received.after().unwrap_or_default();
        let kept = lock(&self.state.kept)
            .take()
            .filter(|kept| kept.kept != Keeps::Nothing && after == format!("cut-{}", kept.cuts));
        let Some(kept) = kept else {
            self.wire.answer("404 Not Found", &[], "").await?;
            return Ok(Next::On);
        };
        let head = format!("HTTP/1.1 200 OK\r\n{SSE}\r\nConnection: close\r\n\r\n");
        self.wire.write(head.as_bytes()).await?;
        if kept.kept == Keeps::Stream {
            *lock(&self.state.kept) = Some(kept);
        } else if kept.cuts > 1 {
            self.cut(Kept { cuts: kept.cuts - 1, ..kept }).await?;
        } else {
            let answer = reply(&kept.id, "result", &self.state.good_result());
            self.wire.write(event(&answer).as_bytes()).await?;
        }
        Ok(Next::Over)
    }
}
