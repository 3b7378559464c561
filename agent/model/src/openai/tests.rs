//! The client against a server that does what each test says.

mod pieces;
mod stub;

use serde_json::json;
use tokio::sync::mpsc;

use self::stub::{STREAM, Stub, events, whole};
use super::*;
use crate::{Input, Message, Said, Stop, Tool, ToolResult, ToolUse, Usage};

/// Hears, and tells the test at once.
struct Ear(mpsc::UnboundedSender<String>);

impl Heard for Ear {
    fn text(&mut self, delta: &str) {
        self.0.send(delta.to_owned()).expect("somebody who listens");
    }

    fn tool(&mut self, name: &str) {
        self.0.send(format!("[{name}]")).expect("somebody who listens");
    }
}

fn ear() -> (Ear, mpsc::UnboundedReceiver<String>) {
    let (says, hears) = mpsc::unbounded_channel();
    (Ear(says), hears)
}

fn everything(mut hears: mpsc::UnboundedReceiver<String>) -> Vec<String> {
    std::iter::from_fn(|| hears.try_recv().ok()).collect()
}

fn ask<'a>(messages: &'a [Message], tools: &'a [Tool]) -> Ask<'a> {
    Ask {
        model: "small",
        system: "Be brief.",
        messages,
        tools,
        must_answer: false,
        temperature: 0.3,
        max_tokens: 500,
        patience: Duration::from_secs(30),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    }
}

fn user(text: &str) -> Vec<Message> {
    vec![Message::User(text.to_owned())]
}

fn tool(name: &str) -> Tool {
    let schema = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    Tool { name: name.to_owned(), description: "Does it.".to_owned(), schema }
}

fn model(stub: &Stub) -> OpenAi {
    OpenAi::new(&stub.url, Some(Key::new("sk-secret").expect("a key"))).expect("a URL")
}

/// What comes of one answer.
async fn said(answer: &str) -> (Result<Thought, ModelError>, Vec<String>) {
    let stub = Stub::new().await;
    let (model, messages) = (model(&stub), user("hi"));
    let (mut ear, hears) = ear();
    let ask = ask(&messages, &[]);
    let (thought, _caller) = tokio::join!(model.think(&ask, &mut ear), stub.answer(answer));
    drop(ear);
    (thought, everything(hears))
}

async fn fault(answer: &str) -> ModelError {
    said(answer).await.0.expect_err("a refusal")
}

