//! A reply, put together from its pieces.
//!
//! In: the JSON of each event. Out: text as it comes, at the end a [`Thought`]. Never: more than
//! agreed of anything; a tool call whose arguments stand in another's.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::Value;

use super::Key;
use super::events::garbage;
use super::refused::broken_off;
use crate::{Fault, Heard, Input, Message, ModelError, Stop, Thought, ToolUse, Usage};

/// Bytes of text and arguments together.
const MOST: usize = 4 << 20;
/// Tools that one reply may ask for.
const CALLS: usize = 128;
/// What a stream ends with.
const DONE: &str = "[DONE]";

/// A reply so far.
#[derive(Debug, Default)]
pub(super) struct Reply {
    text: String,
    calls: Vec<Call>,
    finish: Option<String>,
    usage: Usage,
    bytes: usize,
    over: bool,
    /// Tools that were asked for before in this conversation.
    before: usize,
}

/// A tool call so far.
#[derive(Debug, Default)]
struct Call {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<Counted>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u64,
    #[serde(alias = "message")]
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<Value>,
    refusal: Option<String>,
    tool_calls: Option<Vec<Piece>>,
}

#[derive(Deserialize)]
struct Piece {
    index: Option<u64>,
    id: Option<String>,
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    name: Option<String>,
    arguments: Option<Value>,
}

#[derive(Deserialize)]
struct Counted {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    cached_tokens: Option<u64>,
}

// === impl Reply ===

impl Reply {
    /// A reply to a conversation.
    pub(super) fn new(messages: &[Message]) -> Self {
        let uses = messages.iter().map(|message| match message {
            Message::Agent(said) => said.uses.len(),
            Message::User(_) | Message::Results(_) => 0,
        });
        Self { before: uses.sum(), ..Self::default() }
    }

