//! The facts of a turn become spans.
//!
//! Enters: a turn that has ended, and its place in a trace. Leaves: one span `invoke_agent`, and one
//! below it for each part. Never: what was said, arguments or results; a name in letters that a
//! backend refuses.

use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanId as OtelSpanId, SpanKind, Status};
use opentelemetry::{Array, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use toolgate_call::{SpanContext, SpanId};
use toolgate_telemetry_catalog::{
    Kept, MemoryEnd, StepEnd, TurnEnd, Word as _, agent_spans as name,
};

use super::facts::{ReplyFacts, StepFacts, StepKind, TokenFacts, TurnFacts};
use super::ids::{Ids, hash, span};
use crate::trace::span::{context, millis, number, plain, span_id, text, word};

/// Who made the spans.
const SCOPE: &str = "toolgate-agent";

/// A span's own things.
struct Part {
    own: SpanContext,
    parent: Option<SpanId>,
    kind: SpanKind,
    name: String,
    began: SystemTime,
    took: Duration,
}

/// Why the spans of a turn are kept; `None` when they are not.
pub(super) fn reason(sampled: bool, end: TurnEnd, took: Duration, slow: Duration) -> Option<Kept> {
    match () {
        () if sampled => Some(Kept::Head),
        () if end.is_failure() => Some(Kept::Error),
        () => (took > slow).then_some(Kept::Slow),
    }
}

/// The spans of a turn of the agent of that name, the turn's own first.
pub(super) fn spans(agent: &str, turn: &TurnFacts<'_>, (ids, why): (Ids, Kept)) -> Vec<SpanData> {
    let mut spans = Vec::with_capacity(1 + turn.steps.len());
    spans.push(whole(agent, turn, (ids, why)));
    spans.extend(turn.steps.iter().filter_map(|step| part(turn, step, ids)));
    spans
}

/// The span of what memory did after the reply of a turn.
pub(super) fn written(ids: Ids, took: Duration, end: MemoryEnd) -> SpanData {
    let now = SystemTime::now();
    let part = Part {
        own: ids.own.child(SpanId::random(fastrand::u64(..))),
        parent: Some(ids.own.span),
        kind: SpanKind::Internal,
        name: "create_memory".to_owned(),
        began: now.checked_sub(took).unwrap_or(now),
        took,
    };
    let mut attributes = vec![word(name::OPERATION, "create_memory")];
    if end != MemoryEnd::Ok {
        attributes.push(word(name::ERROR_TYPE, end.word()));
    }
    let status = if end.is_failure() { Status::error(end.word()) } else { Status::Unset };
    SpanData { attributes, status, ..part.data() }
}

fn whole(agent: &str, turn: &TurnFacts<'_>, (ids, why): (Ids, Kept)) -> SpanData {
    let took = Duration::try_from_secs_f64(turn.times.total / 1000.0).unwrap_or_default();
    let part = Part {
        own: ids.own,
        parent: ids.parent,
        // Who asks is another process, also where it is a browser that makes no spans.
        kind: SpanKind::Server,
        name: format!("invoke_agent {}", plain(agent)),
        began: turn.at,
        took,
    };
    let mut all = vec![
        word(name::OPERATION, "invoke_agent"),
        text(name::AGENT, agent),
        text(name::PROVIDER, turn.provider),
        text(name::REQUEST_MODEL, turn.model_id),
        text(name::MODEL_KEY, turn.model),
        text(name::CONVERSATION, &format!("{:016x}", hash("session", turn.session))),
        text(name::REQUEST_ID, turn.request_id),
        text(name::TURN, turn.turn),
        KeyValue::new(name::TEMPERATURE, turn.warmth()),
        number(name::RECALLED, turn.recalled as u64),
        word(name::SAMPLING, why.word()),
    ];
    tokens(&mut all, turn.tokens);
    all.extend(turn.cost_usd.map(|cost| KeyValue::new(name::COST, cost)));
    all.extend(turn.first_word.map(|first| KeyValue::new(name::FIRST_MS, millis(first))));
    if !turn.degraded.is_empty() {
        all.push(words(name::DEGRADED, turn.degraded.iter().map(String::as_str)));
    }
    if turn.end != TurnEnd::Answered {
        all.push(word(name::ERROR_TYPE, turn.end.word()));
    }
    let status = if turn.end.is_failure() { Status::error(turn.end.word()) } else { Status::Unset };
    let remote = ids.parent.is_some();
    SpanData { attributes: all, status, parent_span_is_remote: remote, ..part.data() }
}

fn part(turn: &TurnFacts<'_>, step: &StepFacts<'_>, ids: Ids) -> Option<SpanData> {
    let (operation, kind) = match step.kind {
        StepKind::Memory => ("search_memory", SpanKind::Internal),
        StepKind::Model => ("chat", SpanKind::Client),
        StepKind::Tool => ("execute_tool", SpanKind::Internal),
    };
    let named = if step.kind == StepKind::Memory {
        operation.to_owned()
    } else {
        format!("{operation} {}", plain(step.name))
    };
    let began = turn.at + step.began;
    let own = ids.own.child(span(step.span)?);
    let part = Part { own, parent: Some(ids.own.span), kind, name: named, began, took: step.took };
    let mut all = vec![word(name::OPERATION, operation)];
    match step.kind {
        StepKind::Memory => all.push(number(name::RECALLED, turn.recalled as u64)),
        StepKind::Tool => all.push(text(name::TOOL, step.name)),
        StepKind::Model => {
            all.push(text(name::PROVIDER, turn.provider));
            all.push(text(name::REQUEST_MODEL, step.name));
            all.push(KeyValue::new(name::TEMPERATURE, turn.warmth()));
        }
    }
    if let Some(ReplyFacts { stop, tokens: used, first, retries }) = step.reply {
        all.extend(stop.map(|stop| words(name::FINISH, std::iter::once(stop))));
        tokens(&mut all, used);
        all.extend(first.map(|first| KeyValue::new(name::FIRST_MS, millis(first))));
        all.extend((retries.all() > 0).then(|| number(name::RETRIES, u64::from(retries.all()))));
    }
    all.extend(step.call_id.map(|id| text(name::CALL_ID, id)));
    let mut status = Status::Unset;
    if step.end != StepEnd::Ok {
        let why = step.reason.unwrap_or(step.end.word());
        all.push(text(name::ERROR_TYPE, why));
        all.extend(step.blame.map(|blame| text(name::BLAME, blame)));
        let meant = matches!(step.end, StepEnd::Denied | StepEnd::Cancelled);
        status = if meant { Status::Unset } else { Status::error(why.to_owned()) };
    }
    Some(SpanData { attributes: all, status, ..part.data() })
}

// === impl Part ===

impl Part {
    fn data(self) -> SpanData {
        SpanData {
            span_context: context(self.own, None),
            parent_span_id: self.parent.map_or(OtelSpanId::INVALID, span_id),
            parent_span_is_remote: false,
            span_kind: self.kind,
            name: self.name.into(),
            start_time: self.began,
            end_time: self.began + self.took,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::builder(SCOPE)
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        }
    }
}

/// The conventions count what came from a cache among what was read.
fn tokens(all: &mut Vec<KeyValue>, used: TokenFacts) {
    if used.total() == 0 {
        return;
    }
    let read = used.input.saturating_add(used.cache_read).saturating_add(used.cache_write);
    all.push(number(name::INPUT_TOKENS, read));
    all.push(number(name::OUTPUT_TOKENS, used.output));
    for (key, many) in [(name::CACHE_READ, used.cache_read), (name::CACHE_WRITE, used.cache_write)]
    {
        if many > 0 {
            all.push(number(key, many));
        }
    }
}

fn words<'a>(key: &'static str, all: impl Iterator<Item = &'a str>) -> KeyValue {
    let all = all.map(|one| StringValue::from(one.to_owned())).collect();
    KeyValue::new(key, Value::Array(Array::String(all)))
}
