//! The second part of a turn: the model is asked.
//!
//! In: the conversation and the tools. Out: a thought; its text has been passed on while it
//! came. Never: a tool that is called.

use std::time::Duration;

use toolgate_agent_model::{Ask, Fault, Heard, Message, ModelError, Stop, Thought, Tool, Usage};

use super::Settings;
use super::chosen::Chosen;
use super::report::Reply;
use super::steps::{Begin, Ended, Steps};
use crate::event::{Outcome, StepKind};

/// What the model is asked in one step.
pub(super) struct Thinking<'a> {
    pub(super) settings: &'a Settings,
    pub(super) chosen: &'a Chosen,
    pub(super) system: &'a str,
    pub(super) messages: &'a [Message],
    pub(super) tools: &'a [Tool],
    pub(super) must_answer: bool,
    pub(super) left: Duration,
}

/// Passes text on as it comes.
struct Ear<'a> {
    steps: &'a Steps<'a>,
    since: Duration,
    first: Option<Duration>,
    again: Vec<Fault>,
}

/// Asks the model once.
pub(super) async fn think(
    steps: &Steps<'_>,
    thinking: &Thinking<'_>,
) -> Result<Thought, ModelError> {
    let limits = &thinking.settings.limits;
    let patience = limits.model_time.min(thinking.left);
    let begun = steps.begin(Begin {
        kind: StepKind::Model,
        name: &thinking.chosen.id,
        limit: Some(patience),
        arguments: None,
        changes: false,
    });
    steps.next_reply();
    let ask = Ask {
        model: &thinking.chosen.id,
        system: thinking.system,
        messages: thinking.messages,
        tools: thinking.tools,
        must_answer: thinking.must_answer,
        temperature: thinking.settings.temperature,
        max_tokens: thinking.chosen.max_tokens.unwrap_or(limits.reply_tokens),
        patience,
        traceparent: Some(&begun.traceparent),
    };
    let mut ear = Ear { steps, since: steps.since(), first: None, again: Vec::new() };
    let thought = thinking.chosen.model.think(&ask, &mut ear).await;
    steps.end(begun.step, ended(&thought, ear));
    thought
}

fn ended(thought: &Result<Thought, ModelError>, ear: Ear<'_>) -> Ended {
    let (first, again) = (ear.first, ear.again);
    let times = match again.len() {
        0 => String::new(),
        1 => "; sent again".to_owned(),
        many => format!("; sent again {many} times"),
    };
    let whys = again.last().map(|why| format!(" ({})", why.as_str())).unwrap_or_default();
    let mut ended = match thought {
        Ok(thought) => thought_of(thought, first),
        Err(error) => failed(error, first),
    };
    if let Some(note) = &mut ended.note {
        note.push_str(&times);
        note.push_str(&whys);
    }
    if let Some(reply) = &mut ended.reply {
        reply.again = again;
    }
    ended
}

fn thought_of(thought: &Thought, first: Option<Duration>) -> Ended {
    let names = thought.uses.iter().map(|used| used.name.as_str()).collect::<Vec<_>>();
    let note =
        if names.is_empty() { "writing".to_owned() } else { format!("chose {}", names.join(", ")) };
    let (stop, again) = (Some(thought.stop), Vec::new());
    let reply = Reply { stop, fault: None, usage: thought.usage, first, again };
    let odd = match thought.stop {
        Stop::EndTurn | Stop::ToolUse | Stop::StopSequence | Stop::Other => None,
        Stop::MaxTokens
        | Stop::GuardrailIntervened
        | Stop::ContentFiltered
        | Stop::MalformedOutput
        | Stop::MalformedToolUse
        | Stop::ContextWindowExceeded => Some(thought.stop.as_str().to_owned()),
    };
    let outcome = if odd.is_some() { Outcome::Failed } else { Outcome::Ok };
    let blame = odd.is_some().then(|| "model".to_owned());
    Ended {
        outcome: Some(outcome),
        reason: odd,
        blame,
        note: Some(note),
        reply: Some(reply),
        ..Ended::default()
    }
}

fn failed(error: &ModelError, first: Option<Duration>) -> Ended {
    let (fault, again) = (Some(error.fault), Vec::new());
    let reply = Reply { stop: None, fault, usage: Usage::default(), first, again };
    Ended {
        outcome: Some(Outcome::Failed),
        reason: Some(error.fault.as_str().to_owned()),
        blame: Some("model".to_owned()),
        retry_safe: Some(error.fault.is_passing()),
        note: Some(error.message.clone()),
        reply: Some(reply),
        ..Ended::default()
    }
}

// === impl Ear ===

impl Heard for Ear<'_> {
    fn text(&mut self, delta: &str) {
        self.heard();
        self.steps.text(delta);
    }

    fn tool(&mut self, _name: &str) {
        self.heard();
    }

    fn again(&mut self, why: Fault) {
        self.again.push(why);
    }
}

impl Ear<'_> {
    fn heard(&mut self) {
        let since = self.steps.since().saturating_sub(self.since);
        self.first.get_or_insert(since);
    }
}
