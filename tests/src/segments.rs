//! What X-Ray demands of segment documents, by our own reading of its developer guide.
//!
//! In: the documents of one trace, as they were sent. Out: the same as JSON, or the first demand that
//! one of them does not meet. It shares no code with whoever makes them.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// The largest document, in bytes: "64 kB" is read as the smaller of its two meanings.
const LARGEST: usize = 64_000;
/// The keys that a document may have and that we know the meaning of.
const KEYS: [&str; 17] = [
    "name",
    "id",
    "trace_id",
    "parent_id",
    "start_time",
    "end_time",
    "in_progress",
    "type",
    "namespace",
    "service",
    "http",
    "error",
    "throttle",
    "fault",
    "cause",
    "annotations",
    "metadata",
];

/// A trace that hangs together: one segment, the oldest first, and below it subsegments.
///
/// # Errors
/// When X-Ray would refuse or misread it.
pub fn check(documents: &[String]) -> Result<Vec<Value>> {
    let mut all = Vec::with_capacity(documents.len());
    for document in documents {
        all.push(one(document).with_context(|| format!("in {document}"))?);
    }
    all.sort_by(|a, b| {
        let key =
            |document: &Value| (is_subsegment(document), field(document, "start_time").as_f64());
        key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal)
    });
    let ids: BTreeSet<&str> =
        all.iter().filter_map(|document| field(document, "id").as_str()).collect();
    ensure!(ids.len() == all.len(), "two documents have one id");
    for document in all.iter().filter(|document| is_subsegment(document)) {
        let parent = field(document, "parent_id").as_str().unwrap_or_default();
        ensure!(ids.contains(parent), "no document is the parent {parent} of {document}");
    }
    let traces: BTreeSet<&str> =
        all.iter().filter_map(|document| field(document, "trace_id").as_str()).collect();
    ensure!(traces.len() == 1, "documents of {traces:?}");
    Ok(all)
}

/// One document for itself.
///
/// # Errors
/// When X-Ray would refuse or misread it.
pub fn one(text: &str) -> Result<Value> {
    ensure!(text.len() <= LARGEST, "{} bytes", text.len());
    let document: Value = serde_json::from_str(text)?;
    let fields = document.as_object().context("no object")?;
    let odd: Vec<&String> = fields.keys().filter(|key| !KEYS.contains(&key.as_str())).collect();
    ensure!(odd.is_empty(), "keys {odd:?}");
    name(&document)?;
    ids(&document)?;
    times(&document)?;
    flags(&document)?;
    annotations(&document)?;
    ensure!(
        field(&document, "metadata")
            .as_object()
            .is_none_or(|all| all.values().all(Value::is_object)),
        "metadata without namespaces"
    );
    Ok(document)
}

fn is_subsegment(document: &Value) -> bool {
    *field(document, "type") == "subsegment"
}

/// 1 to 200 Unicode letters, numbers and white space, and `_ . : / % & # = + \ - @`.
fn name(document: &Value) -> Result<()> {
    let name = field(document, "name").as_str().context("no name")?;
    ensure!((1..=200).contains(&name.chars().count()), "a name of {} characters", name.len());
    let taken = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_.:/%&#=+\\-@".contains(c);
    ensure!(name.chars().all(taken), "the name {name:?}");
    Ok(())
}

fn ids(document: &Value) -> Result<()> {
    let id = |key: &str| field(document, key).as_str().is_some_and(|id| hex(id, 16));
    ensure!(id("id"), "the id");
    let trace = field(document, "trace_id").as_str().context("no trace id")?;
    let parts: Vec<&str> = trace.split('-').collect();
    let [version, epoch, random] = parts[..] else { anyhow::bail!("the trace id {trace}") };
    ensure!(version == "1" && hex(epoch, 8) && hex(random, 24), "the trace id {trace}");
    let kind = field(document, "type");
    ensure!(kind.is_null() || is_subsegment(document), "the type {kind}");
    let parent = field(document, "parent_id");
    ensure!(id("parent_id") || (parent.is_null() && kind.is_null()), "the parent {parent}");
    let namespace = field(document, "namespace").as_str();
    ensure!(namespace.is_none_or(|text| ["aws", "remote"].contains(&text)), "{namespace:?}");
    ensure!(namespace.is_none() || is_subsegment(document), "a segment with a namespace");
    let exceptions = at(document, "/cause/exceptions").as_array();
    for exception in exceptions.into_iter().flatten() {
        ensure!(field(exception, "id").as_str().is_some_and(|id| hex(id, 16)), "{exception}");
    }
    Ok(())
}

