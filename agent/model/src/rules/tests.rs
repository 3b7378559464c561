//! What the rules make of questions.

use std::time::Duration;

use serde_json::{Value, json};

use super::Rules;
use crate::{Ask, Heard, Input, Message, Model as _, Said, Stop, Thought, Tool, ToolResult};

struct Ear(String);

impl Heard for Ear {
    fn text(&mut self, delta: &str) {
        self.0.push_str(delta);
    }
    fn tool(&mut self, _: &str) {}
}

fn tool(name: &str, description: &str, schema: Value) -> Tool {
    Tool { name: name.to_owned(), description: description.to_owned(), schema }
}

fn tools() -> Vec<Tool> {
    let filters = json!({"type": "object", "properties": {
        "tool": {"type": ["string", "null"], "description": "Only calls of this tool"},
        "slower": {"type": ["string", "null"], "description": "Only calls that took longer"},
        "since": {"type": "string", "default": "1h"},
        "limit": {"type": "integer"}}});
    vec![
        tool(
            "clock___now",
            "Tells the time of day in a time zone.",
            json!({"type": "object", "properties": {"zone": {"type": "string"}}}),
        ),
        tool(
            "gateway___slowest",
            "Lists the calls through this gateway that took longest, each with the phase in which the \
             time went. Ask this when something is slow.",
            filters.clone(),
        ),
        tool(
            "gateway___errors",
            "Counts the calls through this gateway that failed, by tool and reason, each with whose \
             fault it is. Ask this first when something fails.",
            filters,
        ),
        tool(
            "gateway___explain",
            "Explains one call through this gateway by its request id: where each millisecond went.",
            json!({"type": "object", "properties": {"request_id": {"type": "string"}},
                   "required": ["request_id"]}),
        ),
        tool(
            "k8s___list_pods",
            "Lists pods with their phase, restarts and reasons.",
            json!({"type": "object", "properties": {"cluster": {"type": "string"},
                   "namespace": {"type": ["string", "null"]}}, "required": ["cluster"]}),
        ),
        tool(
            "k8s___delete_pod",
            "Deletes a pod.",
            json!({"type": "object", "properties": {"pod": {"type": "string"}},
                   "required": ["pod"]}),
        ),
        tool(
            "web___search",
            "Searches the web.",
            json!({"type": "object", "properties": {"query": {"type": "string"}},
                   "required": ["query"]}),
        ),
    ]
}

async fn think(rules: &Rules, messages: &[Message], must_answer: bool) -> Thought {
    let tools = tools();
    let ask = Ask {
        model: "rules",
        system: "",
        messages,
        tools: &tools,
        must_answer,
        temperature: 0.0,
        max_tokens: 100,
        patience: Duration::from_secs(60),
        traceparent: None,
    };
    let mut ear = Ear(String::new());
    let thought = rules.think(&ask, &mut ear).await.unwrap();
    assert_eq!(ear.0, thought.text);
    assert_eq!(thought.usage.total(), 0, "rules cost no tokens");
    thought
}

/// The calls that a question leads to.
async fn wants(question: &str) -> Vec<(String, Value)> {
    let thought = think(&Rules::new(), &[Message::User(question.to_owned())], false).await;
    let calls = thought.uses.into_iter().map(|used| {
        let Input::Object(input) = used.input else { panic!("{used:?}") };
        (used.name, Value::Object(input))
    });
    calls.collect()
}

async fn says(question: &str) -> String {
    let thought = think(&Rules::new(), &[Message::User(question.to_owned())], false).await;
    assert_eq!((thought.uses.len(), thought.stop), (0, Stop::EndTurn));
    thought.text
}

fn after(question: &str, name: &str, text: &str, failed: bool) -> Vec<Message> {
    let id = "1".to_owned();
    let used = crate::ToolUse {
        id: id.clone(),
        name: name.to_owned(),
        input: Input::Object(<_>::default()),
    };
    let text = format!("<tool_output tool=\"{name}\" untrusted=\"true\">\n{text}\n</tool_output>");
    vec![
        Message::User(question.to_owned()),
        Message::Agent(Said { text: String::new(), uses: vec![used] }),
        Message::Results(vec![ToolResult { id, text, failed }]),
    ]
}

