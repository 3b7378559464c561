//! Answers on the wire.

use std::sync::Arc;
use std::time::{Duration, Instant};

use toolgate_call::trace::Claims;
use toolgate_call::{Answer, Case, Era, Ledger, Phase, RawJson, Reason, Refusal};

use crate::exchange::Exchange;
use crate::{encode, observe, refuse};

fn raw(text: &str) -> RawJson {
    RawJson::built(bytes::Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn a_result_goes_out_byte_for_byte_under_the_callers_id() {
    let result = r#"{ "z":1.50, "a":[ ] , "ünknown":{"b":null,"a":12345678901234567890}}"#;
    let message = encode::message(Some(&raw("\"7\"")), &Answer::result(raw(result)));
    assert_eq!(message, format!(r#"{{"jsonrpc":"2.0","id":"7","result":{result}}}"#).as_bytes());
    let error = Answer::Error { raw: raw(r#"{"code":-1,"message":"m","x":1}"#), code: -1 };
    let message = encode::message(Some(&raw("7")), &error);
    assert_eq!(message, br#"{"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"m","x":1}}"#[..]);
}

#[test]
fn the_ledger_is_added_to_a_result_and_changes_nothing_else() {
    let start = Instant::now();
    let ledger = Ledger::new(start);
    ledger.enter_at(Phase::Wait, start + Duration::from_millis(2));
    let phases = ledger.phases_at(start + Duration::from_millis(10));
    let cases = [
        (r#"{"content":[],"x":1.0}"#, true),
        ("{}", true),
        (r#"{"_meta":{},"content":[]}"#, true),
        (r#"{"content":[],"_meta": {"k":{"_meta":1}} }"#, true),
        (r#"{"_meta":null,"content":[]}"#, false),
        (r#"{"_meta":[],"content":[]}"#, false),
        (r#"{"_meta":"x"}"#, false),
    ];
    for (text, annotated) in cases {
        let answer = Answer::result(raw(text));
        let noted = observe::annotate(&answer, &phases, &ledger);
        assert_eq!(noted.is_some(), annotated, "{text}");
        let Some(Answer::Result { raw, .. }) = noted else { continue };
        let mut value: serde_json::Value = raw.parse().unwrap();
        let meta = value.get_mut("_meta").unwrap().as_object_mut().unwrap();
        let note = meta.remove("toolgate/ledger").unwrap();
        assert_eq!(note["total_ms"], 10.0);
        assert_eq!(note["phases_ms"]["wait"], 8.0);
        if !text.contains("_meta") {
            value.as_object_mut().unwrap().remove("_meta");
        }
        assert_eq!(value, serde_json::from_str::<serde_json::Value>(text).unwrap());
    }
}

#[test]
fn an_error_says_what_the_caller_may_know_and_not_what_the_operator_knows() {
    let exchange = Exchange::new(Arc::from("r-1"), None, (Claims::default(), None), Arc::default());
    let refusal = Refusal::target(Reason::Reset, &Arc::from("t"), "`t` closed the connection")
        .detail("10.0.0.7:443: SECRET")
        .after_send()
        .retry_after(Duration::from_millis(1500));
    let object = refuse::error_object(&refusal, Era::Modern, Some(&exchange));
    let value: serde_json::Value = object.parse().unwrap();
    assert!(!value.to_string().contains("SECRET"));
    let wanted = serde_json::json!({
        "code": -32603,
        "message": "`t` closed the connection",
        "data": {
            "reason": "reset", "blame": "network", "retry_safe": false, "outcome": "unknown",
            "retry_after_ms": 1500, "target": "t", "phase": "read", "request_id": "r-1",
        },
    });
    assert_eq!(value, wanted);
}

#[test]
fn an_unsupported_version_is_answered_with_those_that_are() {
    let refusal = Refusal::new(Case::VersionUnsupported, "no").requested("2030-01-01");
    let object = refuse::error_object(&refusal, Era::Modern, None);
    let value: serde_json::Value = object.parse().unwrap();
    assert_eq!(value["code"], -32022);
    assert_eq!(value["data"]["requested"], "2030-01-01");
    assert_eq!(value["data"]["supported"][3], "2026-07-28");
}

#[test]
fn whole_seconds_to_wait_are_never_too_few() {
    for (millis, wanted) in [(1, "1"), (1000, "1"), (1001, "2"), (29_500, "30")] {
        let refusal = Refusal::new(Case::Overloaded, "no");
        let refusal = refusal.retry_after(Duration::from_millis(millis));
        let response = refuse::early(&refusal, None, None);
        assert_eq!(response.headers()["retry-after"], wanted, "{millis} ms");
    }
}

#[test]
fn a_session_that_cancelled_is_answered_in_band() {
    assert_eq!(refuse::wire(Case::Cancelled, Era::Legacy).0, 200);
    assert_eq!(refuse::wire(Case::Cancelled, Era::Modern).0.as_u16(), 499);
    assert_eq!(refuse::wire(Case::BodyLate, Era::Modern).0, 408);
}
