//! Converse and ConverseStream against a server of the tests.

mod asked;
mod frames;
mod refused;

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use toolgate_agent_model::{
    Ask, Fault, Heard, Input, Message, Model as _, ModelError, Stop, Thought, Tool,
};

use super::{Bedrock, ModelOptions};
use crate::tests::stub::{self, Stub};
use frames::{answer, chunk, event, exception, input, stop, text, tool, usage};

const MODEL: &str = "us.anthropic.claude-test-v1:0";
const WHOLE: ModelOptions = ModelOptions { streaming: false, caching: false };

/// What was heard, piece by piece, and why it was asked again.
#[derive(Default)]
struct Ear(Vec<String>, Vec<Fault>);

impl Heard for Ear {
    fn text(&mut self, delta: &str) {
        self.0.push(delta.to_owned());
    }

    fn tool(&mut self, name: &str) {
        self.0.push(format!("<{name}>"));
    }

    fn again(&mut self, why: Fault) {
        self.1.push(why);
    }
}

/// Passes on what is heard.
struct Line(mpsc::UnboundedSender<String>);

impl Heard for Line {
    fn text(&mut self, delta: &str) {
        self.0.send(delta.to_owned()).unwrap();
    }

    fn tool(&mut self, name: &str) {
        self.0.send(name.to_owned()).unwrap();
    }
}

fn question() -> Vec<Message> {
    vec![Message::User("why is it slow? canary-question".to_owned())]
}

fn lookup() -> Tool {
    let schema = json!({ "type": "object", "properties": { "q": { "type": "string" } } });
    Tool { name: "lookup".to_owned(), description: "Looks it up.".to_owned(), schema }
}

fn ask<'a>(messages: &'a [Message], tools: &'a [Tool]) -> Ask<'a> {
    Ask {
        model: MODEL,
        system: "Be brief.",
        messages,
        tools,
        must_answer: false,
        temperature: 0.3,
        max_tokens: 512,
        patience: Duration::from_secs(20),
        traceparent: None,
    }
}

/// Asks a server that answers that.
async fn said(
    answer: Vec<u8>,
    options: ModelOptions,
) -> (Result<Thought, ModelError>, Vec<String>) {
    let stub = Stub::answers(vec![answer]).await;
    let bedrock = Bedrock::new(&stub.cloud().await).with(MODEL, options);
    let (messages, tools, mut ear) = (question(), [lookup()], Ear::default());
    let thought = bedrock.think(&ask(&messages, &tools), &mut ear).await;
    (thought, ear.0)
}

#[tokio::test]
async fn text_and_tools_are_put_together_wherever_the_bytes_are_cut() {
    let events = [
        event("messageStart", &json!({ "role": "assistant" })),
        text(0, "I look – "),
        text(0, ""),
        text(0, "moment 🦀"),
        event("contentBlockStop", &json!({ "contentBlockIndex": 0 })),
        tool(1, "t-1", "lookup"),
        input(1, ""),
        input(1, "{\"q\": \"sl"),
        tool(2, "t-2", "lookup"),
        input(2, "{}"),
        input(1, "ow ü\"}"),
        tool(3, "t-3", "other"),
        tool(4, "t-4", "lookup"),
        input(4, "[1]"),
        tool(5, "t-5", "lookup"),
        input(5, "{\"q\": "),
        stop("tool_use"),
        usage(),
    ];
    for size in [1, 2, 7, 61, 100_000] {
        let (thought, heard) = said(answer(&events, size), ModelOptions::default()).await;
        let thought = thought.unwrap();
        assert_eq!(thought.text, "I look – moment 🦀");
        let said =
            ["I look – ", "moment 🦀", "<lookup>", "<lookup>", "<other>", "<lookup>", "<lookup>"];
        assert_eq!(heard, said);
        assert_eq!(thought.stop, Stop::ToolUse);
        let ids = thought.uses.iter().map(|used| used.id.as_str()).collect::<Vec<_>>();
        assert_eq!(ids, ["t-1", "t-2", "t-3", "t-4", "t-5"]);
        let inputs = thought.uses.iter().map(|used| used.input.clone()).collect::<Vec<_>>();
        let object = |value: serde_json::Value| Input::Object(value.as_object().unwrap().clone());
        assert_eq!(inputs[0], object(json!({ "q": "slow ü" })));
        assert_eq!(inputs[1], object(json!({})));
        assert_eq!(inputs[2], object(json!({})));
        assert_eq!(inputs[3], Input::Malformed("[1]".to_owned()));
        assert_eq!(inputs[4], Input::Malformed("{\"q\": ".to_owned()));
        let used = thought.usage;
        assert_eq!((used.input, used.output, used.cache_read, used.cache_write), (11, 7, 9, 3));
    }
}

