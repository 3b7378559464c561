//! A reply is the same however it comes: in which pieces, from which server.

use proptest::prelude::*;

use super::*;
use crate::openai::events::Events;
use crate::openai::reply::Reply;

/// llama.cpp's and vLLM's way: the name first, then pieces of arguments, usage at the end.
const DELTAS: &str = concat!(
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Grüße, \"}}]}\n\n",
    ": keep-alive\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ich schaue.\"}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",",
    "\"function\":{\"name\":\"pods\",\"arguments\":\"\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,",
    "\"function\":{\"arguments\":\"{\\\"ns\\\":\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":1,",
    "\"function\":{\"name\":\"clock\",\"arguments\":\"{\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,",
    "\"function\":{\"arguments\":\"\\\"prod\\\"}\"}},{\"index\":1,",
    "\"function\":{\"arguments\":\"}\"}}]}}]}\r\n\r\n",
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":30,\"completion_tokens\":7,",
    "\"prompt_tokens_details\":{\"cached_tokens\":20}}}\n\n",
    "data: [DONE]\n\n",
);

struct Words(Vec<String>);

impl Heard for Words {
    fn text(&mut self, delta: &str) {
        self.0.push(delta.to_owned());
    }

    fn tool(&mut self, name: &str) {
        self.0.push(format!("[{name}]"));
    }
}

fn read(pieces: &[&[u8]]) -> (Result<Thought, ModelError>, Vec<String>) {
    let (mut events, mut reply, mut words) =
        (Events::default(), Reply::new(&[]), Words(Vec::new()));
    let mut take = |data: &str| reply.event(data, &mut words, None);
    let mut read = pieces.iter().try_for_each(|piece| events.feed(piece, &mut take));
    read = read.and_then(|()| events.end(&mut take));
    (read.and_then(|()| reply.done()), words.0)
}

fn uses(events: &[&str]) -> Vec<(String, String, String)> {
    let text = events.iter().map(|event| {
        format!("data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{event}]}}}}]}}\n\n")
    });
    let text = text.collect::<String>()
        + "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    let thought = read(&[text.as_bytes()]).0.expect("a reply");
    assert_eq!(thought.stop, Stop::ToolUse);
    let shown = |used: ToolUse| {
        let input = match used.input {
            Input::Object(members) => serde_json::Value::Object(members).to_string(),
            Input::Malformed(text) => format!("malformed {text}"),
        };
        (used.id, used.name, input)
    };
    thought.uses.into_iter().map(shown).collect()
}

fn is(used: &(String, String, String), id: &str, name: &str, input: &str) -> bool {
    (used.0.as_str(), used.1.as_str(), used.2.as_str()) == (id, name, input)
}

#[test]
fn deltas_become_a_reply() {
    let (thought, heard) = read(&[DELTAS.as_bytes()]);
    let thought = thought.expect("a reply");
    assert_eq!(thought.text, "Grüße, ich schaue.");
    assert_eq!(heard, ["Grüße, ", "ich schaue.", "[pods]", "[clock]"]);
    assert_eq!(thought.stop, Stop::ToolUse);
    assert_eq!(thought.usage, Usage { input: 10, output: 7, cache_read: 20, cache_write: 0 });
    let object = |value: serde_json::Value| Input::Object(value.as_object().cloned().unwrap());
    let used = |id: &str, name: &str, input| ToolUse { id: id.into(), name: name.into(), input };
    // The second came without an id.
    let expected = [
        used("a", "pods", object(json!({ "ns": "prod" }))),
        used("call_1", "clock", object(json!({}))),
    ];
    assert_eq!(thought.uses, expected);
}

#[test]
fn a_reply_may_be_cut_at_every_byte() {
    let whole = read(&[DELTAS.as_bytes()]);
    for at in 0..DELTAS.len() {
        let (one, two) = DELTAS.as_bytes().split_at(at);
        assert_eq!(read(&[one, two]), whole, "cut at {at}");
    }
    let bytes = DELTAS.as_bytes().chunks(1).collect::<Vec<_>>();
    assert_eq!(read(&bytes), whole);
}

#[test]
fn calls_are_told_apart_whatever_the_server_numbers() {
    // Whole calls that are all numbered 0.
    let both = uses(&[
        r#"{"index":0,"id":"x","function":{"name":"a","arguments":"{\"k\":1}"}}"#,
        r#"{"index":0,"id":"y","function":{"name":"b","arguments":"{}"}}"#,
    ]);
    assert!(is(&both[0], "x", "a", r#"{"k":1}"#) && is(&both[1], "y", "b", "{}"), "{both:?}");
    // Whole objects, without numbers and ids.
    let both = uses(&[
        r#"{"function":{"name":"a","arguments":{"k":1}}},{"function":{"name":"a","arguments":{}}}"#,
    ]);
    assert!(is(&both[0], "call_0", "a", r#"{"k":1}"#), "{both:?}");
    assert!(is(&both[1], "call_1", "a", "{}"), "{both:?}");
    // One id for two calls would pair their results wrongly.
    let both = uses(&[
        r#"{"index":0,"id":"x","function":{"name":"a"}},{"index":1,"id":"x","function":{"name":"b"}}"#,
    ]);
    assert!(is(&both[0], "x", "a", "{}") && is(&both[1], "call_1", "b", "{}"), "{both:?}");
    // The id and the name are repeated with every piece.
    let one = uses(&[
        r#"{"index":0,"id":"x","function":{"name":"a","arguments":"{\"k\""}}"#,
        r#"{"index":0,"id":"x","function":{"name":"a","arguments":":1}"}}"#,
    ]);
    assert!(one.len() == 1 && is(&one[0], "x", "a", r#"{"k":1}"#), "{one:?}");
    // Arguments that are no object.
    let odd = uses(&[r#"{"index":0,"id":"x","function":{"name":"a","arguments":"{oops"}}"#]);
    assert!(is(&odd[0], "x", "a", "malformed {oops"), "{odd:?}");
}

#[test]
fn why_a_reply_ended_is_understood() {
    let stop = |finish: &str| {
        let text = format!(
            "data: {{\"choices\":[{{\"delta\":{{\"content\":\"a\"}},\"finish_reason\":\"{finish}\"}}]}}\n\n"
        );
        read(&[text.as_bytes()]).0.map(|thought| thought.stop)
    };
    assert_eq!(stop("stop"), Ok(Stop::EndTurn));
    assert_eq!(stop("length"), Ok(Stop::MaxTokens));
    assert_eq!(stop("content_filter"), Ok(Stop::ContentFiltered));
    assert_eq!(stop("weather"), Ok(Stop::Other));
}

#[test]
fn a_hundred_and_twenty_nine_tools_are_too_many() {
    let call = |nth: usize| format!(r#"{{"index":{nth},"function":{{"name":"a"}}}}"#);
    let calls = (0..129).map(call).collect::<Vec<_>>().join(",");
    let text = format!("data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{calls}]}}}}]}}\n\n");
    assert_eq!(read(&[text.as_bytes()]).0.map_err(|error| error.fault), Err(Fault::Protocol));
}

proptest! {
    #[test]
    fn a_reply_may_come_in_any_pieces(
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20)
    ) {
        let bytes = DELTAS.as_bytes();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect();
        prop_assert_eq!(read(&pieces), read(&[bytes]));
    }

    #[test]
    fn no_bytes_make_it_fall_over(
        noise in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>()
    ) {
        let (one, two) = DELTAS.as_bytes().split_at(at.index(DELTAS.len()));
        drop(read(&[one, &noise, two]));
    }
}
