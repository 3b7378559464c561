//! How turns go.
//!
//! In: the values of `agent/`, `limits/`, `model/` and `memory/` that a turn is made with, and a way to
//! read the file of instructions. Out: the [`Settings`] of turns. Never: a limit that is not there.

use std::time::Duration;

use super::Reader;
use crate::turn::{Approval, Limits, Recall, Settings};

/// How long recalling from AgentCore Memory may take: two searches by meaning and a list at the same
/// time, of which a search takes about half a second.
const RECALL_FROM_AFAR: Duration = Duration::from_secs(1);

// === impl Reader ===

impl Reader<'_> {
    /// How long recalling may take. A service is farther away than a file.
    fn recall_time(&self, of_a_file: Duration) -> Duration {
        match (self.text("memory/recall_time"), self.text("memory/backend")) {
            (Some(_), _) => self.time("memory/recall_time"),
            (None, Some("agentcore")) => RECALL_FROM_AFAR,
            (None, _) => of_a_file,
        }
    }

    pub(super) fn turn(&mut self, file: &dyn Fn(&str) -> std::io::Result<String>) -> Settings {
        let default = Settings::default();
        let prompt = self.owned("agent/prompt_file");
        let prompt = match prompt.map(|name| (file(&name), name)) {
            None => default.prompt,
            Some((Ok(text), _)) => text.into(),
            Some((Err(error), name)) => {
                self.wrong("agent/prompt_file", &format!("{name} cannot be read: {error}"));
                default.prompt
            }
        };
        let limits = Limits {
            steps: self.number("limits/steps"),
            calls: self.number("limits/calls"),
            parallel: self.number("limits/parallel"),
            tokens: self.number("limits/tokens"),
            cost_usd: self.text("limits/cost_usd").and_then(|text| text.parse().ok()),
            time: self.time("limits/time"),
            tool_time: self.time("limits/tool_time"),
            model_time: self.time("limits/model_time"),
            recall_time: self.recall_time(default.limits.recall_time),
            result_bytes: self.number("limits/result_bytes"),
            reply_tokens: self.number("model/max_tokens"),
            question_bytes: default.limits.question_bytes,
        };
        Settings {
            prompt,
            temperature: self.number("model/temperature"),
            limits,
            recall: Recall {
                most: self.number("memory/top_k"),
                threshold: self.number("memory/threshold"),
            },
            history_turns: self.number("memory/history_turns"),
            approval: match self.text("agent/approval") {
                Some("never") => Approval::Never,
                Some("not_needed") => Approval::NotNeeded,
                _ => Approval::Ask,
            },
        }
    }
}
