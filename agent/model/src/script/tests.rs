//! What the file says is what is said.

use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::{Said, ToolResult};

#[derive(Default)]
struct Ear(Vec<String>);

impl Heard for Ear {
    fn text(&mut self, delta: &str) {
        self.0.push(delta.to_owned());
    }

    fn tool(&mut self, name: &str) {
        self.0.push(format!("[{name}]"));
    }
}

const SCRIPT: &str = r#"[
  { "match": ["slow", "latency"], "replies": [
    { "think_ms": 3000, "tools": [
      { "name": "slowest", "input": { "since": "1h" } }, { "name": "errors" }, { "name": "no_such" }
    ] },
    { "text": "It is  sick.", "think_ms": 1000, "delta_ms": 10, "usage": { "output": 9 } }
  ] },
  { "match": "Filter", "replies": [{ "text": "no", "stop": "content_filtered" }] },
  { "match": "busy", "replies": [
    { "text": "I", "fault": { "kind": "throttled", "retry_after_ms": 100 } }
  ] },
  { "replies": [{ "text": "Hello you." }] }
]"#;

fn tools() -> Vec<Tool> {
    ["gateway___slowest", "x___errors", "errors"]
        .map(|name| Tool { name: name.to_owned(), description: String::new(), schema: json!({}) })
        .to_vec()
}

fn user(text: &str) -> Message {
    Message::User(text.to_owned())
}

async fn think(messages: &[Message], must_answer: bool) -> (Result<Thought, ModelError>, Ear) {
    let (tools, mut ear) = (tools(), Ear::default());
    let ask = Ask {
        model: "script",
        system: "",
        messages,
        tools: &tools,
        must_answer,
        temperature: 0.0,
        max_tokens: 100,
        patience: Duration::from_secs(10),
        traceparent: None,
    };
    let script = Script::parse(SCRIPT).expect("a script");
    let thought = script.think(&ask, &mut ear).await;
    (thought, ear)
}

fn problem(text: &str) -> String {
    Script::parse(text).expect_err(text).to_string()
}

#[tokio::test(start_paused = true)]
async fn replies_follow_each_other_at_the_pace_of_the_file() {
    let mut messages = vec![user("slow before"), user("Why is it SLOW?")];
    let since = Instant::now();
    let (thought, ear) = think(&messages, false).await;
    assert_eq!(since.elapsed(), Duration::from_secs(3));
    let thought = thought.expect("tools");
    assert_eq!(ear.0, ["[gateway___slowest]", "[errors]", "[no_such]"]);
    assert_eq!(thought.stop, Stop::ToolUse);
    let ids: Vec<String> = thought.uses.iter().map(|used| used.id.clone()).collect();
    assert_eq!(ids, ["script_0", "script_1", "script_2"]);
    let input = json!({ "since": "1h" }).as_object().cloned().map(Input::Object);
    assert_eq!(thought.uses.first().map(|used| used.input.clone()), input);

    let result = |id: &str| ToolResult { id: id.to_owned(), text: "x".to_owned(), failed: false };
    messages.push(Message::Agent(Said { text: String::new(), uses: thought.uses }));
    messages.push(Message::Results(ids.iter().map(|id| result(id)).collect()));
    let since = Instant::now();
    let (thought, ear) = think(&messages, false).await;
    assert_eq!(since.elapsed(), Duration::from_millis(1020));
    assert_eq!(ear.0, ["It ", "is  ", "sick."]);
    let usage = Usage { output: 9, ..Usage::default() };
    assert_eq!(thought.map(|thought| (thought.stop, thought.usage)), Ok((Stop::EndTurn, usage)));

    // After its last reply an entry repeats it.
    messages.push(Message::Results(Vec::new()));
    assert_eq!(think(&messages, false).await.0.map(|it| it.text), Ok("It is  sick.".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn who_must_answer_asks_for_no_tool() {
    let (thought, ear) = think(&[user("latency")], true).await;
    assert_eq!(thought.map(|thought| (thought.uses, thought.stop)), Ok((vec![], Stop::EndTurn)));
    assert!(ear.0.is_empty());
}

#[tokio::test(start_paused = true)]
async fn stops_faults_and_usage_are_those_of_the_file() {
    let (thought, _) = think(&[user("filter")], false).await;
    assert_eq!(thought.map(|thought| thought.stop), Ok(Stop::ContentFiltered));
    let (thought, ear) = think(&[user("busy?")], false).await;
    let error = thought.expect_err("a fault");
    assert_eq!(
        (error.fault, error.retry_after),
        (Fault::Throttled, Some(Duration::from_millis(100)))
    );
    assert_eq!(ear.0, ["I"]);
    let (thought, _) = think(&[user("what else is there")], false).await;
    let usage = Usage { input: 4, output: 2, ..Usage::default() };
    assert_eq!(
        thought.map(|thought| (thought.text, thought.usage)),
        Ok(("Hello you.".into(), usage))
    );
    let (thought, _) = think(&[], false).await;
    assert_eq!(thought.map_err(|error| error.fault), Err(Fault::Rejected));
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_takes_too_long_times_out() {
    let script = r#"[{"replies": [{ "text": "x", "think_ms": 20000 }]}]"#;
    let messages = [user("x")];
    let ask = Ask {
        model: "script",
        system: "",
        messages: &messages,
        tools: &[],
        must_answer: false,
        temperature: 0.0,
        max_tokens: 100,
        patience: Duration::from_secs(10),
        traceparent: None,
    };
    let thought = Script::parse(script).expect("a script").think(&ask, &mut Ear::default()).await;
    assert_eq!(thought.map_err(|error| error.fault), Err(Fault::TimedOut));
}

#[tokio::test]
async fn what_is_remembered_is_no_part_of_the_question() {
    let asked = "<recalled untrusted=\"true\">\n- [semantic, 2026-01-01] slow\n</recalled>\n\nhi";
    let (thought, _) = think(&[user(asked)], false).await;
    assert_eq!(thought.unwrap().text, "Hello you.");
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let unknown = problem("[\n  {\n    \"replies\": [{ \"txt\": \"a\" }] } ]");
    assert!(unknown.contains("unknown field `txt`") && unknown.contains("line 3"), "{unknown}");
    let unknown = problem("[{ \"replies\": [{ \"text\": \"a\", \"stop\": \"whim\" }] }]");
    assert!(unknown.contains("unknown variant `whim`"), "{unknown}");
    let good = r#"{ "replies": [{ "text": "a" }] }"#;
    let cases = [
        ("[]".to_owned(), "the script has no entry"),
        (format!("[{good}, {{ \"replies\": [] }}]"), "entry 2 of the script: it has no reply"),
        (
            r#"[{ "replies": [{ "text": "a" }, { "think_ms": 5 }] }]"#.to_owned(),
            "entry 1 of the script: reply 2: it has neither `text`, `tools` nor `fault`",
        ),
        (
            r#"[{ "match": [""], "replies": [{ "text": "a" }] }]"#.to_owned(),
            "entry 1 of the script: `match` is a text, or a list of texts, and none of them empty",
        ),
        (
            r#"[{ "replies": [{ "text": "a", "delta_ms": 9000000 }] }]"#.to_owned(),
            "entry 1 of the script: reply 1: a pause is at most 600000 ms",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(problem(&text), expected);
    }
    let missing = Script::read(Path::new("/no/such.json")).expect_err("no file").to_string();
    assert!(missing.starts_with("the script /no/such.json: "), "{missing}");
}
