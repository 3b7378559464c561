//! A reply, put together from what arrives.
//!
//! In: events of a stream, or a whole message. Out: a thought; text is passed on with each
//! event. Never: more than [`MOST_BYTES`]; arguments that are no object passed off as one.

use aws_sdk_bedrockruntime::types::{
    ContentBlock, ContentBlockDelta, ContentBlockStart, ConverseStreamOutput, Message, StopReason,
    TokenUsage,
};
use serde_json::Value;
use toolgate_agent_model::{Fault, Heard, Input, ModelError, Stop, Thought, ToolUse, Usage};

use super::document::value;
use super::failure::garbled;

/// The most bytes of text and arguments together.
const MOST_BYTES: usize = 4 << 20;
/// The most tools that one reply asks for.
const MOST_USES: usize = 256;

/// A reply in the making.
#[derive(Default)]
pub(super) struct Reply {
    text: String,
    uses: Vec<Wish>,
    stop: Option<Stop>,
    usage: Usage,
    bytes: usize,
}

/// A tool that is asked for; its arguments come in pieces.
struct Wish {
    block: i32,
    id: String,
    name: String,
    json: String,
}

// === impl Reply ===

impl Reply {
    /// Takes the next event.
    pub(super) fn take(
        &mut self,
        event: ConverseStreamOutput,
        heard: &mut dyn Heard,
    ) -> Result<(), ModelError> {
        match event {
            ConverseStreamOutput::ContentBlockStart(event) => {
                if let Some(ContentBlockStart::ToolUse(tool)) = event.start {
                    return self.begin(
                        event.content_block_index,
                        tool.tool_use_id,
                        tool.name,
                        heard,
                    );
                }
            }
            ConverseStreamOutput::ContentBlockDelta(event) => match event.delta {
                Some(ContentBlockDelta::Text(delta)) => self.say(&delta, heard)?,
                Some(ContentBlockDelta::ToolUse(delta)) => {
                    self.argue(event.content_block_index, &delta.input)?;
                }
                // Reasoning, pictures and citations are not asked for.
                Some(_) | None => {}
            },
            ConverseStreamOutput::MessageStop(event) => self.stop = Some(stop(&event.stop_reason)),
            ConverseStreamOutput::Metadata(event) => {
                self.usage = event.usage.as_ref().map_or(self.usage, usage);
            }
            // The beginning says nothing new, the end of a block neither, and a word that is not
            // known here is no reason to drop a reply.
            ConverseStreamOutput::MessageStart(_)
            | ConverseStreamOutput::ContentBlockStop(_)
            | _ => {}
        }
        Ok(())
    }

    /// Whether the model has said why it ended.
    pub(super) const fn has_ended(&self) -> bool {
        self.stop.is_some()
    }

    /// The whole reply.
    pub(super) fn end(self) -> Result<Thought, ModelError> {
        let Some(stop) = self.stop else {
            let message = "the reply of Bedrock broke off before its end; ask again";
            return Err(ModelError::new(Fault::Unavailable, message));
        };
        let uses = self.uses.into_iter().map(Wish::end).collect();
        Ok(Thought { text: self.text, uses, stop, usage: self.usage })
    }

    fn begin(
        &mut self,
        block: i32,
        id: String,
        name: String,
        heard: &mut dyn Heard,
    ) -> Result<(), ModelError> {
        self.weigh(id.len() + name.len())?;
        if self.uses.len() >= MOST_USES {
            return Err(garbled("the reply of Bedrock asks for more tools than any turn has"));
        }
        heard.tool(&name);
        self.uses.push(Wish { block, id, name, json: String::new() });
        Ok(())
    }

    fn say(&mut self, delta: &str, heard: &mut dyn Heard) -> Result<(), ModelError> {
        self.weigh(delta.len())?;
        if !delta.is_empty() {
            heard.text(delta);
            self.text.push_str(delta);
        }
        Ok(())
    }

    fn argue(&mut self, block: i32, piece: &str) -> Result<(), ModelError> {
        self.weigh(piece.len())?;
        let wish = self.uses.iter_mut().rfind(|wish| wish.block == block);
        let wish = wish.ok_or_else(|| garbled("arguments came for a tool that was not named"))?;
        wish.json.push_str(piece);
        Ok(())
    }

    fn weigh(&mut self, more: usize) -> Result<(), ModelError> {
        self.bytes = self.bytes.saturating_add(more);
        if self.bytes > MOST_BYTES {
            return Err(garbled("the reply of Bedrock is longer than 4 MiB"));
        }
        Ok(())
    }
}

// === impl Wish ===

impl Wish {
    fn end(self) -> ToolUse {
        let input = match serde_json::from_str(&self.json) {
            Ok(Value::Object(arguments)) => Input::Object(arguments),
            // A tool without arguments gets none.
            _ if self.json.trim().is_empty() => Input::Object(serde_json::Map::new()),
            Ok(_) | Err(_) => Input::Malformed(self.json),
        };
        ToolUse { id: self.id, name: self.name, input }
    }
}

/// A reply that comes at once.
pub(super) fn whole(
    message: Message,
    why: &StopReason,
    used: Option<&TokenUsage>,
    heard: &mut dyn Heard,
) -> Thought {
    let usage = used.map_or_else(Usage::default, usage);
    let mut thought = Thought { stop: stop(why), usage, ..Thought::default() };
    for block in message.content {
        #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is asked for")]
        match block {
            ContentBlock::Text(text) if !text.is_empty() => {
                heard.text(&text);
                thought.text.push_str(&text);
            }
            ContentBlock::ToolUse(tool) => {
                heard.tool(&tool.name);
                let input = match value(tool.input) {
                    Value::Object(arguments) => Input::Object(arguments),
                    Value::Null => Input::Object(serde_json::Map::new()),
                    other @ (Value::Bool(_)
                    | Value::Number(_)
                    | Value::String(_)
                    | Value::Array(_)) => Input::Malformed(other.to_string()),
                };
                thought.uses.push(ToolUse { id: tool.tool_use_id, name: tool.name, input });
            }
            // Reasoning, pictures and citations are not asked for.
            _ => {}
        }
    }
    thought
}

#[expect(clippy::wildcard_enum_match_arm, reason = "Bedrock may grow further words")]
fn stop(why: &StopReason) -> Stop {
    match why {
        StopReason::EndTurn => Stop::EndTurn,
        StopReason::ToolUse => Stop::ToolUse,
        StopReason::MaxTokens => Stop::MaxTokens,
        StopReason::StopSequence => Stop::StopSequence,
        StopReason::GuardrailIntervened => Stop::GuardrailIntervened,
        StopReason::ContentFiltered => Stop::ContentFiltered,
        StopReason::MalformedModelOutput => Stop::MalformedOutput,
        StopReason::MalformedToolUse => Stop::MalformedToolUse,
        StopReason::ModelContextWindowExceeded => Stop::ContextWindowExceeded,
        // Words that Bedrock may grow.
        _ => Stop::Other,
    }
}

fn usage(used: &TokenUsage) -> Usage {
    let tokens =
        |count: Option<i32>| count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
    Usage {
        input: tokens(Some(used.input_tokens)),
        output: tokens(Some(used.output_tokens)),
        cache_read: tokens(used.cache_read_input_tokens),
        cache_write: tokens(used.cache_write_input_tokens),
    }
}
