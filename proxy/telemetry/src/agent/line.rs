//! The line of one turn in the interaction log.
//!
//! Enters: the facts of a turn, and the time. Leaves: one JSON object and a line feed, fields in the
//! order of the catalogue. Never: what was said; who said it, but for a hash.

use std::io::Write;
use std::time::{Duration, SystemTime};

use toolgate_telemetry_catalog::{StepEnd, TurnEnd, Word as _, interaction_fields as fields};

use super::facts::{StepKind, TimeFacts, TokenFacts, TurnFacts};
use super::ids::{Ids, hash};
use crate::access::{Line, micros, push_millis, push_number, push_text, push_time};

/// Names of tools on one line.
const TOOLS: usize = 32;

/// Appends the line of a turn; `kept` says whether its spans are.
pub(super) fn write(out: &mut Vec<u8>, turn: &TurnFacts<'_>, kept: bool, now: SystemTime) {
    let mut line = Line(out);
    head(&mut line, turn, kept, now);
    line.id(fields::SESSION_HASH, u128::from(hash("session", turn.session)), 16);
    line.id(fields::ACTOR_HASH, u128::from(hash("actor", turn.actor)), 16);
    line.text(fields::MODEL, turn.model);
    line.text(fields::MODEL_ID, turn.model_id);
    line.text(fields::PROVIDER, turn.provider);
    real(&mut line, fields::TEMPERATURE, turn.warmth());
    line.word(fields::OUTCOME, turn.end.word());
    if let Some(budget) = turn.budget {
        line.word(fields::BUDGET, budget.word());
    }
    if !turn.degraded.is_empty() {
        names(&mut line, fields::DEGRADED, turn.degraded);
    }
    line.number(fields::QUERY_LENGTH, turn.question_chars as u64);
    line.number(fields::RESPONSE_LENGTH, turn.answer_chars as u64);
    times(&mut line, turn);
    tokens(&mut line, turn.tokens);
    if let Some(cost) = turn.cost_usd {
        real(&mut line, fields::COST_USD, cost);
    }
    let of = |kind| turn.steps.iter().filter(move |step| step.kind == kind);
    line.number(fields::INFERENCES, of(StepKind::Model).count() as u64);
    let again = of(StepKind::Model).filter_map(|step| step.reply);
    let again = again.map(|reply| u64::from(reply.retries.all())).sum();
    if again > 0 {
        line.number(fields::RETRIES, again);
    }
    names(&mut line, fields::TOOLS_USED, turn.tools_used);
    let bad = of(StepKind::Tool).filter(|step| step.end != StepEnd::Ok).count();
    line.number(fields::TOOL_FAILURES, bad as u64);
    line.number(fields::RECALLED, turn.recalled as u64);
    line.0.extend_from_slice(b"}\n");
}

fn head(line: &mut Line<'_>, turn: &TurnFacts<'_>, kept: bool, now: SystemTime) {
    line.0.extend_from_slice(b"{\"");
    line.0.extend_from_slice(fields::TS.as_bytes());
    line.0.extend_from_slice(b"\":\"");
    push_time(line.0, now);
    line.0.push(b'"');
    line.word(fields::LEVEL, level(turn));
    line.word(fields::MSG, "interaction");
    line.text(fields::REQUEST_ID, turn.request_id);
    line.text(fields::TURN, turn.turn);
    if let Some(ids) = Ids::of(turn.place) {
        line.id(fields::TRACE_ID, ids.own.trace.bits(), 32);
        line.id(fields::SPAN_ID, u128::from(ids.own.span.bits()), 16);
        line.flag(fields::SAMPLED, kept);
    }
}

/// The whole is written as given, and the overhead is what the other parts leave of it: on the line
/// they sum to it to the microsecond.
fn times(line: &mut Line<'_>, turn: &TurnFacts<'_>) {
    let TimeFacts { memory, model, tool, approval, total, .. } = turn.times;
    let parts = [
        (fields::MEMORY_MS, whole(memory)),
        (fields::MODEL_MS, whole(model)),
        (fields::TOOL_MS, whole(tool)),
        (fields::APPROVAL_MS, whole(approval)),
    ];
    let others: u64 = parts.iter().map(|(_, spent)| spent).sum();
    let total = whole(total).max(others);
    line.key(fields::RESPONSE_TIME_MS);
    push_millis(line.0, total);
    if let Some(first) = turn.first_word {
        line.key(fields::FIRST_WORD_MS);
        push_millis(line.0, micros(first));
    }
    line.key(fields::PERFORMANCE);
    let rest = [(fields::OVERHEAD_MS, total - others), (fields::TOTAL_MS, total)];
    object(line, parts.into_iter().chain(rest), push_millis);
}

fn tokens(line: &mut Line<'_>, tokens: TokenFacts) {
    let parts = [
        (fields::INPUT_TOKENS, tokens.input),
        (fields::OUTPUT_TOKENS, tokens.output),
        (fields::CACHE_READ_TOKENS, tokens.cache_read),
        (fields::CACHE_WRITE_TOKENS, tokens.cache_write),
        (fields::TOTAL_TOKENS, tokens.total()),
    ];
    line.key(fields::TOKENS);
    object(line, parts.into_iter(), push_number);
}

fn object(
    line: &mut Line<'_>,
    parts: impl Iterator<Item = (&'static str, u64)>,
    push: fn(&mut Vec<u8>, u64),
) {
    for (nth, (name, value)) in parts.enumerate() {
        line.0.extend_from_slice(if nth == 0 { b"{\"" } else { b",\"" });
        line.0.extend_from_slice(name.as_bytes());
        line.0.extend_from_slice(b"\":");
        push(line.0, value);
    }
    line.0.push(b'}');
}

fn names(line: &mut Line<'_>, name: &str, all: &[String]) {
    line.key(name);
    line.0.push(b'[');
    for (nth, one) in all.iter().take(TOOLS).enumerate() {
        if nth > 0 {
            line.0.push(b',');
        }
        push_text(line.0, one);
    }
    line.0.push(b']');
}

/// A number of JSON; nothing for what is none.
fn real(line: &mut Line<'_>, name: &str, value: f64) {
    if value.is_finite() {
        line.key(name);
        let written = write!(line.0, "{}", (value * 1e9).round() / 1e9);
        debug_assert!(written.is_ok(), "a vector takes any bytes");
    }
}

/// How loud the line is.
fn level(turn: &TurnFacts<'_>) -> &'static str {
    let is_cut = matches!(turn.end, TurnEnd::Limit | TurnEnd::CutOff);
    match turn.end {
        TurnEnd::ModelFailed | TurnEnd::Internal => "error",
        TurnEnd::Limit
        | TurnEnd::CutOff
        | TurnEnd::Answered
        | TurnEnd::Stopped
        | TurnEnd::Refused => {
            if is_cut || !turn.degraded.is_empty() {
                "warn"
            } else {
                "info"
            }
        }
    }
}

/// Milliseconds in whole microseconds.
fn whole(ms: f64) -> u64 {
    Duration::try_from_secs_f64(ms.max(0.0) / 1000.0 + 5e-7).map_or(0, micros)
}
