//! What Bedrock refuses, as far as an agent can get it wrong.
//!
//! In: a request. Out: the first rule that it breaks, in words like Bedrock's. Emulators let all of
//! it pass.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::service::Asked;

/// The longest name of a tool, and the longest id of a wish for one.
const LONGEST: usize = 64;

/// The rule that is broken.
#[must_use]
pub fn broken(asked: &Asked) -> Option<String> {
    let signed = asked.headers.get("authorization").and_then(|value| value.to_str().ok());
    if !signed.is_some_and(|value| value.contains("/bedrock/aws4_request")) {
        return Some(format!("not signed for bedrock: {signed:?}"));
    }
    if !asked.path.starts_with("/model/") || !asked.path.ends_with("/converse-stream") {
        return Some(format!("no operation: {}", asked.path));
    }
    of_body(&asked.body).err()
}

fn of_body(body: &Value) -> Result<(), String> {
    let known = tools(&body["toolConfig"])?;
    let inference = &body["inferenceConfig"];
    let warm = inference["temperature"].as_f64().unwrap_or(0.0);
    ensure((0.0..=1.0).contains(&warm), "temperature must be from 0 to 1")?;
    ensure(inference["maxTokens"].as_u64() != Some(0), "maxTokens must be at least 1")?;
    let messages = list(&body["messages"]);
    ensure(!messages.is_empty(), "a conversation must have at least one message")?;
    let mut open: Vec<&str> = Vec::new();
    for (nth, message) in messages.iter().enumerate() {
        let role = if nth % 2 == 0 { "user" } else { "assistant" };
        ensure(message["role"] == role, "roles must alternate, beginning with user")?;
        let blocks = list(&message["content"]);
        ensure(!blocks.is_empty(), "the content of a message is empty")?;
        let results = ids(blocks, "toolResult");
        if results != open {
            let says = "expected toolResult blocks for the toolUse blocks of the turn before";
            return Err(format!("{says}: {open:?}, not {results:?}"));
        }
        open = ids(blocks, "toolUse");
        ensure(role == "assistant" || open.is_empty(), "a user asks for no tool")?;
        blocks.iter().try_for_each(|block| of_block(block, &known))?;
    }
    ensure(messages.len() % 2 == 1, "the conversation must end with a user message")
}

/// The names of the tools.
fn tools(config: &Value) -> Result<BTreeSet<&str>, String> {
    let mut known = BTreeSet::new();
    if config.is_null() {
        return Ok(known);
    }
    ensure(!list(&config["tools"]).is_empty(), "toolConfig has no tools")?;
    for tool in list(&config["tools"]).iter().filter(|tool| tool["cachePoint"].is_null()) {
        let spec = &tool["toolSpec"];
        let name = spec["name"].as_str().unwrap_or_default();
        ensure(is_name(name), &format!("{name:?} is no name of a tool: [a-zA-Z0-9_-]+, up to 64"))?;
        ensure(known.insert(name), &format!("{name} is there twice"))?;
        let object = spec.pointer("/inputSchema/json/type").is_some_and(|kind| kind == "object");
        ensure(object, &format!("the schema of {name} is of no object"))?;
        let says = spec["description"].as_str();
        ensure(says.is_none_or(|says| !says.is_empty()), &format!("{name} has no description"))?;
    }
    Ok(known)
}

fn of_block(block: &Value, known: &BTreeSet<&str>) -> Result<(), String> {
    if let Some(text) = block["text"].as_str() {
        return ensure(!text.trim().is_empty(), "a text is blank");
    }
    ensure(!known.is_empty(), "toolUse and toolResult blocks need a toolConfig")?;
    if !block["toolUse"].is_null() {
        let used = &block["toolUse"];
        ensure(is_name(used["name"].as_str().unwrap_or_default()), "a toolUse has a bad name")?;
        ensure(is_name(used["toolUseId"].as_str().unwrap_or_default()), "a toolUse has a bad id")?;
        return ensure(used["input"].is_object(), "the input of a toolUse is no object");
    }
    let content = block.pointer("/toolResult/content").map_or(&[][..], list);
    let blank = |part: &Value| part["text"].as_str().is_some_and(|text| text.trim().is_empty());
    ensure(!content.is_empty() && !content.iter().any(blank), "a toolResult is empty")
}

