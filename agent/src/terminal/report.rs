//! A turn that has ended, for people and for scripts.
//!
//! In: a report and how its parts ended. Out: a bar with times that sum to the whole; one JSON
//! document. Never: a member that `docs/answer.md` does not have.

use serde::Serialize;
use serde_json::{Value, json};

use super::words::{Look, ms};
use crate::event::{StepEnd, TurnEnd};
use crate::turn::Report;

/// Characters of the bar.
const WIDTH: f64 = 40.0;

#[derive(Serialize)]
struct Document<'a> {
    answer: &'a str,
    turn: &'a str,
    session: &'a str,
    request_id: &'a str,
    trace: &'a str,
    end: &'a TurnEnd,
    steps: Vec<Value>,
}

/// The turn as one JSON document.
#[must_use]
pub fn json(report: &Report, ends: &[StepEnd]) -> String {
    let steps = report.steps.iter().map(|step| {
        let end = ends.iter().find(|end| end.step == step.step);
        let mut value = serde_json::to_value(end).unwrap_or_default();
        if let Some(members) = value.as_object_mut() {
            members.insert("kind".to_owned(), json!(step.kind));
            members.insert("name".to_owned(), json!(step.name));
            members.insert("began_ms".to_owned(), json!(step.began.as_secs_f64() * 1e3));
        }
        value
    });
    let document = Document {
        answer: &report.answer,
        turn: &report.request.turn,
        session: report.request.session.as_str(),
        request_id: &report.request.request_id,
        trace: &report.place.trace,
        end: &report.end,
        steps: steps.collect(),
    };
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// Where the time went, on two lines.
#[must_use]
pub fn times(report: &Report, look: Look) -> String {
    let times = &report.end.times;
    let parts = [
        ("memory", 'm', times.memory_retrieval_ms),
        ("model", '█', times.llm_inference_ms),
        ("tools", '▒', times.tool_execution_ms),
        ("you", '?', times.approval_ms),
        ("agent", '·', times.overhead_ms),
    ];
    let total = times.total_ms.max(0.001);
    let mut bar = String::new();
    let mut until = 0.0;
    let mut drawn = 0;
    for (_, letter, part) in parts {
        until += part;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 40")]
        let to = (until / total * WIDTH).round().clamp(0.0, WIDTH) as usize;
        bar.extend(std::iter::repeat_n(letter, to.saturating_sub(drawn)));
        drawn = drawn.max(to);
    }
    let shown = parts.iter().filter(|(_, _, part)| *part >= 0.05);
    let words: Vec<String> = shown.map(|(name, _, part)| format!("{name} {}", ms(*part))).collect();
    let cost = report.end.cost_usd.map(|usd| format!(", ${usd:.4}")).unwrap_or_default();
    let line = format!(
        "{bar} {} = {}; {} tokens{cost}, trace {}\n",
        ms(total),
        words.join(" + "),
        report.end.usage.total_tokens,
        report.place.trace
    );
    look.dim(&line)
}
