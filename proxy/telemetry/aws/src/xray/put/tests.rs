//! Documents of any span, and what X-Ray says of them.

use std::time::{Duration, SystemTime};

use aws_sdk_xray::types::UnprocessedTraceSegment;
use bytes::Bytes;
use opentelemetry::trace::{
    Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use proptest::prelude::*;
use serde_json::Value;
use toolgate_telemetry::catalog::spans as name;
use toolgate_telemetry::{Export, Parcel};

use super::{judged, packed};

fn span(kind: SpanKind, attributes: Vec<KeyValue>) -> SpanData {
    let context = SpanContext::new(
        TraceId::from(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128),
        SpanId::from(0xb7ad_6b71_6920_3331_u64),
        TraceFlags::SAMPLED,
        false,
        TraceState::default(),
    );
    let start = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
    SpanData {
        span_context: context,
        parent_span_id: SpanId::from(7_u64),
        parent_span_is_remote: false,
        span_kind: kind,
        name: "tools/call read".into(),
        start_time: start,
        end_time: start + Duration::from_millis(500),
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("test").build(),
    }
}

fn document(span: SpanData) -> Value {
    let packed = packed(&[span], "gateway");
    serde_json::from_slice(&packed.parcels[0].parts[0]).unwrap()
}

fn failed(kind: &'static str, blame: &'static str, status: i64) -> Value {
    let mut attributes =
        vec![KeyValue::new(name::ERROR_TYPE, kind), KeyValue::new(name::BLAME, blame)];
    if status > 0 {
        attributes.push(KeyValue::new(name::HTTP_STATUS, status));
    }
    document(span(SpanKind::Server, attributes))
}

/// The flags of a document, in words.
fn flags(document: &Value) -> String {
    let set = ["error", "throttle", "fault"].into_iter().filter(|key| document[key] == true);
    set.collect::<Vec<_>>().join(" ")
}

#[test]
fn flags_say_whose_failure_it_was() {
    let cases = [
        ("forbidden", "caller", 403, "error"),
        ("invalid_params", "caller", 200, "error"),
        ("client_cancelled", "caller", 499, "error"),
        ("rate_limited", "caller", 429, "error throttle"),
        ("upstream_429", "target", 0, "error throttle"),
        ("overloaded", "gateway", 429, "error throttle"),
        ("tool_error", "tool", 200, "error"),
        ("internal", "gateway", 500, "fault"),
        ("dns", "network", 200, "fault"),
        ("timeout_total", "target", 200, "fault"),
        ("upstream_4xx", "target", 0, "fault"),
    ];
    for (kind, blame, status, wanted) in cases {
        let document = failed(kind, blame, status);
        assert_eq!(flags(&document), wanted, "{kind}");
        assert_eq!(document["cause"]["exceptions"][0]["type"], kind);
    }
    let of = |status: i64| {
        flags(&document(span(SpanKind::Server, vec![KeyValue::new(name::HTTP_STATUS, status)])))
    };
    assert_eq!(
        (&*of(200), &*of(404), &*of(503), &*of(429)),
        ("", "error", "fault", "error throttle")
    );
}

#[test]
fn a_call_is_a_segment_and_an_attempt_a_remote_subsegment_of_its_target() {
    let attributes = vec![
        KeyValue::new(name::METHOD, "tools/call"),
        KeyValue::new(name::TOOL, "read"),
        KeyValue::new(name::TARGET, "files"),
        KeyValue::new(name::HTTP_METHOD, "POST"),
        KeyValue::new(name::HTTP_STATUS, 200),
        KeyValue::new(name::SESSION, true),
        KeyValue::new(name::ATTEMPTS, 2),
        KeyValue::new("server.address", "db.internal"),
        KeyValue::new("aws.service", "S3"),
    ];
    let call = document(span(SpanKind::Server, attributes.clone()));
    assert_eq!((&call["name"], &call["id"]), (&"gateway".into(), &"b7ad6b7169203331".into()));
    assert_eq!(call["trace_id"], "1-0af76519-16cd43dd8448eb211c80319c");
    assert_eq!(call["parent_id"], "0000000000000007");
    assert_eq!(
        (call["start_time"].as_f64(), call["end_time"].as_f64()),
        (Some(1_700_000_000.25), Some(1_700_000_000.75))
    );
    assert_eq!(call["http"]["response"]["status"], 200);
    assert_eq!(call["annotations"]["gen_ai_tool_name"], "read");
    assert_eq!(call["annotations"]["toolgate_session"], true);
    assert_eq!(call["metadata"]["toolgate"]["toolgate.attempts"], 2);
    let attempt = document(span(SpanKind::Client, attributes));
    assert_eq!((&attempt["type"], &attempt["namespace"]), (&"subsegment".into(), &"remote".into()));
    assert_eq!(attempt["name"], "files");
    for document in [&call, &attempt] {
        assert!(document.get("sql").is_none() && document.get("aws").is_none(), "{document}");
    }
    let orphan = SpanData { parent_span_id: SpanId::INVALID, ..span(SpanKind::Internal, vec![]) };
    let orphan = document(orphan);
    assert!(orphan.get("type").is_none() && orphan.get("parent_id").is_none(), "{orphan}");
}

#[test]
fn a_document_loses_metadata_then_events_and_says_so() {
    let long = |chars: usize| KeyValue::new("long", "x".repeat(chars));
    let fits = packed(&[span(SpanKind::Server, vec![long(60_000)])], "s");
    assert_eq!((fits.trimmed, fits.parcels[0].spans), (0, 1));
    let many = (0..300).map(|nth| KeyValue::new(format!("key.{nth}"), "y".repeat(500)));
    let mut busy = span(SpanKind::Server, many.collect());
    busy.events.events.push(Event::with_name("read"));
    let shortened = packed(&[span(SpanKind::Server, vec![long(200_000)])], "s");
    let shortened: Value = serde_json::from_slice(&shortened.parcels[0].parts[0]).unwrap();
    assert_eq!(shortened["metadata"]["toolgate"]["long"].as_str().unwrap().len(), 256);
    let packed = packed(&[busy], "s");
    assert_eq!(packed.trimmed, 1);
    let document: Value = serde_json::from_slice(&packed.parcels[0].parts[0]).unwrap();
    assert!(document["metadata"]["toolgate"].get("key.1").is_none());
    assert_eq!(document["metadata"]["toolgate"]["events"][0]["event"], "read");
    assert_eq!(document["metadata"]["toolgate"]["trimmed"], "attributes");
}

fn parcel(ids: &[&str]) -> Parcel {
    let parts = ids.iter().map(|id| Bytes::from(format!("{{\"id\":\"{id}\"}}")));
    Parcel { parts: parts.collect(), spans: ids.len() as u64 }
}

fn unprocessed(id: Option<&str>, code: Option<&str>) -> UnprocessedTraceSegment {
    let builder = UnprocessedTraceSegment::builder().set_id(id.map(str::to_owned));
    builder.set_error_code(code.map(str::to_owned)).build()
}

#[test]
fn what_was_not_processed_goes_out_again_unless_it_cannot_be_read() {
    let all = parcel(&["a", "b", "c", "d"]);
    assert_eq!(judged(&all, &[]).again, None);
    let sent = judged(
        &all,
        &[
            unprocessed(Some("a"), Some("ThrottledException")),
            unprocessed(Some("b"), Some("ParseError")),
            unprocessed(Some("d"), None),
        ],
    );
    let again = sent.again.unwrap();
    assert_eq!((again.fate, again.rest), (Export::Throttled, Some(parcel(&["a", "d"]))));
    assert_eq!(sent.lost, [(Export::Partial, 1)]);
    // Complaints about nobody are about somebody, but about no more than there are.
    let nobody = || unprocessed(None, Some("JSONFormatError"));
    let sent = judged(&parcel(&["a"]), &[nobody(), nobody()]);
    assert_eq!((sent.lost, sent.again), (vec![(Export::Partial, 1)], None));
}

#[test]
fn fifty_documents_go_in_one_request() {
    let spans: Vec<SpanData> = (0..101).map(|_| span(SpanKind::Server, vec![])).collect();
    let sizes: Vec<u64> = packed(&spans, "s").parcels.iter().map(|parcel| parcel.spans).collect();
    assert_eq!(sizes, [50, 50, 1]);
}

/// Text of any characters, now and then very long.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => ".{0,40}",
        4 => any::<Vec<char>>().prop_map(String::from_iter),
        1 => (any::<char>(), 1_usize..=200_000)
            .prop_map(|(c, bytes)| c.to_string().repeat(bytes / c.len_utf8())),
    ]
}

