//! What a server asks of the client whose call it serves.
//!
//! Enters: a method and its parameters, and the way back to the target. Leaves: one question, which
//! is answered exactly once. Never: a question that is forgotten: dropped, it says so to the target;
//! never an id (each side has its own).

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Abilities, RawJson};

/// How long a question may be open, whatever the limits of the call: people think.
pub const PATIENCE: Duration = Duration::from_secs(600);
/// How many questions of one call may be open at once.
pub const MOST_OPEN: usize = 16;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AskKind {
    /// `elicitation/create`: fill in a form.
    Form,
    /// `elicitation/create` in URL mode: open a page.
    Url,
    /// `sampling/createMessage`: ask a model.
    Sampling,
    /// `roots/list`: say which folders it works in.
    Roots,
}

/// A question of a target's about one call.
#[derive(Debug)]
pub struct Question {
    /// What is asked.
    pub kind: AskKind,
    /// `params` as sent; an empty object if there are none.
    pub params: RawJson,
    /// The way back.
    pub respond: Respond,
}

/// What becomes of a question.
#[derive(Clone, Debug)]
pub enum Said {
    /// The client's `result`.
    Result(RawJson),
    /// The client's `error`.
    Error(RawJson),
    /// It was not passed on: too much is open already.
    Overloaded,
    /// Nobody answered in time.
    Expired,
    /// The call ended before.
    Abandoned,
}

/// Takes the answer to a question. Dropped, it says [`Said::Abandoned`].
pub struct Respond(Option<Box<dyn FnOnce(Said) + Send>>);

/// The questions of one call that nobody has answered yet. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct OpenQuestions(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    count: usize,
    waker: Option<Waker>,
}

#[derive(Default, Deserialize)]
struct Params<'a> {
    #[serde(borrow)]
    mode: Option<&'a RawValue>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
}

// === impl AskKind ===

impl AskKind {
    /// What a request of that method asks; `None` if a client is not asked such things.
    #[must_use]
    pub fn of(method: &str, params: &RawJson) -> Option<Self> {
        match method {
            "elicitation/create" => {
                let Params { mode, .. } = params.parse().ok()?;
                match mode.map(RawValue::get) {
                    None | Some(r#""form""#) => Some(Self::Form),
                    Some(r#""url""#) => Some(Self::Url),
                    Some(_) => None,
                }
            }
            "sampling/createMessage" => Some(Self::Sampling),
            "roots/list" => Some(Self::Roots),
            _ => None,
        }
    }

    /// The method by which it is asked.
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::Form | Self::Url => "elicitation/create",
            Self::Sampling => "sampling/createMessage",
            Self::Roots => "roots/list",
        }
    }

    /// What a client must be able to do to be asked this.
    #[must_use]
    pub fn needs(self, params: &RawJson) -> Abilities {
        match self {
            Self::Form => Abilities::FORM,
            Self::Url => Abilities::URL,
            Self::Roots => Abilities::ROOTS,
            Self::Sampling => {
                let Params { tools, .. } = params.parse().unwrap_or_default();
                let more = tools.map_or(Abilities::NONE, |_| Abilities::SAMPLING_TOOLS);
                Abilities::SAMPLING.and(more)
            }
        }
    }
}

// === impl Respond ===

impl Respond {
    /// Calls that, once.
    #[must_use]
    pub fn new(take: impl FnOnce(Said) + Send + 'static) -> Self {
        Self(Some(Box::new(take)))
    }

    /// Answers.
    pub fn say(mut self, said: Said) {
        if let Some(take) = self.0.take() {
            take(said);
        }
    }

    /// The same, and then does that as well, whatever was said.
    #[must_use]
    pub fn then(self, more: impl FnOnce() + Send + 'static) -> Self {
        Self::new(move |said| {
            self.say(said);
            more();
        })
    }
}

impl Drop for Respond {
    fn drop(&mut self) {
        if let Some(take) = self.0.take() {
            take(Said::Abandoned);
        }
    }
}

impl fmt::Debug for Respond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Respond")
    }
}

// === impl OpenQuestions ===

impl OpenQuestions {
    /// The same question, which counts as open until it is answered.
    #[must_use]
    pub fn note(&self, question: Question) -> Question {
        self.lock().count += 1;
        let open = self.clone();
        let respond = question.respond.then(move || open.close());
        Question { respond, ..question }
    }

    /// How many are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().count
    }

    /// Whether all are answered; if not, the task is woken when they are.
    pub fn poll_closed(&self, cx: &Context<'_>) -> bool {
        let mut open = self.lock();
        if open.count > 0 {
            open.waker = Some(cx.waker().clone());
        }
        open.count == 0
    }

    fn close(&self) {
        let mut open = self.lock();
        open.count = open.count.saturating_sub(1);
        let waker = if open.count == 0 { open.waker.take() } else { None };
        drop(open);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    //! One answer each, and nothing forgotten.

    use std::sync::mpsc;

    use super::{AskKind, OpenQuestions, Question, Respond, Said};
    use crate::{Abilities, RawJson};

    #[test]
    fn the_mode_tells_a_form_from_a_page() {
        let kind = |method, text| AskKind::of(method, &RawJson::literal(text));
        assert_eq!(kind("elicitation/create", "{}"), Some(AskKind::Form));
        assert_eq!(kind("elicitation/create", r#"{"mode":"form"}"#), Some(AskKind::Form));
        assert_eq!(kind("elicitation/create", r#"{"mode":"url"}"#), Some(AskKind::Url));
        assert_eq!(kind("elicitation/create", r#"{"mode":"x"}"#), None);
        assert_eq!(kind("roots/list", "{}"), Some(AskKind::Roots));
        assert_eq!(kind("ping", "{}"), None);
        let needs = |text| AskKind::Sampling.needs(&RawJson::literal(text));
        assert_eq!(needs("{}"), Abilities::SAMPLING);
        assert!(needs(r#"{"tools":[]}"#).has(Abilities::SAMPLING_TOOLS));
    }

    #[test]
    fn a_question_is_answered_once_and_dropped_it_says_so() {
        let (sender, said) = mpsc::channel();
        let open = OpenQuestions::default();
        let ask = || {
            let sender = sender.clone();
            let respond = Respond::new(move |said| sender.send(said).unwrap());
            open.note(Question { kind: AskKind::Roots, params: RawJson::literal("{}"), respond })
        };
        let (one, other) = (ask(), ask());
        assert_eq!(open.count(), 2);
        one.respond.say(Said::Expired);
        assert!(matches!(said.try_recv(), Ok(Said::Expired)));
        drop(other);
        assert!(matches!(said.try_recv(), Ok(Said::Abandoned)));
        assert_eq!(open.count(), 0);
        assert!(said.try_recv().is_err());
    }
}
