//! What the agent remembers, across sessions and restarts.
//!
//! Enters: turns that have ended, and questions. Leaves: what was said before that bears on a
//! question, the events of a session in order. Never: a record of another actor; a record past its
//! retention; a failure that stops an answer.

mod archive;
mod error;
mod local;
mod names;
mod record;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

pub use archive::{Archive, BadTitle, BadWords, Timeline, Title, Words};
pub use error::{MemoryError, Why};
pub use local::{Config, Counted, Local, Swept};
pub use names::{Actor, BadName, Session};
pub use record::{Event, Namespace, Record, Role, SessionSummary, Turn};

/// What comes of asking a memory.
pub type Asking<'a, T> = Pin<Box<dyn Future<Output = Result<T, MemoryError>> + Send + 'a>>;

/// A question to a memory.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Whose records.
    pub actor: &'a Actor,
    /// The session that asks. Its own last turns are in the conversation already.
    pub session: &'a Session,
    /// What the user said, as it was said.
    pub text: &'a str,
    /// The most records.
    pub most: usize,
    /// Records that are less relevant than this (from 0 to 1) are left out.
    pub threshold: f32,
    /// Now.
    pub now: SystemTime,
}

/// A part of a long list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// Where the next part begins; `None` at the end.
    pub next: Option<String>,
}

/// What is to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forget {
    /// A session: its events, and what was concluded from them.
    Session(Session),
    /// One record.
    Record(String),
    /// Everything of the actor.
    Everything,
}

/// How a memory does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether it can be asked and written to.
    pub ok: bool,
    /// A sentence for the operator.
    pub detail: String,
    /// Turns that wait to be written.
    pub waiting: u64,
    /// Turns that were lost since the start.
    pub lost: u64,
    /// How old the oldest record is, if that is known.
    pub oldest: Option<Duration>,
}

/// A memory.
///
/// Its own events can be read back at once; what is concluded from them (preferences, facts) may
/// come later, where a backend says so.
pub trait Memory: fmt::Debug + Send + Sync {
    /// The word of logs and metrics: `local`, `agentcore`.
    fn backend(&self) -> &'static str;

    /// What bears on a question, the most relevant first. A preference that was superseded comes
    /// after the one that supersedes it, or not at all.
    fn recall<'a>(&'a self, question: &'a Question<'a>) -> Asking<'a, Vec<Record>>;

    /// Keeps a turn. It is on the disk, or with the service, once this returns.
    fn remember<'a>(&'a self, turn: &'a Turn) -> Asking<'a, ()>;

    /// The events of a session, the newest page first, each page in order of time.
    fn events<'a>(
        &'a self,
        actor: &'a Actor,
        session: &'a Session,
        from: Option<&'a str>,
    ) -> Asking<'a, Page<Event>>;

    /// The sessions of an actor, the latest first.
    fn sessions<'a>(
        &'a self,
        actor: &'a Actor,
        from: Option<&'a str>,
    ) -> Asking<'a, Page<SessionSummary>>;

    /// What is known of an actor, the latest first.
    fn records<'a>(
        &'a self,
        actor: &'a Actor,
        namespace: Namespace,
        from: Option<&'a str>,
    ) -> Asking<'a, Page<Record>>;

    /// Forgets, and says how many events and records it was.
    fn forget<'a>(&'a self, actor: &'a Actor, what: &'a Forget) -> Asking<'a, u64>;

    /// What it keeps of conversations for people to look at, if it does.
    fn archive(&self) -> Option<&dyn Archive> {
        None
    }

    /// How it does. Must not take longer than a moment.
    fn health(&self) -> Health;
}