fn any_span() -> impl Strategy<Value = SpanData> {
    let known = proptest::sample::select(vec![
        name::METHOD,
        name::TOOL,
        name::TARGET,
        name::ERROR_TYPE,
        name::BLAME,
        name::URL_PATH,
        name::CLIENT_ADDRESS,
        name::HTTP_METHOD,
        name::RPC_ID,
    ]);
    let key = prop_oneof![known.prop_map(str::to_owned), text()];
    let attributes = proptest::collection::vec((key, text()), 0..=100);
    let kind =
        prop_oneof![Just(SpanKind::Server), Just(SpanKind::Client), Just(SpanKind::Internal)];
    (kind, text(), text(), attributes, any::<(u64, u128, i64)>(), 0_usize..300).prop_map(
        |(kind, name, message, attributes, (parent, trace, status), listed)| {
            let mut attributes: Vec<KeyValue> =
                attributes.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect();
            attributes.push(KeyValue::new(name::HTTP_STATUS, status));
            let mut any = span(kind, attributes);
            any.parent_span_id = SpanId::from(parent & 1);
            any.name = name.clone().into();
            any.status = Status::error(message);
            let context = any.span_context.clone();
            let trace = TraceId::from(trace.max(1));
            let (id, flags) = (context.span_id(), TraceFlags::SAMPLED);
            any.span_context = SpanContext::new(trace, id, flags, false, TraceState::default());
            any.events.events = (0..listed)
                .map(|_| Event::with_name(name.chars().take(300).collect::<String>()))
                .collect();
            any.links.links = (0..listed).map(|_| Link::with_context(context.clone())).collect();
            any
        },
    )
}

