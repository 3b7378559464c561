//! What answers of a collector mean, and where a batch goes.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message as _;
use toolgate_telemetry_catalog::Export;

use super::{Answer, OtlpConfig, Protocol, Sent, grpc, http, url};

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