#[tokio::test]
async fn a_conversation_is_sent_as_openai_has_it() {
    let input = Input::Object(json!({ "a": "x" }).as_object().cloned().unwrap_or_default());
    let used = |id: &str, input| ToolUse { id: id.to_owned(), name: "t".to_owned(), input };
    let uses = vec![used("1", input), used("2", Input::Malformed("{".to_owned()))];
    let result = |id: &str, text: &str| ToolResult {
        id: id.to_owned(),
        text: text.to_owned(),
        failed: false,
    };
    let messages = vec![
        Message::User("q".to_owned()),
        Message::Agent(Said { text: String::new(), uses }),
        Message::Results(vec![result("1", "one"), result("2", "two")]),
    ];
    let (stub, tools) = (Stub::new().await, [tool("t")]);
    let model = model(&stub);
    let ask = Ask { must_answer: true, ..ask(&messages, &tools) };
    let (mut ear, _hears) = ear();
    let answer = events(&[r#"{"choices":[{"delta":{"content":"ok"},"finish_reason":"stop"}]}"#]);
    let (thought, (_caller, seen)) = tokio::join!(model.think(&ask, &mut ear), stub.answer(answer));
    assert_eq!(thought.map(|thought| thought.text), Ok("ok".to_owned()));
    assert!(seen.head.starts_with("post /v1/chat/completions http/1.1"), "{}", seen.head);
    assert!(seen.head.contains("authorization: bearer sk-secret"), "{}", seen.head);
    assert!(
        seen.head.contains("traceparent: 00-0af7651916cd43dd8448eb211c80319c"),
        "{}",
        seen.head
    );
    let function = |id: &str, arguments: &str| {
        let function = json!({ "name": "t", "arguments": arguments });
        json!({ "id": id, "type": "function", "function": function })
    };
    let expected = json!({
        "model": "small",
        "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": "q" },
            { "role": "assistant", "content": "", "tool_calls": [
                function("1", r#"{"a":"x"}"#), function("2", r#"{"malformed":"{"}"#),
            ] },
            { "role": "tool", "tool_call_id": "1", "content": "one" },
            { "role": "tool", "tool_call_id": "2", "content": "two" },
        ],
        "temperature": 0.3,
        "max_tokens": 500,
        "stream": true,
        "stream_options": { "include_usage": true },
        "tools": [{ "type": "function", "function": {
            "name": "t", "description": "Does it.", "parameters": tools[0].schema,
        } }],
        "tool_choice": "none",
    });
    assert_eq!(seen.body, expected);
}

#[tokio::test]
async fn a_word_is_heard_before_the_next_one_is_sent() {
    let stub = Stub::new().await;
    let (model, messages) = (model(&stub), user("hi"));
    let (mut ear, mut hears) = ear();
    let ask = ask(&messages, &[]);
    let server = async {
        let (mut caller, _) = stub.answer(STREAM).await;
        caller.chunk("data: {\"choices\":[{\"delta\":{\"content\":\"one \"}}]}\n\n").await;
        assert_eq!(hears.recv().await.as_deref(), Some("one "));
        caller.chunk("data: {\"choices\":[{\"delta\":{\"content\":\"two\"}}]}\n\n").await;
        assert_eq!(hears.recv().await.as_deref(), Some("two"));
        caller.chunk("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n").await;
        caller.chunk("data: [DONE]\n\n").await;
        // The end of the reply does not wait for the end of the body.
        caller
    };
    let (thought, mut caller) = tokio::join!(model.think(&ask, &mut ear), server);
    assert_eq!(thought.map(|thought| thought.text), Ok("one two".to_owned()));
    caller.send("0\r\n\r\n").await;
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let stub = Stub::new().await;
    let (model, messages) = (model(&stub), user("hi"));
    let (mut ear, _hears) = ear();
    let answer = whole(
        200,
        "content-type: application/json\r\n",
        r#"{"choices":[{"message":{"content":"yes"},"finish_reason":"stop"}]}"#,
    );
    let ask = ask(&messages, &[]);
    let (first, (mut caller, _)) = tokio::join!(model.think(&ask, &mut ear), stub.answer(&answer));
    let again = async {
        caller.request().await;
        caller.send(&answer).await;
    };
    let (second, ()) = tokio::join!(model.think(&ask, &mut ear), again);
    assert_eq!(first.map(|thought| thought.text), Ok("yes".to_owned()));
    assert_eq!(second.map(|thought| thought.text), Ok("yes".to_owned()));
}

#[tokio::test]
async fn dropping_a_reply_closes_its_connection() {
    let stub = Stub::new().await;
    let (model, messages) = (model(&stub), user("hi"));
    let (mut ear, mut hears) = ear();
    let ask = ask(&messages, &[]);
    let server = async {
        let (mut caller, _) = stub.answer(STREAM).await;
        caller.chunk("data: {\"choices\":[{\"delta\":{\"content\":\"one \"}}]}\n\n").await;
        hears.recv().await;
        caller
    };
    let mut caller = tokio::select! {
        thought = model.think(&ask, &mut ear) => panic!("{thought:?}"),
        caller = server => caller,
    };
    caller.closed().await;
}

#[tokio::test]
async fn dropping_a_request_that_waits_closes_its_connection() {
    let stub = Stub::new().await;
    let (model, messages) = (model(&stub), user("hi"));
    let (mut ear, _hears) = ear();
    let ask = ask(&messages, &[]);
    let mut caller = tokio::select! {
        thought = model.think(&ask, &mut ear) => panic!("{thought:?}"),
        (caller, _) = stub.answer("") => caller,
    };
    caller.closed().await;
}

#[tokio::test]
async fn every_status_has_its_fault() {
    let json = "content-type: application/json\r\nx-request-id: r-9\r\n";
    let cases = [
        (400, r#"{"error":{"message":"bad tool"}}"#, Fault::Rejected),
        (400, r#"{"error":{"message":"maximum context length is 8192"}}"#, Fault::TooLong),
        (400, r#"{"error":"the request exceeds the available context size"}"#, Fault::TooLong),
        (401, r#"{"error":{"message":"who is sk-secret?"}}"#, Fault::Denied),
        (403, "", Fault::Denied),
        (404, r#"{"error":{"message":"model 'small' not found"}}"#, Fault::NotFound),
        (408, "", Fault::TimedOut),
        (413, "", Fault::TooLong),
        (422, r#"{"detail":"odd"}"#, Fault::Rejected),
        (429, "", Fault::Throttled),
        (500, "<html>", Fault::Unavailable),
        (503, r#"{"error":{"message":"Loading model"}}"#, Fault::Unavailable),
        (504, "", Fault::TimedOut),
        (302, "", Fault::Protocol),
    ];
    for (status, body, expected) in cases {
        let error = fault(&whole(status, json, body)).await;
        assert_eq!(error.fault, expected, "{status} {body}");
        assert_eq!(error.request_id.as_deref(), Some("r-9"));
        assert!(error.message.contains(&status.to_string()), "{error}");
        assert!(!error.message.contains("sk-secret"), "{error}");
    }
    let error = fault(&whole(404, json, cases[5].1)).await;
    assert_eq!(error.message, "the model server answered 404: model 'small' not found");
}

#[tokio::test]
async fn a_long_refusal_is_cut_and_one_that_never_ends_is_not_awaited() {
    let body = json!({ "error": { "message": format!("a\n{}", "ä".repeat(1000)) } }).to_string();
    let error = fault(&whole(400, "", &body)).await;
    assert!(error.message.ends_with(&"ä".repeat(298)), "{error}");
    assert!(!error.message.contains(&"ä".repeat(299)) && !error.message.contains('\n'));
    let endless = format!("HTTP/1.1 400 X\r\ncontent-length: 900000\r\n\r\n{}", "x".repeat(90_000));
    assert_eq!(fault(&endless).await.message, "the model server answered 400");
}

#[tokio::test]
async fn a_throttled_request_is_tried_once_more_if_the_pause_is_short() {
    let stub = Stub::new().await;
    let (model, messages) = (model(&stub), user("hi"));
    let (mut ear, _hears) = ear();
    let ask = ask(&messages, &[]);
    let busy = whole(429, "retry-after-ms: 1\r\n", "");
    let server = async {
        let (mut caller, _) = stub.answer(&busy).await;
        caller.request().await;
        caller.send(&busy).await;
        caller
    };
    let (thought, _caller) = tokio::join!(model.think(&ask, &mut ear), server);
    let error = thought.expect_err("no third try");
    assert_eq!(error.fault, Fault::Throttled);
    assert_eq!(error.retry_after, Some(Duration::from_millis(1)));
    let error = fault(&whole(503, "retry-after: 7\r\n", "")).await;
    assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test(start_paused = true)]
async fn nobody_there_is_tried_twice_and_then_unreachable() {
    let stub = Stub::new().await;
    let model = model(&stub);
    drop(stub);
    let (messages, (mut ear, _hears)) = (user("hi"), ear());
    let since = Instant::now();
    let error = model.think(&ask(&messages, &[]), &mut ear).await.expect_err("nobody");
    assert_eq!(error.fault, Fault::Unreachable, "{error}");
    assert!(since.elapsed() >= AGAIN);
}

#[tokio::test]
async fn a_server_that_says_nothing_in_time_has_timed_out() {
    let stub = Stub::new().await;
    let (model, messages) = (model(&stub), user("hi"));
    let (mut ear, _hears) = ear();
    let ask = Ask { patience: Duration::from_millis(30), ..ask(&messages, &[]) };
    let (thought, mut caller) = tokio::join!(model.think(&ask, &mut ear), stub.accept());
    assert_eq!(thought.map_err(|error| error.fault), Err(Fault::TimedOut));
    caller.closed().await;
}

#[tokio::test]
async fn what_is_no_completion_is_said_so() {
    let html = whole(200, "content-type: text/html\r\n", "<h1>hello</h1>");
    assert_eq!(fault(&html).await.fault, Fault::Protocol);
    assert_eq!(fault("SSH-2.0-x\r\n\r\n").await.fault, Fault::Protocol);
    assert_eq!(fault(&events(&["{"])).await.fault, Fault::Protocol);
    assert_eq!(fault(&events(&["[DONE]"])).await.fault, Fault::Protocol);
    let empty = whole(200, "content-type: application/json\r\n", "{}");
    assert_eq!(fault(&empty).await.fault, Fault::Protocol);
    let huge = format!(r#"{{"choices":[{{"delta":{{"content":"{}"}}}}]}}"#, "x".repeat(1_000_000));
    let huge = events(&[huge.as_str(); 5]);
    assert_eq!(fault(&huge).await.fault, Fault::Protocol);
}

#[tokio::test]
async fn a_reply_that_breaks_off_says_so_and_keeps_what_was_heard() {
    let half = r#"{"choices":[{"delta":{"content":"half"}}]}"#;
    let (thought, heard) = said(&events(&[half])).await;
    assert_eq!(thought.map_err(|error| error.fault), Err(Fault::Unavailable));
    assert_eq!(heard, ["half"]);
    let broken = r#"{"error":{"code":500,"message":"out of memory, sk-secret"}}"#;
    let error = said(&events(&[half, broken])).await.0.expect_err("broken");
    assert_eq!(error.message, "the model server broke off: out of memory, [key]");
    assert_eq!(error.fault, Fault::Unavailable);
}

#[test]
fn addresses_and_keys_are_checked_and_the_key_is_shown_to_nobody() {
    for bad in
        ["", "ftp://a", "http://", "http://:80", "http://u:p@a", "http://a/v1?x", "http://a b"]
    {
        let error = OpenAi::new(bad, None).expect_err(bad).to_string();
        assert!(!error.contains("u:p"), "{error}");
    }
    assert_eq!(Key::new(" \n").err(), Some(BadKey));
    assert_eq!(Key::new("a\nb").err(), Some(BadKey));
    let model = OpenAi::new("http://127.0.0.1:1/v1", Key::new("sk-secret").ok()).expect("a URL");
    let shown = format!("{model:?}");
    assert!(!shown.contains("sk-secret") && shown.contains("/v1/chat/completions"), "{shown}");
}