fn times(document: &Value) -> Result<()> {
    let start = field(document, "start_time").as_f64().context("no start")?;
    let ended = field(document, "end_time").as_f64().is_some_and(|end| end >= start);
    ensure!(ended || *field(document, "in_progress") == true, "it neither ends nor lasts");
    ensure!(start > 1.5e9 && start < 1e10, "not in seconds: {start}");
    Ok(())
}

/// A 429 is a throttle and an error, another 4xx an error, a 5xx a fault.
fn flags(document: &Value) -> Result<()> {
    let set = |key: &str| -> Result<bool> {
        let flag = field(document, key);
        ensure!(flag.is_null() || flag.is_boolean(), "{key} is {flag}");
        Ok(*flag == true)
    };
    let (error, throttle, fault) = (set("error")?, set("throttle")?, set("fault")?);
    ensure!(error || !throttle, "a throttle that is no error");
    ensure!(!(error && fault), "an error and a fault");
    let status = at(document, "/http/response/status").as_u64().unwrap_or_default();
    let right = match status {
        429 => throttle,
        400..=499 => error,
        500..=599 => fault,
        _ => true,
    };
    ensure!(right, "status {status}: error {error}, throttle {throttle}, fault {fault}");
    ensure!(field(document, "cause").is_null() || error || fault, "a cause of nothing");
    Ok(())
}

/// At most 50 scalars under keys of letters, digits and underscores.
fn annotations(document: &Value) -> Result<()> {
    let all = field(document, "annotations").as_object();
    ensure!(all.is_none_or(|all| all.len() <= 50), "more than 50 annotations");
    for (key, value) in all.into_iter().flatten() {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        ensure!(!key.is_empty() && key.bytes().all(plain), "the annotation {key}");
        let short = value.as_str().is_some_and(|text| text.chars().count() <= 1000);
        ensure!(short || value.is_number() || value.is_boolean(), "{key}: {value}");
    }
    Ok(())
}

/// A field, or null.
fn field<'a>(document: &'a Value, key: &str) -> &'a Value {
    document.get(key).unwrap_or(&Value::Null)
}

/// A field of a field, or null.
fn at<'a>(document: &'a Value, path: &str) -> &'a Value {
    document.pointer(path).unwrap_or(&Value::Null)
}

fn hex(text: &str, digits: usize) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == digits && text.bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    //! Each demand can fail.

    use serde_json::{Value, json};

    use super::{check, one};

    fn segment() -> Value {
        json!({
            "name": "gw", "id": "00000000000000aa", "trace_id": "1-0af76519-16cd43dd8448eb211c80319c",
            "start_time": 1.7e9, "end_time": 1.7e9, "http": { "response": { "status": 200 } },
            "annotations": { "tool": "read" }, "metadata": { "a": {} },
        })
    }

    #[test]
    fn a_good_document_is_good_and_each_fault_is_found() {
        one(&segment().to_string()).unwrap();
        let wrong = [
            json!({ "name": "" }),
            json!({ "name": "a<b" }),
            json!({ "name": "x".repeat(201) }),
            json!({ "id": "AA000000000000aa" }),
            json!({ "trace_id": "0af7651916cd43dd8448eb211c80319c" }),
            json!({ "start_time": 1.8e9 }),
            json!({ "end_time": null }),
            json!({ "type": "subsegment" }),
            json!({ "namespace": "remote" }),
            json!({ "http": { "response": { "status": 404 } } }),
            json!({ "http": { "response": { "status": 503 } }, "error": true }),
            json!({ "http": { "response": { "status": 429 } }, "error": true }),
            json!({ "throttle": true }),
            json!({ "error": true, "fault": true }),
            json!({ "error": "yes" }),
            json!({ "annotations": { "a.b": 1 } }),
            json!({ "annotations": { "a": [1] } }),
            json!({ "metadata": { "a": 1 } }),
            json!({ "metadata": { "a": { "b": "x".repeat(64_000) } } }),
            json!({ "sql": {} }),
            json!({ "cause": {} }),
        ];
        for change in wrong {
            let mut document = segment();
            for (key, value) in change.as_object().unwrap() {
                document[key] = value.clone();
            }
            assert!(one(&document.to_string()).is_err(), "{change}");
        }
        let mut child = segment();
        child["type"] = "subsegment".into();
        child["id"] = "00000000000000bb".into();
        child["parent_id"] = "00000000000000aa".into();
        check(&[child.to_string(), segment().to_string()]).unwrap();
        assert!(check(&[child.to_string()]).is_err());
    }
}