#[tokio::test]
async fn every_reason_to_end_has_its_word() {
    let cases = [
        ("end_turn", Stop::EndTurn),
        ("tool_use", Stop::ToolUse),
        ("max_tokens", Stop::MaxTokens),
        ("stop_sequence", Stop::StopSequence),
        ("guardrail_intervened", Stop::GuardrailIntervened),
        ("content_filtered", Stop::ContentFiltered),
        ("malformed_model_output", Stop::MalformedOutput),
        ("malformed_tool_use", Stop::MalformedToolUse),
        ("model_context_window_exceeded", Stop::ContextWindowExceeded),
        ("a_word_of_next_year", Stop::Other),
    ];
    for (word, expected) in cases {
        let events = [text(0, "x"), stop(word)];
        let (streamed, _) = said(answer(&events, 1000), ModelOptions::default()).await;
        let message = json!({ "role": "assistant", "content": [{ "text": "x" }] });
        let body = json!({ "output": { "message": message }, "stopReason": word });
        let (whole, _) = said(stub::json(200, &body), WHOLE).await;
        for thought in [streamed.unwrap(), whole.unwrap()] {
            assert_eq!((thought.stop, thought.text.as_str()), (expected, "x"), "{word}");
        }
    }
}

#[tokio::test]
async fn a_model_that_does_not_stream_is_asked_by_converse() {
    let content = json!([
        { "text": "one moment" },
        { "toolUse": { "toolUseId": "t-1", "name": "lookup", "input": { "q": 1.5, "n": -3 } } },
        { "toolUse": { "toolUseId": "t-2", "name": "lookup", "input": "words" } },
    ]);
    let body = json!({
        "output": { "message": { "role": "assistant", "content": content } },
        "stopReason": "tool_use",
        "usage": { "inputTokens": 5, "outputTokens": 2, "totalTokens": 7 },
    });
    let stub = Stub::answers(vec![stub::json(200, &body)]).await;
    let bedrock = Bedrock::new(&stub.cloud().await).with(MODEL, WHOLE);
    let (messages, tools, mut ear) = (question(), [lookup()], Ear::default());
    let thought = bedrock.think(&ask(&messages, &tools), &mut ear).await.unwrap();
    assert_eq!(ear.0, ["one moment", "<lookup>", "<lookup>"]);
    let arguments = json!({ "n": -3, "q": 1.5 });
    assert_eq!(thought.uses[0].input, Input::Object(arguments.as_object().unwrap().clone()));
    assert_eq!(thought.uses[1].input, Input::Malformed("\"words\"".to_owned()));
    assert_eq!(thought.usage.total(), 7);
    assert!(stub.asked()[0].line.ends_with("/converse"), "{}", stub.asked()[0].line);
}

