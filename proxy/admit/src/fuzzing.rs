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
use toolgate_call::{MetaEdit, Rewrite};

use crate::decode::decode;

/// How deep a body may be nested here.
const DEPTH: usize = 64;
const ID: &str = "\"fuzz\"";
const NAME: &str = "f\"uzz";

/// Takes header lines (`name: value`), an empty line, and a body. Whatever is taken for a request
/// must come out of a rewrite as the same request with another id, another name and more `_meta`.
///
/// # Panics
/// When it does not.
pub fn a_request(input: &[u8]) -> bool {
    let (head, body) = split(input);
    let body = Bytes::copy_from_slice(body);
    let Ok(decoded) = decode(&headers(head), &body, DEPTH) else { return false };
    let renamed = decoded.name.is_some();
    let out = decoded.frame.rewrite(&Rewrite {
        id: ID,
        name: Some(NAME),
        meta: if renamed { MetaEdit::Prepend(r#""fuzz/a":1"#) } else { MetaEdit::Keep },
        traceparent: None,
        more: None,
    });
    // Values that no `Value` can hold (a number beyond f64) say nothing of the splice.
    let Ok(mut before) = serde_json::from_slice::<Value>(unmarked(&body)) else { return true };
    let after: Value = serde_json::from_slice(&out).expect("a rewritten request is not JSON");
    if decoded.id.is_some() {
        before["id"] = "fuzz".into();
    }
    if renamed {
        let params = &mut before["params"];
        let place = if params["name"].is_string() {
            &mut params["name"]
        } else if params["uri"].is_string() {
            &mut params["uri"]
        } else if params["ref"]["name"].is_string() {
            &mut params["ref"]["name"]
        } else {
            &mut params["ref"]["uri"]
        };
        *place = NAME.into();
        before["params"]["_meta"]["fuzz/a"] = 1.into();
    }
    assert!(before == after, "the rewrite changes more than it should: {before} {after}");
    true
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
