//! Words for what the call vocabulary has lists of, and for what becomes of questions.
//!
//! Enters: the lists of the call vocabulary. Leaves: their words. Never: free text.

use toolgate_call::{AskKind, Said, Version};

use super::Word;

words! {
    /// What became of a question of a target's.
    QuestionEnd {
        /// The client answered it, also by saying no.
        Answered = "answered",
        /// It was not passed on: the client has not declared that it can be asked such a thing.
        Declined = "declined",
        /// Several calls were with the target, and it could not be told whose it was.
        Ambiguous = "ambiguous",
        /// As many were open as may be.
        Overloaded = "overloaded",
        /// Nobody answered in time.
        Expired = "expired",
        /// The call ended before.
        Abandoned = "abandoned",
    }
}

// === impl QuestionEnd ===

impl QuestionEnd {
    /// What it is that was said.
    #[must_use]
    pub const fn of(said: &Said) -> Self {
        match said {
            Said::Result(_) | Said::Error(_) => Self::Answered,
            Said::Overloaded => Self::Overloaded,
            Said::Expired => Self::Expired,
            Said::Abandoned => Self::Abandoned,
        }
    }
}

// === impl Word for AskKind ===

impl Word for AskKind {
    const ALL: &'static [Self] = &[Self::Form, Self::Url, Self::Sampling, Self::Roots];
    const WORDS: &'static [&'static str] =
        &["elicitation_form", "elicitation_url", "sampling", "roots"];

    fn index(self) -> usize {
        self as usize
    }
}

// === impl Word for Version ===

impl Word for Version {
    const ALL: &'static [Self] = &Version::ALL;
    const WORDS: &'static [&'static str] = &[
        Version::V2025_03_26.as_str(),
        Version::V2025_06_18.as_str(),
        Version::V2025_11_25.as_str(),
        Version::V2026_07_28.as_str(),
    ];

    fn index(self) -> usize {
        self as usize
    }
}