    /// Takes an event.
    pub(super) fn event(
        &mut self,
        data: &str,
        heard: &mut dyn Heard,
        key: Option<&Key>,
    ) -> Result<(), ModelError> {
        let data = data.trim();
        if data == DONE {
            self.over = true;
        }
        if data.is_empty() || self.over {
            return Ok(());
        }
        let chunk: Chunk = serde_json::from_str(data).map_err(|_| garbage())?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(broken_off(&error, key));
        }
        if let Some(counted) = chunk.usage {
            self.usage = counted.usage();
        }
        // One reply was asked for.
        let choices = chunk.choices.unwrap_or_default();
        for choice in choices.into_iter().filter(|choice| choice.index == 0) {
            if let Some(delta) = choice.delta {
                self.delta(delta, heard)?;
            }
            self.finish = choice.finish_reason.or_else(|| self.finish.take());
        }
        Ok(())
    }

    /// Whether the server has said that nothing more comes.
    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// Nothing more comes.
    pub(super) const fn close(&mut self) {
        self.over = true;
    }

    /// The whole.
    pub(super) fn done(self) -> Result<Thought, ModelError> {
        if self.finish.is_none() && !self.over {
            let says = "the model server ended its reply in the middle";
            return Err(ModelError::new(Fault::Unavailable, says));
        }
        let nothing = self.finish.is_none() && self.text.is_empty() && self.calls.is_empty();
        if nothing {
            return Err(garbage());
        }
        let stop = stop(self.finish.as_deref(), !self.calls.is_empty());
        let mut taken = HashSet::new();
        let uses = self.calls.into_iter().enumerate().map(|(nth, call)| {
            let made_up = || format!("call_{}", self.before + nth);
            let own = !call.id.is_empty() && taken.insert(call.id.clone());
            let id = if own { call.id } else { made_up() };
            ToolUse { id, name: call.name, input: input(call.arguments) }
        });
        Ok(Thought { uses: uses.collect(), text: self.text, stop, usage: self.usage })
    }

    fn delta(&mut self, delta: Delta, heard: &mut dyn Heard) -> Result<(), ModelError> {
        let parts = delta.content.as_ref().map(words).into_iter().flatten();
        for text in parts.chain(delta.refusal.as_deref()).filter(|text| !text.is_empty()) {
            self.grow(text.len())?;
            self.text.push_str(text);
            heard.text(text);
        }
        for piece in delta.tool_calls.into_iter().flatten() {
            self.piece(piece, heard)?;
        }
        Ok(())
    }

    fn piece(&mut self, piece: Piece, heard: &mut dyn Heard) -> Result<(), ModelError> {
        let id = piece.id.unwrap_or_default();
        let function = piece.function;
        let (name, arguments) = function.map_or((None, None), |it| (it.name, it.arguments));
        let name = name.unwrap_or_default();
        let arguments = arguments.map(|arguments| match arguments {
            Value::String(piece) => piece,
            Value::Null => String::new(),
            whole @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                whole.to_string()
            }
        });
        let arguments = arguments.unwrap_or_default();
        self.grow(id.len() + name.len() + arguments.len())?;
        let Some(call) = self.call(piece.index, &id, &name) else {
            let says = format!("the model asked for more than {CALLS} tools at once");
            return Err(ModelError::new(Fault::Protocol, says));
        };
        if call.id.is_empty() {
            call.id = id;
        }
        if call.name.is_empty() && !name.is_empty() {
            heard.tool(&name);
            call.name = name;
        }
        call.arguments.push_str(&arguments);
        Ok(())
    }

    /// The call that a piece belongs to. Some servers number all calls 0, and tell them apart by
    /// their ids; some send whole calls with neither.
    fn call(&mut self, index: Option<u64>, id: &str, name: &str) -> Option<&mut Call> {
        let of_index = |call: &Call| index.is_none() || call.index == index;
        let at = self.calls.iter().rposition(of_index).filter(|at| {
            let Some(call) = self.calls.get(*at) else { return false };
            if !id.is_empty() && !call.id.is_empty() {
                return call.id == id;
            }
            let whole = || serde_json::from_str::<Value>(&call.arguments).is_ok();
            name.is_empty() || call.name.is_empty() || !whole()
        });
        if at.is_none() && self.calls.len() >= CALLS {
            return None;
        }
        let at = at.unwrap_or_else(|| {
            self.calls.push(Call { index, ..Call::default() });
            self.calls.len() - 1
        });
        self.calls.get_mut(at)
    }

    fn grow(&mut self, bytes: usize) -> Result<(), ModelError> {
        self.bytes += bytes;
        if self.bytes <= MOST {
            return Ok(());
        }
        let says = format!("the model's reply is longer than {MOST} bytes");
        Err(ModelError::new(Fault::Protocol, says))
    }
}

// === impl Counted ===

impl Counted {
    fn usage(&self) -> Usage {
        let cached = self.prompt_tokens_details.as_ref().and_then(|details| details.cached_tokens);
        let (prompt, cached) = (self.prompt_tokens.unwrap_or(0), cached.unwrap_or(0));
        Usage {
            input: prompt.saturating_sub(cached),
            output: self.completion_tokens.unwrap_or(0),
            cache_read: cached.min(prompt),
            cache_write: 0,
        }
    }
}

/// A text, or the texts of parts.
fn words(content: &Value) -> Vec<&str> {
    match content.as_array() {
        Some(parts) => parts.iter().filter_map(|part| part.get("text")?.as_str()).collect(),
        None => content.as_str().into_iter().collect(),
    }
}

fn stop(finish: Option<&str>, wants_tools: bool) -> Stop {
    match finish {
        Some("length") => Stop::MaxTokens,
        Some("content_filter") => Stop::ContentFiltered,
        // Some servers say `stop` with tool calls.
        _ if wants_tools => Stop::ToolUse,
        None | Some("stop" | "eos" | "tool_calls" | "function_call") => Stop::EndTurn,
        Some(_) => Stop::Other,
    }
}

fn input(arguments: String) -> Input {
    if arguments.trim().is_empty() {
        return Input::Object(serde_json::Map::new());
    }
    match serde_json::from_str(&arguments) {
        Ok(Value::Object(members)) => Input::Object(members),
        Ok(
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_),
        )
        | Err(_) => Input::Malformed(arguments),
    }
}
