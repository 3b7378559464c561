//! What a memory may keep of conversations for people to look at, beside what was said.
//!
//! In: what became of a turn, a title, words to look for. Out: the same with its conversation. Never:
//! needed for an answer: a backend may have none of it; something longer than agreed.

use std::fmt;
use std::time::SystemTime;

use crate::{Actor, Asking, Page, Session, SessionSummary};

/// The longest title, in characters.
const TITLE: usize = 80;
/// The most words that are looked for, and the bytes of all of them.
const WORDS: usize = 8;
const WORDS_BYTES: usize = 200;

/// Where the time of a turn went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// The turn.
    pub turn: String,
    /// Its conversation.
    pub session: Session,
    /// When the turn ended.
    pub at: SystemTime,
    /// What is told of it, as whoever shows it wrote it.
    pub told: String,
}

/// What a person calls a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title(String);

/// A title that cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTitle {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It is longer than 80 characters.
    #[error("it is longer than {TITLE} characters")]
    Long,
    /// It holds a control character, as the end of a line is one.
    #[error("it holds a control character")]
    Control,
}

/// Words that a conversation is looked for by: each has to be somewhere in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(Vec<String>);

/// Words that cannot be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWords {
    /// There are none.
    #[error("there are no words to look for")]
    None,
    /// There are too many.
    #[error("these are more than {WORDS} words or {WORDS_BYTES} bytes")]
    Many,
}

/// A memory that keeps this. Every list is of one actor alone.
pub trait Archive: fmt::Debug + Send + Sync {
    /// Keeps where the time of a turn went, until the turn is forgotten. It may come before the turn
    /// itself. One that is longer than [`Timeline::MOST`] is refused.
    fn keep_timeline<'a>(&'a self, actor: &'a Actor, timeline: &'a Timeline) -> Asking<'a, ()>;

    /// What was kept of these turns, in any order.
    fn timelines<'a>(
        &'a self,
        actor: &'a Actor,
        session: &'a Session,
        turns: &'a [String],
    ) -> Asking<'a, Vec<Timeline>>;

    /// Calls a conversation so from now on; `None` calls it by its first question again. False if
    /// there is no such conversation.
    fn rename<'a>(
        &'a self,
        actor: &'a Actor,
        session: &'a Session,
        title: Option<&'a Title>,
    ) -> Asking<'a, bool>;

    /// The conversations that have every word in their title or in what was said, the latest first.
    fn find<'a>(
        &'a self,
        actor: &'a Actor,
        words: &'a Words,
        from: Option<&'a str>,
    ) -> Asking<'a, Page<SessionSummary>>;
}

// === impl Timeline ===

impl Timeline {
    /// The most bytes of what is told of a turn.
    pub const MOST: usize = 16 << 10;
}

// === impl Title ===

impl Title {
    /// A title, if it can be one. Space around it does not count.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(title: &str) -> Result<Self, BadTitle> {
        match title.trim() {
            "" => Err(BadTitle::Empty),
            odd if odd.chars().any(char::is_control) => Err(BadTitle::Control),
            long if long.chars().count() > TITLE => Err(BadTitle::Long),
            good => Ok(Self(good.to_owned())),
        }
    }

    /// The title.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// === impl Words ===

impl Words {
    /// The words of a text.
    ///
    /// # Errors
    /// There are none, or too many.
    pub fn new(text: &str) -> Result<Self, BadWords> {
        let words: Vec<_> = text.split_whitespace().take(WORDS + 1).map(str::to_owned).collect();
        match words.len() {
            0 => Err(BadWords::None),
            many if many > WORDS || text.len() > WORDS_BYTES => Err(BadWords::Many),
            _ => Ok(Self(words)),
        }
    }

    /// Each.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}
