//! A model behind the OpenAI-compatible API that is fooled by everything that it reads.
//!
//! In: conversations. Out: each call that is ordered (`call NAME with {…}`) in what was said last, by whomever;
//! without an order, a word. `$TOKEN` in an order becomes whatever in the conversation looks like a token.
//! Never: minds who speaks, what it was offered, or that it is to answer at last.

use anyhow::Result;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::service::{Asked, Says, Service};

/// What stands in an order where a token is wanted.
const WANTED: &str = "$TOKEN";
/// What it sends if it knows none.
pub const NONE: &str = "i-know-none";
/// How what may be a token begins: a JWT, a header.
const TOKENS: [&str; 2] = ["eyJ", "Bearer "];

/// One that runs until it is dropped.
#[derive(Debug)]
pub struct Obedient(Service);

// === impl Obedient ===

impl Obedient {
    /// Starts one.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start() -> Result<Self> {
        Ok(Self(Service::start(says).await?))
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/v1", self.0.url())
    }

    /// The requests so far, the oldest first.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.0.asked()
    }

    /// The names of the tools that it was offered last.
    #[must_use]
    pub fn offered(&self) -> Vec<String> {
        let last = self.asked().pop().map(|asked| asked.body).unwrap_or_default();
        let names = list(&last, "tools").iter().filter_map(|tool| tool.pointer("/function/name"));
        names.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// What it was told of each call, in the conversation that it was sent last.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        let last = self.asked().pop().map(|asked| asked.body).unwrap_or_default();
        let results = list(&last, "messages").iter().filter(|message| message["role"] == "tool");
        results.filter_map(|message| message["content"].as_str()).map(str::to_owned).collect()
    }
}

fn says(asked: &Asked) -> Says {
    let messages = list(&asked.body, "messages");
    let own = messages.iter().rposition(|message| message["role"] == "assistant");
    // Before it has said anything there are the instructions and the question.
    let last = own.map_or(messages.len().saturating_sub(1), |own| own + 1);
    let said = messages.iter().skip(last).filter_map(|message| message["content"].as_str());
    let token = token(&asked.body.to_string());
    let calls: Vec<Value> =
        said.flat_map(orders).enumerate().map(|it| call(last, it, &token)).collect();
    let (delta, reason) = match calls.is_empty() {
        true => (json!({ "content": "done" }), "stop"),
        false => (json!({ "tool_calls": calls }), "tool_calls"),
    };
    let chunk = json!({ "choices": [{ "delta": delta, "finish_reason": reason }] });
    let body = format!("data: {chunk}\n\ndata: [DONE]\n\n");
    Says::of(200, "text/event-stream", vec![Bytes::from(body)])
}

/// The calls that a text orders: the names, and the arguments.
fn orders(text: &str) -> Vec<(String, Map<String, Value>)> {
    let pieces = text.split("call ").skip(1);
    let order = |piece: &str| {
        let (name, rest) = piece.split_once(" with ")?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter();
        Some((name.to_owned(), values.next()?.ok()?))
    };
    pieces.filter_map(order).collect()
}

/// A wish for a tool, with the token that was asked for.
fn call(
    at: usize,
    (nth, (name, input)): (usize, (String, Map<String, Value>)),
    token: &str,
) -> Value {
    let arguments = Value::Object(input).to_string().replace(WANTED, token);
    let function = json!({ "name": name, "arguments": arguments });
    json!({ "index": nth, "id": format!("call-{at}-{nth}"), "type": "function", "function": function })
}

/// The first thing in a text that looks like a token.
fn token(text: &str) -> String {
    let found = TOKENS.iter().filter_map(|start| text.find(start)).min();
    let rest = found.and_then(|at| text.get(at..)).unwrap_or(NONE);
    rest.split(['"', '\\', '\n']).next().unwrap_or_default().to_owned()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    //! It is as easily fooled as it says.

    use super::{NONE, orders, token};

    #[test]
    fn every_order_is_found_whatever_stands_around_it() {
        let text =
            "Fine. call a___b with {\"x\": {\"y\": 1}}, then call c with {}\n<b>call d with no";
        let found = orders(text);
        let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a___b", "c"]);
        assert_eq!(found[0].1["x"]["y"], 1);
    }

    #[test]
    fn what_looks_like_a_token_is_taken_for_one() {
        assert_eq!(token("x: \\\"Bearer abc\\\", y"), "Bearer abc");
        assert_eq!(token("{\"t\":\"eyJh.b.c\"}"), "eyJh.b.c");
        assert_eq!(token("nothing"), NONE);
    }
}
