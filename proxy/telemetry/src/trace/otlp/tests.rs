//! What answers of a collector mean, and where a batch goes.

use std::io::Read as _;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderValue, StatusCode};
use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_sdk::trace::SpanData;
use prost::Message as _;
use toolgate_call::{Ledger, Method, Outcome, Trace};
use toolgate_telemetry_catalog::{Export, Kept};

use super::super::SpansTo;
use super::super::span::spans;
use super::{Answer, Otlp, OtlpConfig, Protocol, Sent, SpanSink as _, grpc, http, url};
use crate::tests::exercise::{record, traced};

fn answer(status: u16, headers: &[(&'static str, &'static str)], body: Vec<u8>) -> Answer {
    let mut all = HeaderMap::new();
    for (name, value) in headers {
        all.insert(*name, HeaderValue::from_static(value));
    }
    Answer { status: StatusCode::from_u16(status).unwrap(), headers: all, body: Bytes::from(body) }
}

fn failed(sent: &Sent) -> (Export, Option<Duration>) {
    match (&sent.again, &sent.lost[..]) {
        (Some(again), []) => (again.fate, Some(again.wait)),
        (None, [(fate, SPANS)]) => (*fate, None),
        _ => panic!("{sent:?}"),
    }
}

/// Spans in a batch.
const SPANS: u64 = 9;

fn partial(rejected: i64) -> Vec<u8> {
    let partial_success =
        ExportTracePartialSuccess { rejected_spans: rejected, ..Default::default() };
    ExportTraceServiceResponse { partial_success: Some(partial_success) }.encode_to_vec()
}

#[test]
fn a_status_says_whether_to_repeat() {
    assert_eq!(http(&answer(200, &[], Vec::new()), SPANS), Sent::default());
    assert_eq!(http(&answer(200, &[], partial(3)), SPANS).lost, [(Export::Partial, 3)]);
    assert_eq!(http(&answer(200, &[], vec![0xff]), SPANS), Sent::default());
    let of = |status, headers: &[_]| failed(&http(&answer(status, headers, Vec::new()), SPANS));
    assert_eq!(of(400, &[]), (Export::Http4xx, None));
    assert_eq!(of(500, &[]), (Export::Http5xx, None));
    assert_eq!(of(503, &[]), (Export::Http5xx, Some(Duration::ZERO)));
    let later = Some(Duration::from_secs(7));
    assert_eq!(of(429, &[("retry-after", "7")]), (Export::Throttled, later));
}

#[test]
fn a_grpc_code_says_whether_to_repeat() {
    let mut framed = vec![0, 0, 0, 0, 0];
    framed.extend(partial(2));
    let sent = grpc(&answer(200, &[("grpc-status", "0")], framed), SPANS);
    assert_eq!(sent.lost, [(Export::Partial, 2)]);
    let of = |code| failed(&grpc(&answer(200, &[("grpc-status", code)], Vec::new()), SPANS));
    assert_eq!(of("8"), (Export::Throttled, Some(Duration::ZERO)));
    assert_eq!(of("14"), (Export::Http5xx, Some(Duration::ZERO)));
    assert_eq!(of("4"), (Export::Timeout, Some(Duration::ZERO)));
    assert_eq!(of("16"), (Export::Http4xx, None));
    // A proxy in between answers for itself.
    assert_eq!(
        failed(&grpc(&answer(502, &[], Vec::new()), SPANS)),
        (Export::Http5xx, Some(Duration::ZERO))
    );
}

#[test]
fn an_endpoint_gets_the_path_of_its_protocol() {
    let of = |endpoint: &'static str, protocol| {
        let config = OtlpConfig {
            endpoint: endpoint.parse().unwrap(),
            protocol,
            headers: Vec::new(),
            timeout: Duration::from_secs(1),
            gzip: false,
            signer: None,
            service: "s".to_owned(),
        };
        url(&config).unwrap().to_string()
    };
    let (http, grpc) = (Protocol::Http, Protocol::Grpc);
    assert_eq!(of("http://c:4318", http), "http://c:4318/v1/traces");
    assert_eq!(of("http://c:4318/otlp/v1/traces", http), "http://c:4318/otlp/v1/traces");
    let service = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    assert_eq!(of("http://c:4317", grpc), format!("http://c:4317{service}"));
}

/// A collector that is never asked.
fn nobody(gzip: bool) -> Otlp {
    let SpansTo::Otlp(config) = traced().to.unwrap() else { panic!("no collector") };
    Otlp::new(&OtlpConfig { gzip, ..*config }, "1.2.3").unwrap()
}

/// A span with an attribute of so many bytes.
fn span(bytes: usize) -> SpanData {
    let (ledger, place) = (Ledger::new(Instant::now()), Trace::unrecorded());
    let call = record(&ledger, Method::Ping, Outcome::OK);
    let mut spans = spans(&call, &place, (Kept::Head, SystemTime::now()));
    let mut span = spans.remove(0);
    span.attributes.push(KeyValue::new("large", "x".repeat(bytes)));
    span
}

#[test]
fn a_batch_that_is_too_large_goes_out_in_parts_and_a_span_that_is_too_large_is_lost() {
    let packed = nobody(false).pack(vec![span(10), span(10), span(10)]);
    assert_eq!(packed.parcels.iter().map(|parcel| parcel.spans).collect::<Vec<_>>(), [3]);
    let batch = vec![span(3_000_000), span(2_000_000), span(5_000_000), span(10), span(10)];
    let packed = nobody(false).pack(batch);
    assert_eq!(packed.parcels.iter().map(|parcel| parcel.spans).sum::<u64>(), 4);
    assert!(packed.parcels.iter().all(|parcel| parcel.parts[0].len() <= super::LARGEST));
    assert_eq!(packed.lost, [(Export::Oversize, 1)]);
}

#[test]
fn what_is_compressed_is_the_same_message() {
    let batch = || vec![span(10_000)];
    let small = nobody(true).pack(batch()).parcels.remove(0).parts.remove(0);
    assert!(small.len() < 5_000, "{} bytes", small.len());
    let mut plain = Vec::new();
    GzDecoder::new(&*small).read_to_end(&mut plain).unwrap();
    let message = ExportTraceServiceRequest::decode(&*plain).unwrap();
    assert_eq!(super::held(&message), 1);
}
