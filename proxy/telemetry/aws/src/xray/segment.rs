//! A span becomes a segment document (X-Ray developer guide, "Segment documents").
//!
//! Enters: a finished span. Leaves: one JSON document: a SERVER span is a segment, everything else a
//! subsegment of its own with `parent_id`. Never: an id, a name or a key that X-Ray refuses; a block
//! about AWS or SQL, of which the gateway knows nothing; a span without a document.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{Event, SpanKind, Status};
use opentelemetry::{Array, KeyValue, SpanId, TraceId, Value};
use opentelemetry_sdk::trace::SpanData;
use serde_json::{Map, Value as Json, json};
use toolgate_telemetry::catalog::spans as name;

use super::trim::cut;

/// The longest name, in characters.
const NAME: usize = 200;
/// The longest text of an annotation or an `http` field, in characters.
const TEXT: usize = 250;
/// The longest message of a cause, in characters.
const MESSAGE: usize = 1000;
/// Events and links of one document.
const LISTED: usize = 100;
/// What X-Ray indexes, so that traces can be searched by it; of 50 at most.
const ANNOTATED: [&str; 8] = [
    name::METHOD,
    name::TOOL,
    name::TARGET,
    name::SERVER,
    name::ERROR_TYPE,
    name::BLAME,
    name::SESSION,
    name::SAMPLING,
];
/// What has a field of its own.
const HTTP: [&str; 5] = [
    name::HTTP_METHOD,
    name::URL_PATH,
    name::CLIENT_ADDRESS,
    name::HTTP_STATUS,
    name::RESPONSE_SIZE,
];
/// What metadata is filed under.
pub(super) const NAMESPACE: &str = "toolgate";

/// How X-Ray marks a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flags {
    /// A 4xx: a mistake of whoever asked.
    error: bool,
    /// A 429, which is an error as well.
    throttle: bool,
    /// A 5xx: a failure of whoever was asked.
    fault: bool,
}

/// The document of a span of that service.
pub(super) fn document(span: &SpanData, service: &str) -> Map<String, Json> {
    let mut all = Map::new();
    all.insert("id".into(), span_id(span.span_context.span_id()).into());
    all.insert("trace_id".into(), trace_id(span.span_context.trace_id()).into());
    let has_parent = span.parent_span_id != SpanId::INVALID;
    if has_parent {
        all.insert("parent_id".into(), span_id(span.parent_span_id).into());
    }
    // A subsegment without a parent would be refused: then it is the root.
    let is_segment = span.span_kind == SpanKind::Server || !has_parent;
    all.insert("name".into(), named(span, service, is_segment).into());
    let start = seconds(span.start_time);
    all.insert("start_time".into(), start.into());
    all.insert("end_time".into(), seconds(span.end_time).max(start).into());
    if is_segment {
        all.insert("service".into(), json!({ "version": env!("CARGO_PKG_VERSION") }));
    } else {
        all.insert("type".into(), "subsegment".into());
        if span.span_kind == SpanKind::Client {
            all.insert("namespace".into(), "remote".into());
        }
    }
    mark(&mut all, span);
    if let Some(http) = http(span) {
        all.insert("http".into(), http);
    }
    all.insert("annotations".into(), annotations(span));
    all.insert("metadata".into(), json!({ NAMESPACE: metadata(span) }));
    all
}

/// The service for what it does itself; for an attempt, the target that it went to.
fn named(span: &SpanData, service: &str, is_segment: bool) -> String {
    let target = (!is_segment).then(|| attribute(span, name::TARGET)).flatten();
    let target = target.map(|value| value.as_str().into_owned());
    fit(target.as_deref().unwrap_or(if is_segment { service } else { &span.name }))
}

/// A name in characters that X-Ray takes. Letters beyond ASCII are replaced: X-Ray takes those of
/// Unicode's letter classes alone, and the standard library's notion of a letter is wider.
fn fit(text: &str) -> String {
    let plain = |c: char| {
        let taken = c.is_ascii_alphanumeric() || "_.:/%&#=+\\-@ ".contains(c);
        if taken { c } else { '_' }
    };
    let name: String = text.chars().take(NAME).map(plain).collect();
    if name.trim().is_empty() { "unnamed".to_owned() } else { name }
}

/// Flags, and what led to them.
fn mark(all: &mut Map<String, Json>, span: &SpanData) {
    let flags = flags(span);
    for (key, set) in [("error", flags.error), ("throttle", flags.throttle), ("fault", flags.fault)]
    {
        if set {
            all.insert(key.into(), true.into());
        }
    }
    let kind = attribute(span, name::ERROR_TYPE).map(|value| value.as_str().into_owned());
    let message = match &span.status {
        Status::Error { description } => description.as_ref(),
        Status::Ok | Status::Unset => "",
    };
    if kind.is_none() && message.is_empty() {
        return;
    }
    let kind = kind.unwrap_or_else(|| "error".to_owned());
    let message = if message.is_empty() { &kind } else { message };
    let exception = json!({
        "id": span_id(SpanId::from(!u64::from_be_bytes(span.span_context.span_id().to_bytes()))),
        "type": cut(&kind, TEXT),
        "message": cut(message, MESSAGE),
        "remote": span.span_kind == SpanKind::Client,
    });
    all.insert("cause".into(), json!({ "exceptions": [exception] }));
}

