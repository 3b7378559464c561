//! What the fuzzer drives (`tests/fuzz`); compiled for it and for tests alone.
//!
//! Enters: any bytes. Leaves: whether they were taken for something, or a panic that names what does
//! not hold. Never: a socket.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a promise that does not hold must stop whoever drives this"
)]

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use toolgate_call::{Kind, MetaEdit, Method, Rewrite};

use crate::decode::{Decoded, decode};

/// How deep a body may be nested here.
const DEPTH: usize = 64;
const ID: &str = "\"fuzz\"";
const NAME: &str = "f\"uzz";
const TRACE: &str = "00-000000000000000000000000000000f0-00000000000000f0-01";

/// What is tried on every request: an edit of `_meta`, a `traceparent`, more members.
const WAYS: [(MetaEdit<'_>, Option<&str>, Option<&str>); 7] = [
    (MetaEdit::Keep, None, None),
    (MetaEdit::Keep, Some(TRACE), None),
    (MetaEdit::Keep, None, Some(r#""fuzz/b":[2]"#)),
    (MetaEdit::Prepend(r#""fuzz/a":1"#), None, None),
    (MetaEdit::Prepend(r#""fuzz/a":1"#), Some(TRACE), Some(r#""fuzz/b":[2]"#)),
    (MetaEdit::Replace(r#"{"fuzz/a":1}"#), None, None),
    (MetaEdit::Replace(r#"{"fuzz/a":1}"#), Some(TRACE), Some(r#""fuzz/b":[2]"#)),
];

/// Takes header lines (`name: value`), an empty line, and a body. Whatever is taken for a request
/// must say what it was taken for, and come out of every rewrite as the same request with what was
/// changed in it.
///
/// # Panics
/// When it does not.
pub fn a_request(input: &[u8]) -> bool {
    let (head, body) = split(input);
    let body = Bytes::copy_from_slice(body);
    let Ok(decoded) = decode(&headers(head), &body, DEPTH) else { return false };
    // Values that no `Value` can hold (a number beyond f64) say nothing of the splice.
    let Ok(before) = serde_json::from_slice::<Value>(unmarked(&body)) else { return true };
    let place = place(&decoded, &before);
    is_what_it_says(&decoded, &before, place);
    for (meta, traceparent, more) in WAYS {
        let (takes_more, takes_meta) = room(&before, place);
        let change = Rewrite {
            id: ID,
            name: Some(NAME),
            meta: if takes_meta { meta } else { MetaEdit::Keep },
            traceparent: traceparent.filter(|_| takes_meta),
            more: more.filter(|_| takes_more),
        };
        let out = decoded.frame.rewrite(&change);
        let after: Value = serde_json::from_slice(&out).expect("a rewritten request is not JSON");
        let mut wanted = before.clone();
        apply(&mut wanted, &decoded, place, &change);
        assert!(
            wanted == after,
            "the rewrite changes more or less than it should: {wanted} {after}"
        );
    }
    true
}

/// Where the method has the name of what it is about.
fn place(decoded: &Decoded, body: &Value) -> Option<&'static str> {
    let place = match (decoded.method, decoded.kind) {
        (Method::ToolsCall | Method::PromptsGet, _) => "/params/name",
        (Method::ResourcesRead | Method::Subscribe | Method::Unsubscribe, _) => "/params/uri",
        (Method::Complete, Some(Kind::Prompt)) => "/params/ref/name",
        (Method::Complete, Some(Kind::Resources)) => "/params/ref/uri",
        (method, _) if method.is_of_task() => "/params/taskId",
        _ => return None,
    };
    body.pointer(place).map(|_| place)
}

/// What was read of it is what another reader reads.
fn is_what_it_says(decoded: &Decoded, body: &Value, place: Option<&str>) {
    let says = body["method"].as_str();
    let method = says.map_or(Method::Response, Method::parse);
    assert!(decoded.method == method, "{:?} is taken for {:?}", says, decoded.method);
    let id = decoded.id.as_ref().map(|id| id.parse::<Value>().expect("an id that is not JSON"));
    let wanted = body.get("id").filter(|_| says.is_some());
    assert!(id.as_ref() == wanted, "the id is {wanted:?}, and {id:?} is read");
    let name = place.and_then(|place| body.pointer(place)).map(|name| name.as_str());
    let read = decoded.name.as_deref().map(Some);
    assert!(read == name, "the name is {name:?}, and {read:?} is read");
    if method == Method::Complete {
        let kind = match body.pointer("/params/ref/type").and_then(Value::as_str) {
            Some("ref/prompt") => Some(Kind::Prompt),
            Some("ref/resource") => Some(Kind::Resources),
            _ => None,
        };
        assert!(decoded.kind == kind, "it is about {kind:?}, not {:?}", decoded.kind);
    }
}

/// Whether there is room for more members of `params`, and of `_meta`. Where a request is about
/// nothing and has `params` without `_meta`, nobody puts any.
fn room(body: &Value, place: Option<&str>) -> (bool, bool) {
    let params = body.get("params");
    let has = |member| params.is_some_and(|params| params.get(member).is_some());
    let is_taken = |path| body.pointer(path).is_some();
    let takes_meta = place.is_some() || has("_meta") || params.is_none();
    (!is_taken("/params/fuzz~1b"), takes_meta && !is_taken("/params/_meta/fuzz~1a"))
}

/// Does to a value what the rewrite does to its text.
fn apply(body: &mut Value, decoded: &Decoded, place: Option<&str>, change: &Rewrite<'_>) {
    if decoded.id.is_some() {
        body["id"] = "fuzz".into();
    }
    if let Some(name) = place.and_then(|place| body.pointer_mut(place)) {
        *name = NAME.into();
    }
    let is_about = place.is_some()
        || (decoded.method == Method::Complete && body.pointer("/params/ref").is_some());
    if change.more.is_some() && is_about {
        body["params"]["fuzz/b"] = serde_json::json!([2]);
    }
    // An answer has no place for any.
    if decoded.method == Method::Response {
        return;
    }
    match change.meta {
        MetaEdit::Keep => {}
        MetaEdit::Prepend(_) => body["params"]["_meta"]["fuzz/a"] = 1.into(),
        MetaEdit::Replace(object) => {
            if let Some(meta) = body.pointer_mut("/params/_meta") {
                *meta = serde_json::from_str(object).expect("the fuzzer's own object");
            }
            return;
        }
    }
    if let Some(traceparent) = change.traceparent {
        body["params"]["_meta"]["traceparent"] = traceparent.into();
    }
}

fn split(input: &[u8]) -> (&[u8], &[u8]) {
    let end = input.windows(2).position(|two| two == b"\n\n");
    end.map_or((&[], input), |end| {
        let (head, rest) = input.split_at(end);
        (head, rest.get(2..).unwrap_or_default())
    })
}

fn headers(head: &[u8]) -> HeaderMap {
    let lines = head.split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = line.split_at(colon);
            let value = value.get(1..)?.trim_ascii();
            Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
        })
        .collect()
}

fn unmarked(body: &[u8]) -> &[u8] {
    body.strip_prefix(crate::decode::MARK).unwrap_or(body)
}