/// In order, as Bedrock minds the set and not the sequence.
fn ids<'a>(blocks: &'a [Value], kind: &str) -> Vec<&'a str> {
    let ids = blocks.iter().filter_map(|block| block.get(kind)?.get("toolUseId")?.as_str());
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    ids
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(fits)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn ensure(holds: bool, says: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(says.to_owned()) }
}

#[cfg(test)]
mod tests {
    //! Each rule is broken once.

    use serde_json::{Value, json};

    use super::of_body;

    /// A good conversation: a question, two wishes, their results.
    fn good() -> Value {
        let spec = json!({ "name": "read", "inputSchema": { "json": { "type": "object" } } });
        let used =
            |id: &str| json!({ "toolUse": { "toolUseId": id, "name": "read", "input": {} } });
        let result =
            |id: &str| json!({ "toolResult": { "toolUseId": id, "content": [{ "text": "x" }] } });
        json!({
            "toolConfig": { "tools": [{ "toolSpec": spec }] },
            "inferenceConfig": { "temperature": 0.3, "maxTokens": 10 },
            "messages": [
                { "role": "user", "content": [{ "text": "?" }] },
                { "role": "assistant", "content": [used("a"), used("b")] },
                { "role": "user", "content": [result("a"), result("b")] },
            ],
        })
    }

    #[test]
    fn a_good_conversation_passes_and_each_broken_rule_is_named() {
        assert_eq!(of_body(&good()), Ok(()));
        let cases = [
            ("/messages", json!([]), "at least one message"),
            ("/messages/0/role", json!("assistant"), "alternate"),
            ("/messages/0/content", json!([]), "empty"),
            ("/messages/0/content/0/text", json!(" "), "blank"),
            ("/messages/2/content/1", json!({ "text": "x" }), r#"["a", "b"], not ["a"]"#),
            ("/messages/2/content/0/toolResult/toolUseId", json!("c"), "expected toolResult"),
            ("/messages/2/content/0/toolResult/content", json!([]), "toolResult is empty"),
            ("/messages/1/content/0/toolUse/input", json!("x"), "no object"),
            ("/messages/1/content/0/toolUse/name", json!("a.b"), "bad name"),
            ("/messages/1/content", json!([{ "text": "x" }]), "[], not"),
            ("/toolConfig", Value::Null, "need a toolConfig"),
            ("/toolConfig/tools", json!([]), "no tools"),
            ("/toolConfig/tools/0/toolSpec/name", json!("x".repeat(65)), "no name of a tool"),
            ("/toolConfig/tools/0/toolSpec/inputSchema/json", json!({}), "of no object"),
            ("/toolConfig/tools/0/toolSpec/description", json!(""), "no description"),
            ("/inferenceConfig/temperature", json!(1.5), "temperature"),
            ("/inferenceConfig/maxTokens", json!(0), "maxTokens"),
        ];
        for (place, value, says) in cases {
            let mut body = good();
            set(&mut body, place, value);
            let why = of_body(&body).expect_err(place);
            assert!(why.contains(says), "{place}: {why}");
        }
    }

    /// Puts a value there, whether something was there or not.
    fn set(body: &mut Value, place: &str, value: Value) {
        let (parent, name) = place.rsplit_once('/').expect("a place");
        let parent = body.pointer_mut(parent).expect("a parent");
        match name.parse::<usize>() {
            Ok(nth) => parent[nth] = value,
            Err(_) => parent[name] = value,
        }
    }
}
