//! A stub of Bedrock's models: Converse and ConverseStream, for what emulators never say.
//!
//! In: for each request what a test lets the model say. Out: event streams with their checksums, cut
//! wherever the test wants; a refusal of what Bedrock refuses (see [`rules`]). It has no model.

mod frames;
pub mod rules;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use anyhow::Result;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::service::{Asked, Says, Service};

/// A running stub; dropping it closes its port.
#[derive(Debug)]
pub struct Bedrock(Service);

/// What the model says to one request.
#[derive(Clone, Debug)]
pub struct Reply {
    events: Vec<Vec<u8>>,
    refusal: Option<Says>,
    /// Bytes of a piece on the wire.
    cut: usize,
    blocks: usize,
}

/// Bytes of a piece, unless it is said otherwise: some events at once.
const PIECE: usize = 1000;

// === impl Bedrock ===

impl Bedrock {
    /// Listens on a free loopback port. `says` is told how many requests were good before this one,
    /// and this one.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(
        says: impl Fn(usize, &Value) -> Reply + Send + Sync + 'static,
    ) -> Result<Self> {
        let count = AtomicUsize::new(0);
        let service = Service::start(move |asked| match rules::broken(asked) {
            Some(why) => Says::error(400, "ValidationException", &why),
            None => says(count.fetch_add(1, Relaxed), &asked.body).into_says(),
        });
        Ok(Self(service.await?))
    }

    /// One reply after the other; the last one stays.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn saying(replies: impl IntoIterator<Item = Reply>) -> Result<Self> {
        let replies: Vec<_> = replies.into_iter().collect();
        let replies = Mutex::new(replies);
        Self::start(move |nth, _| {
            let replies = replies.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let reply = replies.get(nth).or_else(|| replies.last()).cloned();
            reply.unwrap_or_else(|| Reply::refused(500, "InternalServerException", "no reply"))
        })
        .await
    }

    /// The endpoint.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// The requests so far, the oldest first.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.0.asked()
    }

    /// What was wrong with the requests so far.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.asked().iter().filter_map(rules::broken).collect()
    }
}

// === impl Reply ===

impl Default for Reply {
    fn default() -> Self {
        let begun = frames::event("messageStart", &json!({ "role": "assistant" }));
        Self { events: vec![begun], refusal: None, cut: PIECE, blocks: 0 }
    }
}

impl Reply {
    /// A refusal before there is a stream.
    #[must_use]
    pub fn refused(status: u16, code: &str, message: &str) -> Self {
        Self { refusal: Some(Says::error(status, code, message)), ..Self::default() }
    }

    /// The same after some text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        let block = self.blocks;
        let delta = json!({ "contentBlockIndex": block, "delta": { "text": text } });
        self.event("contentBlockDelta", &delta).ended()
    }

    /// The same after a wish for a tool, whose arguments come in these pieces.
    #[must_use]
    pub fn tool<P: AsRef<str>>(
        mut self,
        id: &str,
        name: &str,
        pieces: impl IntoIterator<Item = P>,
    ) -> Self {
        let block = self.blocks;
        let start = json!({ "toolUse": { "toolUseId": id, "name": name } });
        let begun = json!({ "contentBlockIndex": block, "start": start });
        self = self.event("contentBlockStart", &begun);
        for piece in pieces {
            let delta = json!({ "toolUse": { "input": piece.as_ref() } });
            let delta = json!({ "contentBlockIndex": block, "delta": delta });
            self = self.event("contentBlockDelta", &delta);
        }
        self.ended()
    }

    /// The same with its end, for that reason, and what it cost.
    #[must_use]
    pub fn stop(self, reason: &str, (input, output): (u32, u32)) -> Self {
        let usage = json!({
            "inputTokens": input, "outputTokens": output, "totalTokens": input + output,
        });
        self.event("messageStop", &json!({ "stopReason": reason }))
            .event("metadata", &json!({ "usage": usage, "metrics": { "latencyMs": 5 } }))
    }

    /// The same, broken off by an exception.
    #[must_use]
    pub fn exception(mut self, kind: &str, message: &str) -> Self {
        self.events.push(frames::exception(kind, message));
        self
    }

    /// The same in pieces of so many bytes, wherever that cuts frames and letters.
    #[must_use]
    pub const fn cut(mut self, bytes: usize) -> Self {
        self.cut = bytes;
        self
    }

    fn event(mut self, kind: &str, payload: &Value) -> Self {
        self.events.push(frames::event(kind, payload));
        self
    }

    /// Ends a block; the next one has the next number.
    fn ended(mut self) -> Self {
        let block = self.blocks;
        self.blocks += 1;
        self.event("contentBlockStop", &json!({ "contentBlockIndex": block }))
    }

    fn into_says(self) -> Says {
        let body = self.events.concat();
        let pieces = body.chunks(self.cut.max(1)).map(Bytes::copy_from_slice).collect();
        let says = || Says::of(200, "application/vnd.amazon.eventstream", pieces);
        self.refusal.unwrap_or_else(says).with("x-amzn-requestid", "req-4711")
    }
}