#[tokio::test]
async fn a_question_in_other_words_reaches_the_tool_with_its_arguments() {
    let first = |calls: Vec<(String, Value)>| calls.into_iter().next();
    let slow = first(wants("why did answers take so long in the last 15 minutes?").await);
    assert_eq!(slow, Some(("gateway___slowest".to_owned(), json!({"since": "15m"}))));
    let pods = first(wants("which pods crash in cluster blue-7?").await);
    assert_eq!(pods, Some(("k8s___list_pods".to_owned(), json!({"cluster": "blue-7"}))));
    let time = first(wants("what time is it?").await);
    assert_eq!(time, Some(("clock___now".to_owned(), json!({}))));
    let over = first(wants("slowest calls over 5s of tool docs___read").await);
    let arguments = json!({"slower": "5s", "tool": "docs___read"});
    assert_eq!(over, Some(("gateway___slowest".to_owned(), arguments)));
}

#[tokio::test]
async fn what_is_missing_is_asked_for() {
    let text = says("list the pods and their restarts").await;
    assert!(text.contains("`k8s___list_pods`") && text.contains("`cluster`"), "{text}");
}

#[tokio::test]
async fn nothing_is_deleted_because_it_sounded_like_it() {
    let calls = wants("get rid of the pod web-1").await;
    assert!(calls.iter().all(|(name, _)| name != "k8s___delete_pod"), "{calls:?}");
    let wished = wants("delete the pod web-1").await;
    assert_eq!(wished.first(), Some(&("k8s___delete_pod".to_owned(), json!({"pod": "web-1"}))));
}

#[tokio::test]
async fn results_are_quoted_and_the_stand_in_says_what_it_is() {
    let messages = after("what time is it?", "clock___now", "```12:00 <b>", false);
    let text = think(&Rules::new(), &messages, false).await.text;
    assert!(text.starts_with("`clock___now` says:\n\n````\n```12:00 <b>\n````"), "{text}");
    assert!(text.contains("stand in for a language model"), "{text}");
    let messages = after("what time is it?", "clock___now", "the call failed", true);
    let text = think(&Rules::new(), &messages, false).await.text;
    assert!(text.starts_with("`clock___now` failed:"), "{text}");
}

#[tokio::test]
async fn a_why_looks_once_deeper() {
    let told = "2 calls; the longest: docs___read 8 s (request 0f3a-77)";
    let messages = after("why are answers slow?", "gateway___slowest", told, false);
    let thought = think(&Rules::new(), &messages, false).await;
    let [used] = thought.uses.as_slice() else { panic!("{thought:?}") };
    assert_eq!(used.name, "gateway___explain");
    assert_eq!(used.id, "rule_1", "ids do not repeat in a conversation");
    let Input::Object(input) = &used.input else { panic!("{used:?}") };
    assert_eq!(Value::Object(input.clone()), json!({"request_id": "0f3a-77"}));
    let last = think(&Rules::new(), &messages, true).await;
    assert!(last.uses.is_empty() && last.text.contains("0f3a-77"), "{last:?}");
}

#[tokio::test]
async fn what_was_told_is_told_back() {
    assert!(says("My staging cluster is blue-7.").await.starts_with("Noted."));
    let asked = "<recalled untrusted=\"true\">\n- [semantic, 2026-01-02] my staging cluster is \
                 blue-7\n</recalled>\n\nwhat is my staging cluster?";
    let text = says(asked).await;
    assert!(text.contains("> my staging cluster is blue-7 (2026-01-02)"), "{text}");
}

#[tokio::test]
async fn what_no_tool_is_for_is_said_plainly() {
    assert!(says("hello").await.contains("`gateway` (3)"));
    assert!(says("what can you do?").await.contains("`k8s` (2)"));
    let text = says("sing me a lullaby").await;
    assert!(text.starts_with("None of the 7 tools"), "{text}");
}
