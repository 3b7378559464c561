//! What is sent.
//!
//! In: an [`Ask`]. Out: the JSON of a chat completion. Never: a tool call without its result, as
//! long as the conversation has one; arguments that are no JSON.

use serde_json::{Map, Value, json};

use crate::{Ask, Input, Message, Said, Tool, ToolUse};

/// The body of a request.
pub(super) fn body(ask: &Ask<'_>) -> Vec<u8> {
    let mut messages = Vec::with_capacity(ask.messages.len() + 1);
    if !ask.system.is_empty() {
        messages.push(json!({ "role": "system", "content": ask.system }));
    }
    ask.messages.iter().for_each(|message| push(&mut messages, message));
    let mut body = Map::new();
    body.insert("model".into(), ask.model.into());
    body.insert("messages".into(), messages.into());
    body.insert("temperature".into(), decimal(ask.temperature));
    body.insert("max_tokens".into(), ask.max_tokens.into());
    body.insert("stream".into(), true.into());
    body.insert("stream_options".into(), json!({ "include_usage": true }));
    if !ask.tools.is_empty() {
        body.insert("tools".into(), ask.tools.iter().map(tool).collect());
        if ask.must_answer {
            body.insert("tool_choice".into(), "none".into());
        }
    }
    Value::Object(body).to_string().into_bytes()
}

fn push(messages: &mut Vec<Value>, message: &Message) {
    match message {
        Message::User(text) => messages.push(json!({ "role": "user", "content": text })),
        Message::Agent(said) => messages.push(assistant(said)),
        Message::Results(results) => messages.extend(results.iter().map(
            |result| json!({ "role": "tool", "tool_call_id": result.id, "content": result.text }),
        )),
    }
}

fn assistant(said: &Said) -> Value {
    let mut message = json!({ "role": "assistant", "content": said.text });
    if !said.uses.is_empty()
        && let Some(members) = message.as_object_mut()
    {
        members.insert("tool_calls".into(), said.uses.iter().map(call).collect());
    }
    message
}

fn call(used: &ToolUse) -> Value {
    let arguments = match &used.input {
        Input::Object(arguments) => Value::Object(arguments.clone()).to_string(),
        // Servers put arguments into templates that read JSON.
        Input::Malformed(text) => json!({ "malformed": text }).to_string(),
    };
    let function = json!({ "name": used.name, "arguments": arguments });
    json!({ "id": used.id, "type": "function", "function": function })
}

fn tool(tool: &Tool) -> Value {
    let function = json!({
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.schema,
    });
    json!({ "type": "function", "function": function })
}

/// 0.3, not 0.30000001192092896.
fn decimal(number: f32) -> Value {
    number.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}