#[tokio::test]
async fn the_first_words_are_heard_before_there_are_more() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (say, mut heard) = mpsc::unbounded_channel();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stub::request(&mut stream, &mut Vec::new()).await.unwrap();
        stream.write_all(frames::HEAD.as_bytes()).await.unwrap();
        stream.write_all(&chunk(&text(0, "first"))).await.unwrap();
        // Nothing else is written before this was heard.
        assert_eq!(heard.recv().await.unwrap(), "first");
        let rest = [text(0, " second"), stop("end_turn"), usage()].concat();
        stream.write_all(&chunk(&rest)).await.unwrap();
        stream.write_all(frames::END).await.unwrap();
        assert_eq!(heard.recv().await.unwrap(), " second");
    };
    let bedrock = Bedrock::new(&stub::cloud(&url, 1).await);
    let (messages, mut line) = (question(), Line(say));
    let asked = ask(&messages, &[]);
    let (thought, ()) = tokio::join!(bedrock.think(&asked, &mut line), server);
    assert_eq!(thought.unwrap().text, "first second");
}

#[tokio::test]
async fn dropping_the_reply_hangs_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let bedrock = Bedrock::new(&stub::cloud(&url, 1).await);
    let (say, mut heard) = mpsc::unbounded_channel();
    let asking = tokio::spawn(async move {
        let (messages, mut line) = (question(), Line(say));
        bedrock.think(&ask(&messages, &[]), &mut line).await
    });
    let (mut stream, _) = listener.accept().await.unwrap();
    stub::request(&mut stream, &mut Vec::new()).await.unwrap();
    stream.write_all(frames::HEAD.as_bytes()).await.unwrap();
    stream.write_all(&chunk(&text(0, "first"))).await.unwrap();
    assert_eq!(heard.recv().await.unwrap(), "first");
    asking.abort();
    let gone = timeout(Duration::from_secs(10), stream.read(&mut [0; 16])).await.unwrap();
    assert!(matches!(gone, Ok(0) | Err(_)), "{gone:?}");
}

#[tokio::test]
async fn a_reply_that_breaks_off_is_no_reply() {
    let cut = |events: &[Vec<u8>], whole: bool| {
        let end = if whole { frames::END } else { b"" };
        [frames::HEAD.as_bytes(), &chunk(&events.concat()), end].concat()
    };
    let broken = cut(&[text(0, "half a")], true);
    let (thought, heard) = said(broken, ModelOptions::default()).await;
    let error = thought.unwrap_err();
    assert_eq!((error.fault, heard.as_slice()), (Fault::Unavailable, &["half a".to_owned()][..]));
    assert_eq!(error.request_id.as_deref(), Some("req-4711"));

    let events = [text(0, "x"), exception("throttlingException", "canary-words too many tokens")];
    let (thought, heard) = said(answer(&events, 50), ModelOptions::default()).await;
    let error = thought.unwrap_err();
    assert_eq!((error.fault, heard.len()), (Fault::Throttled, 1));
    assert_eq!(error.request_id.as_deref(), Some("req-4711"));
    assert!(!error.to_string().contains("canary"), "{error}");

    // What it cost is missing; the reply is not.
    let events = [text(0, "all"), stop("end_turn"), exception("internalServerException", "")];
    let (thought, _) = said(answer(&events, 50), ModelOptions::default()).await;
    assert_eq!(thought.unwrap().text, "all");
}

#[tokio::test]
async fn exceptions_in_the_middle_have_their_faults() {
    let cases = [
        ("internalServerException", Fault::Unavailable),
        ("modelStreamErrorException", Fault::Unavailable),
        ("serviceUnavailableException", Fault::Unavailable),
        ("throttlingException", Fault::Throttled),
        ("validationException", Fault::Rejected),
    ];
    for (kind, fault) in cases {
        let events = [exception(kind, "no")];
        let (thought, _) = said(answer(&events, 1000), ModelOptions::default()).await;
        assert_eq!(thought.unwrap_err().fault, fault, "{kind}");
    }
}

#[tokio::test]
async fn a_frame_with_a_wrong_checksum_is_refused() {
    let mut bad = text(0, "x");
    let last = bad.len() - 1;
    bad[last] ^= 1;
    let (thought, heard) =
        said(answer(&[bad, stop("end_turn")], 1000), ModelOptions::default()).await;
    assert_eq!((thought.unwrap_err().fault, heard.len()), (Fault::Protocol, 0));
}
