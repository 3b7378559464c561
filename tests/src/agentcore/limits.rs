//! What AgentCore Memory refuses, as far as an agent can get it wrong.
//!
//! In: a request. Out: the first limit that it breaks. Emulators let most of it pass.

use serde_json::Value;

use crate::service::Asked;

/// The limit that is broken.
pub(super) fn broken(asked: &Asked) -> Option<String> {
    let signed = asked.headers.get("authorization").and_then(|value| value.to_str().ok());
    if !signed.is_some_and(|value| value.contains("/bedrock-agentcore/aws4_request")) {
        return Some(format!("not signed for bedrock-agentcore: {signed:?}"));
    }
    let body = &asked.body;
    let checked = match asked.path.rsplit('/').next().unwrap_or_default() {
        "events" => event(body),
        "retrieve" => search(body).and_then(|()| part(body)),
        _ => part(body),
    };
    checked.err()
}

fn event(body: &Value) -> Result<(), String> {
    ensure(is_id(&body["actorId"], 255), "actorId")?;
    ensure(is_id(&body["sessionId"], 100), "sessionId")?;
    ensure(body["eventTimestamp"].is_number(), "eventTimestamp")?;
    let payload = body["payload"].as_array().map(Vec::as_slice).unwrap_or_default();
    ensure((1..=100).contains(&payload.len()), "payload has 1 to 100 parts")?;
    for said in payload.iter().map(|part| &part["conversational"]) {
        let text = said.pointer("/content/text").and_then(Value::as_str).unwrap_or_default();
        ensure((1..=100_000).contains(&text.chars().count()), "text")?;
        let role = said["role"].as_str().unwrap_or_default();
        ensure(["USER", "ASSISTANT", "TOOL", "OTHER"].contains(&role), "role")?;
    }
    let labels = body["metadata"].as_object();
    ensure(labels.is_none_or(|labels| labels.len() <= 15), "at most 15 labels")?;
    let fine = |letter: char| letter.is_ascii_alphanumeric() || " ._:/=+@-".contains(letter);
    for value in labels.into_iter().flatten().map(|(_, label)| &label["stringValue"]) {
        let text = value.as_str().unwrap_or_default();
        ensure(text.len() <= 256 && text.chars().all(fine), &format!("label {text:?}"))?;
    }
    Ok(())
}

fn search(body: &Value) -> Result<(), String> {
    let criteria = &body["searchCriteria"];
    let query = criteria["searchQuery"].as_str().unwrap_or_default();
    ensure((1..=10_000).contains(&query.chars().count()), "searchQuery")?;
    ensure(criteria["topK"].as_u64().is_none_or(|most| (1..=100).contains(&most)), "topK")
}

/// A part of a list.
fn part(body: &Value) -> Result<(), String> {
    let most = body["maxResults"].as_u64();
    ensure(most.is_none_or(|most| (1..=100).contains(&most)), "maxResults")?;
    let namespace = body["namespace"].as_str();
    let whole = |namespace: &str| namespace.starts_with('/') && !namespace.contains(['{', '*']);
    ensure(namespace.is_none_or(whole), "namespace")
}

fn is_id(value: &Value, longest: usize) -> bool {
    let id = value.as_str().unwrap_or_default();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let begins = id.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    begins && id.len() <= longest && id.bytes().all(fits)
}

fn ensure(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("not as the service takes it: {what}")) }
}
