//! The second part of a turn: the model is asked.
//!
//! In: the conversation and the tools. Out: a thought; its text has been passed on while it
//! came. Never: a tool that is called.

use std::time::Duration;

use tokio::time::timeout;
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
    let mut ear = Ear { steps, since: steps.since(), first: None };
    let thought = timeout(patience, thinking.chosen.model.think(&ask, &mut ear)).await;
    let thought = thought.unwrap_or_else(|_| {
        Err(ModelError::new(Fault::TimedOut, format!("the model took longer than {patience:?}")))
    });
    let first = ear.first;
    match &thought {
        Ok(thought) => steps.end(begun.step, thought_of(thought, first)),
        Err(error) => steps.end(begun.step, failed(error, first)),
    }
    thought
}

fn thought_of(thought: &Thought, first: Option<Duration>) -> Ended {
    let names = thought.uses.iter().map(|used| used.name.as_str()).collect::<Vec<_>>();
    let note =
        if names.is_empty() { "writing".to_owned() } else { format!("chose {}", names.join(", ")) };
    let reply = Reply { stop: Some(thought.stop), fault: None, usage: thought.usage, first };
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
    let reply = Reply { stop: None, fault: Some(error.fault), usage: Usage::default(), first };
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
}

impl Ear<'_> {
    fn heard(&mut self) {
        let since = self.steps.since().saturating_sub(self.since);
        self.first.get_or_insert(since);
    }
}
