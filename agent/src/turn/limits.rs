//! How far a turn may go.
//!
//! In: limits, and what was used so far. Out: whether there is room. Never: a turn without
//! an end.

use std::time::Duration;

use toolgate_agent_model::Usage;

pub(crate) use crate::event::Limit as Reached;

/// The limits of a turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Times that the model is asked.
    pub steps: u32,
    /// Tools that are called.
    pub calls: u32,
    /// Tools that run at the same time.
    pub parallel: usize,
    /// Tokens, all kinds together.
    pub tokens: u64,
    /// US dollars by the catalogue's prices; `None`: no limit.
    pub cost_usd: Option<f64>,
    /// The whole turn.
    pub time: Duration,
    /// One tool.
    pub tool_time: Duration,
    /// One reply of the model.
    pub model_time: Duration,
    /// What recalling may take; the answer goes on without it then.
    pub recall_time: Duration,
    /// Bytes of a tool's result that the model is shown.
    pub result_bytes: usize,
    /// Tokens of one reply.
    pub reply_tokens: u32,
    /// Bytes of a question.
    pub question_bytes: usize,
}

// === impl Limits ===

impl Default for Limits {
    /// 8 steps, 16 calls of which 5 at once, 200,000 tokens, 3 minutes.
    fn default() -> Self {
        Self {
            steps: 8,
            calls: 16,
            parallel: 5,
            tokens: 200_000,
            cost_usd: None,
            time: Duration::from_mins(3),
            tool_time: Duration::from_mins(1),
            model_time: Duration::from_mins(2),
            recall_time: Duration::from_millis(300),
            result_bytes: 50_000,
            reply_tokens: 4_096,
            question_bytes: 32_000,
        }
    }
}

impl Limits {
    /// The limit that was reached after so many calls, tokens and dollars, if one was: the next
    /// reply has to be the answer.
    pub(crate) fn reached(&self, calls: u32, usage: &Usage, cost: Option<f64>) -> Option<Reached> {
        if usage.total() >= self.tokens {
            return Some(Reached::Tokens);
        }
        if self.cost_usd.zip(cost).is_some_and(|(most, cost)| cost >= most) {
            return Some(Reached::Cost);
        }
        (calls >= self.calls).then_some(Reached::Calls)
    }
}

// === impl Reached ===

impl Reached {
    /// A sentence for the user.
    pub(crate) const fn says(self) -> &'static str {
        match self {
            Self::Steps => "the answer was due after the most steps a turn may have",
            Self::Calls => "the most calls of tools that a turn may make were made",
            Self::Tokens => "the most tokens that a turn may cost were used",
            Self::Cost => "the most money that a turn may cost was spent",
            Self::Time => "the most time that a turn may take was over",
        }
    }
}