/// By what the gateway says of a failure; where it says nothing, by the HTTP status.
fn flags(span: &SpanData) -> Flags {
    let text = |key| attribute(span, key).map(Value::as_str).unwrap_or_default();
    let status = match attribute(span, name::HTTP_STATUS) {
        Some(Value::I64(status)) => *status,
        Some(Value::Bool(_) | Value::F64(_) | Value::String(_) | Value::Array(_) | _) | None => 0,
    };
    let (kind, blame) = (text(name::ERROR_TYPE), text(name::BLAME));
    if status == 429 || matches!(&*kind, "rate_limited" | "upstream_429") {
        return Flags { error: true, throttle: true, fault: false };
    }
    let error = Flags { error: true, ..Flags::default() };
    let fault = Flags { fault: true, ..Flags::default() };
    match &*blame {
        "caller" | "tool" => error,
        "gateway" | "network" | "target" => fault,
        _ if (400..500).contains(&status) => error,
        _ if status >= 500 || matches!(span.status, Status::Error { .. }) => fault,
        _ => Flags::default(),
    }
}

fn http(span: &SpanData) -> Option<Json> {
    let field = |key: &str| attribute(span, key).map(|value| short(value, TEXT));
    let block = |fields: [(&str, Option<Json>); 3]| {
        let some = fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Json::Object(some.collect())
    };
    let request = block([
        ("method", field(name::HTTP_METHOD)),
        ("url", field(name::URL_PATH)),
        ("client_ip", field(name::CLIENT_ADDRESS)),
    ]);
    let response = block([
        ("status", field(name::HTTP_STATUS)),
        ("content_length", field(name::RESPONSE_SIZE)),
        ("", None),
    ]);
    let is_empty = |block: &Json| block.as_object().is_none_or(Map::is_empty);
    if is_empty(&request) && is_empty(&response) {
        return None;
    }
    Some(json!({ "request": request, "response": response }))
}

fn annotations(span: &SpanData) -> Json {
    let found = ANNOTATED.iter().filter_map(|key| Some((*key, attribute(span, key)?)));
    let scalars = found.filter(|(_, value)| !matches!(value, Value::Array(_)));
    // Keys may hold letters, digits and underscores only.
    Json::Object(scalars.map(|(key, value)| (key.replace('.', "_"), short(value, TEXT))).collect())
}

/// Everything else: attributes, events, links.
fn metadata(span: &SpanData) -> Map<String, Json> {
    let known = |key: &str| ANNOTATED.contains(&key) || HTTP.contains(&key);
    let others = span.attributes.iter().filter(|attribute| !known(attribute.key.as_str()));
    let mut all: Map<String, Json> = others.map(pair).collect();
    all.insert("span".into(), cut(&span.name, NAME).into());
    if !span.events.events.is_empty() {
        let events = span.events.events.iter().take(LISTED);
        all.insert("events".into(), events.map(|event| moment(event, span.start_time)).collect());
    }
    if !span.links.links.is_empty() {
        let links = span.links.links.iter().take(LISTED);
        let link = |link: &opentelemetry::trace::Link| {
            let (trace, span) = (link.span_context.trace_id(), link.span_context.span_id());
            json!({ "trace_id": trace_id(trace), "id": span_id(span) })
        };
        all.insert("links".into(), links.map(link).collect());
    }
    all
}

fn moment(event: &Event, start: SystemTime) -> Json {
    let after = event.timestamp.duration_since(start).unwrap_or_default();
    let mut all: Map<String, Json> = event.attributes.iter().map(pair).collect();
    all.insert("event".into(), event.name.as_ref().into());
    all.insert("after_ms".into(), (after.as_secs_f64() * 1000.0).into());
    Json::Object(all)
}

fn pair(attribute: &KeyValue) -> (String, Json) {
    (attribute.key.as_str().to_owned(), short(&attribute.value, usize::MAX))
}

fn attribute<'a>(span: &'a SpanData, key: &str) -> Option<&'a Value> {
    let mut all = span.attributes.iter();
    all.find(|attribute| attribute.key.as_str() == key).map(|attribute| &attribute.value)
}

fn short(value: &Value, longest: usize) -> Json {
    match value {
        Value::Bool(value) => (*value).into(),
        Value::I64(value) => (*value).into(),
        Value::F64(value) => (*value).into(),
        Value::String(text) => cut(text.as_str(), longest).into(),
        Value::Array(Array::Bool(all)) => all.clone().into(),
        Value::Array(Array::I64(all)) => all.clone().into(),
        Value::Array(Array::F64(all)) => all.clone().into(),
        Value::Array(Array::String(all)) => {
            all.iter().map(|text| cut(text.as_str(), longest)).collect::<Vec<_>>().into()
        }
        other @ (Value::Array(_) | _) => cut(&other.to_string(), longest).into(),
    }
}

/// `1-<8 hex>-<24 hex>`: of any trace, since the time within ids is neither needed nor looked at.
fn trace_id(id: TraceId) -> String {
    let text = id.to_string();
    let (epoch, random) = text.split_at_checked(8).unwrap_or_default();
    format!("1-{epoch}-{random}")
}

fn span_id(id: SpanId) -> String {
    id.to_string()
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
