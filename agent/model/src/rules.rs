//! Rules that stand in for a model, so that everything runs without one.
//!
//! In: a conversation and tools. Out: tools chosen by what they mean, then what they said, quoted;
//! and each time the word that this is no language model. Never: a conclusion of its own; a value
//! that no tool gave; a tool that changes something unless the user said its verb.

mod answer;
mod choose;
mod deeper;
mod fill;
mod recalled;
mod risky;
mod talk;
mod times;
mod words;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::timeout;
use toolgate_search::{Embedder, Entry, Index, Limits, Model as Meaning};

use self::choose::Choice;
use self::talk::Talk;
use crate::pieces::pieces;
use crate::{
    Ask, Fault, Heard, Input, Model, ModelError, Provider, Stop, Thinking, Thought, Tool, ToolUse,
    Usage,
};

/// Definitions of tools whose meaning is remembered.
const REMEMBERED: usize = 2048;

/// Rules that stand in for a model.
#[derive(Debug)]
pub struct Rules {
    embedder: Option<Arc<Embedder>>,
    last: Mutex<Option<Known>>,
}

/// The tools of the last request, ready to be searched.
#[derive(Debug)]
struct Known {
    tools: Vec<Tool>,
    index: Arc<Index>,
}

/// What the rules have decided.
enum Reply {
    Says(String),
    Wants(Vec<(String, serde_json::Map<String, serde_json::Value>)>),
}

// === impl Rules ===

impl Default for Rules {
    fn default() -> Self {
        Self::new()
    }
}

impl Rules {
    /// Rules that choose by meaning; by words alone if the embedded model has a flaw.
    #[must_use]
    pub fn new() -> Self {
        let meaning = Meaning::embedded();
        let meaning = meaning.inspect_err(|flaw| tracing::error!(%flaw, "tools go by words alone"));
        let embedder = meaning.ok().map(|meaning| Arc::new(Embedder::new(meaning, REMEMBERED)));
        Self { embedder, last: Mutex::default() }
    }

    async fn reply(&self, ask: &Ask<'_>) -> Reply {
        let talk = Talk::read(ask.messages);
        if !talk.outcomes.is_empty() || ask.must_answer {
            let wanted = if ask.must_answer { None } else { deeper::next(&talk, ask.tools) };
            return wanted.map_or_else(
                || Reply::Says(answer::quoting(&talk)),
                |wanted| Reply::Wants(vec![wanted]),
            );
        }
        if let Some(says) = answer::without_tools(&talk, ask.tools) {
            return Reply::Says(says);
        }
        let index = self.index(ask.tools).await;
        match choose::choose(&talk, ask.tools, &index) {
            Choice::Call(calls) => Reply::Wants(calls),
            Choice::Lacks { tool, parameter } => Reply::Says(answer::lacks(&tool, &parameter)),
            Choice::Nothing => Reply::Says(answer::nothing(&talk, ask.tools)),
        }
    }

    /// The tools, searchable. What they mean is worked out once, on a thread of its own.
    async fn index(&self, tools: &[Tool]) -> Arc<Index> {
        if let Some(known) = self.known(tools) {
            return known;
        }
        let embedder = self.embedder.clone();
        let owned = tools.to_vec();
        let made = tokio::task::spawn_blocking(move || {
            let index = Arc::new(indexed(&owned, embedder));
            Known { tools: owned, index }
        });
        match made.await {
            Ok(known) => {
                let index = Arc::clone(&known.index);
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
                index
            }
            Err(_) => Arc::new(indexed(tools, None)),
        }
    }

    fn known(&self, tools: &[Tool]) -> Option<Arc<Index>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let last = last.as_ref().filter(|known| known.tools == tools)?;
        Some(Arc::clone(&last.index))
    }
}

impl Model for Rules {
    fn provider(&self) -> Provider {
        Provider::Rules
    }

    fn think<'a>(&'a self, ask: &'a Ask<'a>, heard: &'a mut dyn Heard) -> Thinking<'a> {
        Box::pin(async move {
            let reply = timeout(ask.patience, self.reply(ask)).await.map_err(|_| {
                let says = format!("the rules take longer than {:?}", ask.patience);
                ModelError::new(Fault::TimedOut, says)
            })?;
            Ok(said(reply, Talk::read(ask.messages).uses, heard))
        })
    }
}

/// Says it. Rules cost no tokens.
fn said(reply: Reply, before: usize, heard: &mut dyn Heard) -> Thought {
    let usage = Usage::default();
    match reply {
        Reply::Says(text) => {
            pieces(&text).for_each(|piece| heard.text(piece));
            Thought { text, uses: Vec::new(), stop: Stop::EndTurn, usage }
        }
        Reply::Wants(calls) => {
            let uses = (before..).zip(calls).map(|(nth, (name, input))| {
                heard.tool(&name);
                ToolUse { id: format!("rule_{nth}"), name, input: Input::Object(input) }
            });
            Thought { text: String::new(), uses: uses.collect(), stop: Stop::ToolUse, usage }
        }
    }
}

fn indexed(tools: &[Tool], embedder: Option<Arc<Embedder>>) -> Index {
    let mut index = Index::new(embedder, Limits::default());
    for tool in tools {
        let parameters = fill::parameters(&tool.schema).map(|(name, _)| name);
        let entry = Entry::tool(&tool.name, &tool.description, parameters);
        if index.insert(entry).is_err() {
            break;
        }
    }
    index.embed();
    index
}
