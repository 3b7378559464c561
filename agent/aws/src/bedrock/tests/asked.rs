//! What Bedrock is sent.

use serde_json::{Map, Value, json};
use toolgate_agent_model::{Ask, Input, Message, Model as _, Said, Tool, ToolResult, ToolUse};

use super::frames::{answer, stop, text};
use super::{Ear, MODEL, ask, lookup, question};
use crate::bedrock::{Bedrock, ModelOptions};
use crate::tests::stub::{Asked, Stub};

const CACHED: ModelOptions = ModelOptions { streaming: true, caching: true };

/// What is sent for each of these.
async fn sent(asks: &[Ask<'_>], options: ModelOptions) -> Vec<Asked> {
    let stub = Stub::answers(vec![answer(&[text(0, "x"), stop("end_turn")], 1000)]).await;
    let bedrock = Bedrock::new(&stub.cloud().await).with(MODEL, options);
    for ask in asks {
        bedrock.think(ask, &mut Ear::default()).await.unwrap();
    }
    stub.asked()
}

fn used(id: &str, name: &str, input: Input) -> ToolUse {
    ToolUse { id: id.to_owned(), name: name.to_owned(), input }
}

fn result(id: &str, text: &str, failed: bool) -> ToolResult {
    ToolResult { id: id.to_owned(), text: text.to_owned(), failed }
}

#[tokio::test]
async fn a_request_says_what_was_asked() {
    let (messages, tools) = (question(), [lookup()]);
    let asked = sent(&[ask(&messages, &tools)], ModelOptions::default()).await;
    let line = &asked[0].line;
    assert_eq!(line, "POST /model/us.anthropic.claude-test-v1%3A0/converse-stream");
    assert!(asked[0].head.contains("authorization: aws4-hmac-sha256"), "{}", asked[0].head);
    let body = asked[0].json();
    assert_eq!(body["system"], json!([{ "text": "Be brief." }]));
    let question =
        json!([{ "role": "user", "content": [{ "text": "why is it slow? canary-question" }] }]);
    assert_eq!(body["messages"], question);
    assert_eq!(body["inferenceConfig"]["maxTokens"], 512);
    let warm = body["inferenceConfig"]["temperature"].as_f64().unwrap();
    assert!((warm - 0.3).abs() < 1e-6, "{warm}");
    let spec = json!({
        "name": "lookup", "description": "Looks it up.",
        "inputSchema": { "json": { "type": "object", "properties": { "q": { "type": "string" } } } },
    });
    assert_eq!(body["toolConfig"]["tools"], json!([{ "toolSpec": spec }]));
}

#[tokio::test]
async fn each_wish_gets_its_result_in_order() {
    let arguments = json!({ "q": "x" }).as_object().unwrap().clone();
    let uses = vec![
        used("a", "lookup", Input::Object(arguments)),
        used("b", "no such.tool", Input::Malformed("[".to_owned())),
        used("c", "lookup", Input::Object(Map::new())),
    ];
    let messages = [
        Message::User("first".to_owned()),
        Message::Agent(Said { text: "  ".to_owned(), uses }),
        // The other way round, one missing, one that nobody waits for.
        Message::Results(vec![
            result("b", "not an object", true),
            result("a", "", false),
            result("z", "stray", false),
        ]),
        Message::User("and now?".to_owned()),
        Message::Agent(Said { text: String::new(), uses: Vec::new() }),
        Message::User("again".to_owned()),
    ];
    let tools = [lookup()];
    let asked = sent(&[ask(&messages, &tools)], ModelOptions::default()).await;
    let tool = |id: &str, name: &str, input: Value| json!({ "toolUse": { "toolUseId": id, "name": name, "input": input } });
    let result = |id: &str, text: &str, status: &str| json!({ "toolResult": { "toolUseId": id, "content": [{ "text": text }], "status": status } });
    let expected = json!([
        { "role": "user", "content": [{ "text": "first" }] },
        { "role": "assistant", "content": [
            tool("a", "lookup", json!({ "q": "x" })),
            tool("b", "no_such_tool", json!({})),
            tool("c", "lookup", json!({})),
        ] },
        { "role": "user", "content": [
            result("a", "(nothing)", "success"),
            result("b", "not an object", "error"),
            result("c", "the tool was not called", "error"),
            { "text": "and now?" },
            { "text": "again" },
        ] },
    ]);
    assert_eq!(asked[0].json()["messages"], expected);
}

#[tokio::test]
async fn a_model_that_must_answer_is_told_so_and_keeps_its_tools() {
    let messages = [
        Message::User("why?".to_owned()),
        Message::Agent(Said {
            text: "I look".to_owned(),
            uses: vec![used("a", "lookup", Input::Object(Map::new()))],
        }),
        Message::Results(vec![result("a", "slow disk", false)]),
    ];
    let tools = [lookup()];
    let must = Ask { must_answer: true, ..ask(&messages, &tools) };
    // The same without any tools: those of the conversation stay known.
    let bare = Ask { must_answer: true, ..ask(&messages, &[]) };
    for asked in sent(&[must, bare], ModelOptions::default()).await {
        let body = asked.json();
        assert_eq!(body["toolConfig"]["tools"][0]["toolSpec"]["name"], "lookup");
        assert!(body["toolConfig"]["toolChoice"].is_null());
        let last = body["messages"][2]["content"].as_array().unwrap();
        assert_eq!(last[0]["toolResult"]["toolUseId"], "a");
        assert!(last[1]["text"].as_str().unwrap().contains("Answer now"), "{last:?}");
    }
    let (messages, plain) = (question(), &[]);
    let plain = Ask { must_answer: true, ..ask(&messages, plain) };
    let asked = sent(&[plain], ModelOptions::default()).await;
    assert!(asked[0].json()["toolConfig"].is_null());
    assert_eq!(asked[0].json()["messages"][0]["content"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_cached_is_marked_and_the_same_to_the_byte() {
    let schema =
        Value::Object((0..40).map(|n| (format!("property-{n}"), json!({ "n": n }))).collect());
    let tools = [Tool { schema, ..lookup() }, lookup()];
    let messages = question();
    let asks = [ask(&messages, &tools), ask(&messages, &tools), ask(&messages, &tools)];
    let asked = sent(&asks, CACHED).await;
    let point = json!({ "cachePoint": { "type": "default" } });
    let body = asked[0].json();
    assert_eq!(body["system"], json!([{ "text": "Be brief." }, point]));
    assert_eq!(body["toolConfig"]["tools"][2], point);
    assert_eq!(asked[0].body, asked[1].body);
    assert_eq!(asked[1].body, asked[2].body);
}
