//! The first part of a turn: what was said before.
//!
//! In: a question. Out: records that bear on it, and the conversation so far. Never: waits
//! longer than the budget; fails a turn.

use std::time::SystemTime;

use tokio::time::timeout;
use toolgate_agent_memory::{Event as Said, Memory, MemoryError, Question, Record, Role, Why};
use toolgate_agent_model::{Message, Said as Reply};

use super::steps::{Begin, Ended, Steps};
use super::{Agent, Request, Settings};
use crate::event::{Event, Outcome, StepKind};

/// What a turn begins with.
#[derive(Default)]
pub(super) struct Before {
    /// What bears on the question.
    pub(super) records: Vec<Record>,
    /// The conversation so far.
    pub(super) history: Vec<Message>,
    /// Memory was there and answered.
    pub(super) remembered: bool,
}

/// What memory is asked for.
#[derive(Clone, Copy)]
pub(super) struct Recalling<'a> {
    pub(super) agent: &'a Agent,
    pub(super) settings: &'a Settings,
    pub(super) request: &'a Request,
}

/// Asks memory. Says so if it has to be done without.
pub(super) async fn recall(recalling: Recalling<'_>, steps: &Steps<'_>) -> Before {
    let Recalling { agent, settings, request } = recalling;
    let Some(memory) = agent.memory.as_deref() else {
        steps.say(degraded("memory is switched off: nothing will be remembered"));
        return Before { history: agent.recent.history(request), ..Before::default() };
    };
    let budget = settings.limits.recall_time;
    let begun = steps.begin(Begin {
        kind: StepKind::Memory,
        name: "recall",
        limit: Some(budget),
        arguments: None,
        changes: false,
    });
    let asked = timeout(budget, ask(recalling, memory));
    let found = asked.await.unwrap_or_else(|_| Err(late()));
    match found {
        Ok(before) => {
            let note = noted(&before);
            steps.end(begun.step, Ended { note: Some(note), ..Ended::default() });
            before
        }
        Err(error) => {
            steps.end(begun.step, failed(&error));
            let says = format!("memory did not answer: this is answered without it ({error})");
            steps.say(degraded(&says));
            Before { history: agent.recent.history(request), ..Before::default() }
        }
    }
}

async fn ask(recalling: Recalling<'_>, memory: &dyn Memory) -> Result<Before, MemoryError> {
    let Recalling { agent, settings, request } = recalling;
    // What the last turn left must be there before it is read.
    agent.writes.settled(request).await;
    let question = Question {
        actor: &request.actor,
        session: &request.session,
        text: &request.text,
        most: settings.recall.most,
        threshold: settings.recall.threshold,
        now: SystemTime::now(),
    };
    let history = memory.events(&request.actor, &request.session, None);
    let (records, events) = tokio::try_join!(memory.recall(&question), history)?;
    let history = conversation(&events.entries, settings.history_turns);
    Ok(Before { records, history, remembered: true })
}

/// The last turns as messages: a question, then its answer.
fn conversation(events: &[Said], turns: usize) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    let mut asked: Option<&Said> = None;
    for event in events {
        match event.role {
            Role::User => asked = Some(event),
            Role::Assistant => {
                let question = asked.take().filter(|asked| asked.turn == event.turn);
                if let Some(question) = question
                    && !event.text.is_empty()
                {
                    messages.extend(exchange(&question.text, &event.text));
                }
            }
            Role::Tool | Role::Other => {}
        }
    }
    let surplus = messages.len().saturating_sub(turns * 2);
    messages.split_off(surplus)
}

/// A question and its answer.
pub(super) fn exchange(asked: &str, answered: &str) -> [Message; 2] {
    let reply = Reply { text: answered.to_owned(), uses: Vec::new() };
    [Message::User(asked.to_owned()), Message::Agent(reply)]
}

fn noted(before: &Before) -> String {
    let turns = before.history.len() / 2;
    match before.records.as_slice() {
        [] => format!("nothing that bears on it, {turns} earlier turns of this session"),
        [only] => format!("1 hit: {}, {turns} earlier turns", only.namespace.as_str()),
        many => format!("{} hits, {turns} earlier turns of this session", many.len()),
    }
}

fn late() -> MemoryError {
    MemoryError::new(Why::TimedOut, "it took longer than an answer waits for it")
}

fn failed(error: &MemoryError) -> Ended {
    Ended {
        outcome: Some(Outcome::Failed),
        reason: Some(error.why.as_str().to_owned()),
        blame: Some("memory".to_owned()),
        retry_safe: Some(true),
        note: Some(error.message.clone()),
        ..Ended::default()
    }
}

fn degraded(says: &str) -> Event {
    Event::Degraded { what: "memory".to_owned(), says: says.to_owned() }
}
