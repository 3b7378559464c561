//! What a turn is asked, and how it talks to whoever asked.
//!
//! In: a face. Out: the seam between it and the turn. Never: knows what kind of face it is.

use std::future::Future;
use std::pin::Pin;

use toolgate_agent_memory::{Actor, Session};

use crate::event::Event;

/// One question.
#[derive(Clone, Debug)]
pub struct Request {
    /// The turn's id.
    pub turn: String,
    /// Who asks: the subject of a verified token.
    pub actor: Actor,
    /// In which conversation.
    pub session: Session,
    /// What was said.
    pub text: String,
    /// The model's key in the catalogue; `None` takes the default.
    pub model: Option<String>,
    /// The trace that the caller is in (W3C Trace Context).
    pub traceparent: Option<String>,
    /// The id that logs of every part have in common.
    pub request_id: String,
}

/// What comes of asking the user.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Whoever asked, while the turn goes on.
pub trait Talk: Send + Sync {
    /// Something has happened. Must not wait.
    fn say(&self, event: Event);

    /// Ends when the user wants the turn to stop.
    fn stopped(&self) -> Waiting<'_, ()>;

    /// Whether the user lets the tool of this step run. Without somebody who can be asked: no.
    fn approve(&self, step: u32) -> Waiting<'_, bool>;
}
