//! Places in a trace, and what becomes of the record of a call.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_sdk::trace::SpanData;
use toolgate_call::trace::{Claims, Remote};
use toolgate_call::{
    AttemptNote, Kind, Ledger, Method, Outcome, Phase, Plan, Principal, Reason, SpanId, Trace,
};
use toolgate_telemetry_catalog::{Kept, SampleSource};

use super::{Beginning, Decided, Sampler, TraceConfig, Traces, span};
use crate::CallRecord;
use crate::registry::Registry;
use crate::tests::exercise::{plan, record, traced};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0";

fn traces(ratio: f64, trust_remote: bool) -> Traces {
    Traces::new(&Registry::new(100), TraceConfig { ratio, trust_remote, ..traced() })
}

fn claims(sampled: bool) -> Claims {
    let text = format!("{PARENT}{}", u8::from(sampled));
    Claims { header: Some((Remote::from_traceparent(&text).unwrap(), None)), ..Claims::default() }
}

#[test]
fn a_caller_decides_where_it_is_trusted_and_the_ratio_elsewhere() {
    let (all, none) = (traces(1.0, true), traces(0.0, true));
    assert!(all.place(&Claims::default(), None).own.sampled);
    assert!(!none.place(&Claims::default(), None).own.sampled);
    assert!(!all.place(&claims(false), None).own.sampled);
    assert!(none.place(&claims(true), None).own.sampled);
    assert!(!traces(0.0, false).place(&claims(true), None).own.sampled);
    assert!(traces(1.0, false).place(&claims(false), None).own.sampled);
    // A load balancer names a trace and leaves the decision open.
    let amzn = Remote::from_amzn("Root=1-0af76519-16cd43dd8448eb211c80319c");
    let place = all.place(&Claims { amzn, ..Claims::default() }, None);
    assert!(place.own.sampled);
    assert_eq!((place.own.trace, place.parent), (amzn.unwrap().trace, None));
}

/// Records what it is told to.
#[derive(Debug)]
struct Ruled(Option<bool>);

impl Sampler for Ruled {
    fn decide(&self, call: &Beginning<'_>, position: f64) -> Option<Decided> {
        assert!(call.name == Some("k8s___get_pods") && (0.0..=1.0).contains(&position));
        self.0.map(|sampled| Decided { by: SampleSource::Rule, sampled })
    }
}

#[test]
fn rules_come_after_a_trusted_caller_and_before_the_ratio() {
    let call = Beginning { method: Method::ToolsCall, name: Some("k8s___get_pods"), host: "gw" };
    let ruled = |rule, ratio| {
        let rules: Arc<dyn Sampler> = Arc::new(Ruled(rule));
        let config = TraceConfig { ratio, rules: Some(rules), ..traced() };
        Traces::new(&Registry::new(100), config)
    };
    let place = |traces: Traces, claims, call| traces.place(&claims, call).own.sampled;
    assert!(place(ruled(Some(true), 0.0), Claims::default(), Some(&call)));
    assert!(!place(ruled(Some(false), 1.0), Claims::default(), Some(&call)));
    assert!(place(ruled(None, 1.0), Claims::default(), Some(&call)));
    assert!(!place(ruled(Some(true), 1.0), claims(false), Some(&call)));
    // No rule is spent on whoever was not let in.
    assert!(!place(ruled(Some(true), 0.0), Claims::default(), None));
}

#[test]
fn the_ratio_holds_over_many_traces_and_each_is_decided_alike() {
    let traces = traces(0.25, true);
    let sampled = (0..4000).filter(|_| traces.place(&Claims::default(), None).own.sampled).count();
    assert!((800..1200).contains(&sampled), "{sampled} of 4000");
    let trace = super::fresh();
    assert!(super::position(trace) <= 1.0);
}