/// What X-Ray demands of a document.
fn is_valid(bytes: &[u8]) -> Result<(), TestCaseError> {
    prop_assert!(bytes.len() <= 64_000, "{} bytes", bytes.len());
    let document: Value = serde_json::from_slice(bytes).unwrap();
    let text = |key: &str| document[key].as_str().unwrap_or_default().to_owned();
    let hex =
        |text: &str, digits| text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
    prop_assert!(hex(&text("id"), 16));
    let trace = text("trace_id");
    let parts: Vec<&str> = trace.split('-').collect();
    prop_assert!(parts[0] == "1" && hex(parts[1], 8) && hex(parts[2], 24), "{trace}");
    let name = text("name");
    let allowed = |c: char| c.is_ascii_alphanumeric() || " _.:/%&#=+\\-@".contains(c);
    prop_assert!((1..=200).contains(&name.chars().count()) && name.chars().all(allowed), "{name}");
    prop_assert!(document["end_time"].as_f64() >= document["start_time"].as_f64());
    prop_assert!(document["type"] != "subsegment" || hex(&text("parent_id"), 16));
    for key in document["annotations"].as_object().unwrap().keys() {
        prop_assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_span_becomes_a_document_that_x_ray_takes(span in any_span(), service in text()) {
        let packed = packed(&[span], &service);
        prop_assert_eq!(&packed.lost, &vec![]);
        is_valid(&packed.parcels[0].parts[0])?;
    }
}
