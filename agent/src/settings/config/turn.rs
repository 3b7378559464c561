//! How turns go.
//!
//! In: the values of `agent/`, `limits/`, `model/` and `memory/` that a turn is made with, and a way to
//! read the file of instructions. Out: the [`Settings`] of turns. Never: a limit that is not there.

use super::Reader;
use crate::turn::{Approval, Limits, Recall, Settings};

// === impl Reader ===

impl Reader<'_> {
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
            recall_time: self.time("memory/recall_time"),
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