#[test]
fn a_place_keeps_the_trace_of_the_caller_in_a_span_of_its_own() {
    let place = traces(0.0, true).place(&claims(true), None);
    assert_eq!(place.own.trace.to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(place.parent.unwrap().to_string(), "b7ad6b7169203331");
    assert_ne!(place.own.span, place.parent.unwrap());
}

#[test]
fn without_a_backend_the_callers_decision_travels_on_and_nothing_is_kept() {
    let off = Traces::new(&Registry::new(100), TraceConfig::default());
    let place = off.place(&claims(true), None);
    assert!(place.own.sampled);
    let ledger = Ledger::new(Instant::now());
    let call = CallRecord { trace: Some(&place), ..record(&ledger, Method::Ping, Outcome::OK) };
    assert!(!off.finish(&call, || true));
}

#[test]
fn what_nobody_sampled_is_kept_when_it_fails() {
    let traces = traces(0.0, true);
    let place = traces.place(&Claims::default(), None);
    let ledger = Ledger::new(Instant::now());
    let of = |outcome, slow: bool| {
        let call = CallRecord { trace: Some(&place), ..record(&ledger, Method::Ping, outcome) };
        traces.finish(&call, || slow)
    };
    assert!(!of(Outcome::OK, false));
    assert!(of(Outcome::OK, true));
    assert!(of(Outcome::failed(Reason::Upstream5xx, false), false));
    let queued = traces.queue.as_ref().unwrap().take();
    assert_eq!(queued.batch.len(), 2);
}

#[test]
fn a_stranger_cannot_have_its_calls_recorded_by_saying_so() {
    let traces = traces(0.0, true);
    let place = traces.place(&claims(true), None);
    let (ledger, somebody) = (Ledger::new(Instant::now()), Principal::anonymous());
    let denied = Outcome::failed(Reason::Unauthenticated, false);
    let of = |outcome, principal| {
        let call = record(&ledger, Method::ToolsCall, outcome);
        let call = CallRecord { trace: Some(&place), principal, ..call };
        traces.finish(&call, || false)
    };
    // A flood of them is kept in part, as that of any failure is.
    let kept = (0..1000).filter(|_| of(denied, None)).count();
    assert!((200..300).contains(&kept), "{kept}");
    assert!((0..1000).all(|_| of(Outcome::OK, Some(&somebody))));
}

/// A call with two attempts, the first of which failed.
fn retried() -> (Ledger, Trace) {
    let start = Instant::now();
    let ms = Duration::from_millis;
    let ledger = Ledger::new(start);
    ledger.set_plan(&plan("files", "read<all>"));
    for (phase, at) in
        [(Phase::Send, 1), (Phase::Backoff, 4), (Phase::Send, 10), (Phase::Write, 15)]
    {
        ledger.enter_at(phase, start + ms(at));
    }
    for (n, began, took, reason) in [(1, 1, 3, Some(Reason::Upstream5xx)), (2, 10, 5, None)] {
        let detail = reason.map(|_| "503 with eyJhbGciOiJub25lIn0.e30.x in it".to_owned());
        let span = SpanId::new(n);
        ledger.note_attempt(AttemptNote { reason, began: ms(began), took: ms(took), span, detail });
    }
    (ledger, traces(1.0, true).place(&claims(true), None))
}

fn spans(ledger: &Ledger, trace: &Trace) -> Vec<SpanData> {
    let phases = ledger.phases_at(ledger.start() + Duration::from_millis(16));
    let call =
        CallRecord { phases, trace: Some(trace), ..record(ledger, Method::ToolsCall, Outcome::OK) };
    let ended = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
    span::spans(&call, trace, (Kept::Head, ended))
}

#[test]
fn a_call_is_a_server_span_and_each_attempt_a_client_span_below_it() {
    let (ledger, trace) = retried();
    let spans = spans(&ledger, &trace);
    let [call, first, second] = &spans[..] else { panic!("{} spans", spans.len()) };
    assert_eq!(call.span_kind, SpanKind::Server);
    assert_eq!(call.parent_span_id.to_string(), "b7ad6b7169203331");
    assert!(call.parent_span_is_remote);
    // The last attempt went well, and so did the call; the one that failed stays red.
    assert_eq!(call.status, Status::Unset);
    assert!(matches!(first.status, Status::Error { .. }));
    assert_eq!(second.status, Status::Unset);
    for attempt in [first, second] {
        assert_eq!(attempt.span_kind, SpanKind::Client);
        assert_eq!(attempt.parent_span_id, call.span_context.span_id());
        assert!(!attempt.parent_span_is_remote);
        assert_eq!(attempt.span_context.trace_id(), call.span_context.trace_id());
    }
    assert_eq!(second.links.links[0].span_context.span_id(), first.span_context.span_id());
    let resent = |span: &SpanData| {
        span.attributes.iter().any(|a| a.key.as_str() == "http.request.resend_count")
    };
    assert!(!resent(first) && resent(second));
    let took = second.end_time.duration_since(second.start_time).unwrap();
    assert_eq!(took, Duration::from_millis(5));
}

#[test]
fn names_are_fit_for_every_backend_and_credentials_stay_here() {
    let (ledger, trace) = retried();
    let spans = spans(&ledger, &trace);
    assert!(spans.iter().all(|span| span.name == "tools/call read_all_"), "{:?}", spans[0].name);
    let tool = spans[0].attributes.iter().find(|a| a.key.as_str() == "gen_ai.tool.name").unwrap();
    assert_eq!(tool.value.as_str(), "read<all>");
    assert_eq!(spans[1].status, Status::error("503 with [redacted] in it"));
}

#[test]
fn a_task_is_named_by_its_tool_and_never_by_the_targets_id() {
    let (ledger, trace) = (Ledger::new(Instant::now()), retried().1);
    let tool = plan("files", "read");
    let plan = Plan { kind: Kind::Task, name: Arc::from("raw-id"), ..Plan::clone(&tool) };
    ledger.set_plan(&Arc::new(plan));
    let spans = spans(&ledger, &trace);
    assert_eq!(spans[0].name, "tools/call read");
    assert!(!format!("{spans:?}").contains("raw-id"));
}

#[test]
fn the_phases_are_events_at_their_moments() {
    let (ledger, trace) = retried();
    let spans = spans(&ledger, &trace);
    let began = spans[0].start_time;
    let events: Vec<(&str, u128)> = spans[0]
        .events
        .events
        .iter()
        .map(|event| (&*event.name, event.timestamp.duration_since(began).unwrap().as_millis()))
        .collect();
    let wanted = [("read", 0), ("send", 1), ("backoff", 4), ("send", 10), ("write", 15)];
    assert_eq!(events, wanted);
    let lasted = &spans[0].events.events[2].attributes[0].value;
    assert_eq!(lasted, &opentelemetry::Value::F64(6.0));
}

#[test]
fn what_does_not_fit_is_dropped_and_counted() {
    let registry = Registry::new(100);
    let queue = super::Queue::new(&registry);
    let (ledger, trace) = retried();
    let mut queued = 0;
    while queue.push(|| spans(&ledger, &trace)) {
        queued += 3;
        assert!(queued < 10_000, "the queue has no end");
    }
    let text = registry.render(crate::cells::Form::Plain);
    let full = r#"toolgate_telemetry_items_total{signal="traces",outcome="dropped",reason="queue_full"} 3"#;
    assert!(text.contains(full), "{text}");
    let mut taken = 0;
    loop {
        let batch = queue.take().batch.len();
        taken += batch;
        if batch == 0 {
            break;
        }
    }
    assert_eq!(taken, queued);
}
