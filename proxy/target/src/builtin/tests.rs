//! What the built-in tools say.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};
use serde_json::{Value, json};
use toolgate_call::{
    Answer, Body, Call, Deadline, Era, Event, Frame, FrameParts, Hint, Kind, Ledger, Listed, Meta,
    Method, Op, Outbound, Plan, Policy, Principal, RawJson, Reply, RetryPlan, Scopes, SessionRef,
    Trace, Version,
};
use tower::Service;

use super::{
    Asked, Builtin, BuiltinTarget, Coming, GatewayFacts, TargetFact, ToolResult, Tools, builtin,
    civil, clock, tools,
};

struct Facts;

impl GatewayFacts for Facts {
    fn uptime(&self) -> Duration {
        Duration::from_millis(1234)
    }

    fn targets(&self) -> Vec<TargetFact> {
        let detail = "it said \"no\"".to_owned();
        vec![TargetFact { name: "files".into(), up: false, detail, tools: 3 }]
    }
}

fn target(kind: Builtin) -> BuiltinTarget {
    builtin(kind, Arc::from("b"), Arc::new(Facts))
}

fn outbound(op: Op) -> Outbound {
    let now = Instant::now();
    Outbound {
        op,
        deadline: Deadline::after(now, Duration::from_secs(60)),
        ledger: Arc::new(Ledger::new(now)),
        request_id: Arc::from("r"),
        trace: None,
        abilities: toolgate_call::Abilities::NONE,
        more: None,
    }
}

fn plan(tool: &str) -> Plan {
    let pause = Duration::ZERO;
    Plan {
        kind: Kind::Tool,
        target: Arc::from("b"),
        name: Arc::from(tool),
        full: Arc::from(format!("b___{tool}")),
        server: None,
        scopes: Scopes::default(),
        read_only: Hint::Yes,
        idempotent: Hint::Yes,
        timeout: Duration::from_secs(60),
        retry: RetryPlan { attempts: 1, base: pause, multiplier: 1.0, max: pause },
        concurrency: None,
        quarantined: false,
        definition: None,
    }
}

fn call(tool: &str, params: &Value, progress_token: Option<RawJson>) -> Outbound {
    let mut outbound = outbound(Op::Probe);
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let call = Call {
        method: Method::ToolsCall,
        id: Some(RawJson::literal("1")),
        name: Some(format!("b___{tool}")),
        kind: Some(Kind::Tool),
        cursor: None,
        version: Version::LATEST,
        meta: Meta { progress_token, ..Meta::default() },
        mirrored: Vec::new(),
        frame: Frame::new(Bytes::from(body.to_string()), FrameParts::default()),
        abilities: toolgate_call::Abilities::NONE,
        hears: true,
        session: SessionRef::None,
        principal: Arc::new(Principal::anonymous()),
        subject: None,
        server: None,
        peer: None,
        request_id: Arc::clone(&outbound.request_id),
        deadline: outbound.deadline,
        ledger: Arc::clone(&outbound.ledger),
        trace: Arc::new(Trace::unrecorded()),
    };
    let permitted = Policy::open().permit(call, Some(Arc::new(plan(tool)))).unwrap();
    outbound.op = Op::Call(Arc::new(permitted));
    outbound
}

async fn ask(kind: Builtin, outbound: Outbound) -> Reply {
    let reply = target(kind).call(outbound).await.unwrap();
    assert_eq!(reply.era, Era::Modern);
    reply
}

async fn result(kind: Builtin, outbound: Outbound) -> (Value, bool) {
    let reply = ask(kind, outbound).await;
    let Body::One(Answer::Result { raw, is_error }) = reply.body else { panic!("{reply:?}") };
    let value: Value = raw.parse().unwrap();
    assert_eq!(value["resultType"], "complete");
    (value, is_error)
}

/// What a tool says, as data; the text must say the same.
async fn data(kind: Builtin, tool: &str, arguments: Value) -> Value {
    let (mut value, is_error) =
        result(kind, call(tool, &json!({"arguments": arguments}), None)).await;
    assert!(!is_error, "{value}");
    let text: Value = serde_json::from_str(value["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, value["structuredContent"]);
    value["structuredContent"].take()
}

/// The sentence with which a tool says no.
async fn complaint(kind: Builtin, tool: &str, arguments: Value) -> String {
    let (value, is_error) = result(kind, call(tool, &json!({"arguments": arguments}), None)).await;
    assert!(is_error, "{value}");
    value["content"][0]["text"].as_str().unwrap().to_owned()
}

#[test]
fn a_moment_is_spelled_in_three_ways() {
    let told = clock::now(1_795_342_560_123, 330);
    assert_eq!(told["utc"], "2026-11-22T10:16:00.123Z");
    assert_eq!(told["local"], "2026-11-22T15:46:00.123+05:30");
    assert_eq!(told["unix_ms"], 1_795_342_560_123_i64);
}

#[test]
fn dates_hold_at_the_edges_of_the_calendar() {
    let cases = [
        (0, 0, "1970-01-01T00:00:00.000+00:00"),
        (-1, 0, "1969-12-31T23:59:59.999+00:00"),
        (951_782_400_000, 0, "2000-02-29T00:00:00.000+00:00"),
        (4_107_542_399_999, 0, "2100-02-28T23:59:59.999+00:00"),
        (4_107_542_400_000, 0, "2100-03-01T00:00:00.000+00:00"),
        (1_798_761_599_999, 1, "2027-01-01T00:00:59.999+00:01"),
        (1_798_761_600_000, -300, "2026-12-31T19:00:00.000-05:00"),
    ];
    for (ms, offset, wanted) in cases {
        assert_eq!(civil::rfc3339(ms, offset), wanted);
    }
}

#[tokio::test]
async fn now_is_now_and_takes_an_offset() {
    let before = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let told = data(Builtin::Clock, "now", json!({"timezone_offset_minutes": -60.0})).await;
    let after = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let ms = u128::from(told["unix_ms"].as_u64().unwrap());
    assert!((before..=after).contains(&ms));
    assert!(told["local"].as_str().unwrap().ends_with("-01:00"));
    assert!(told["utc"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn arguments_may_be_left_out_where_none_is_needed() {
    let (value, is_error) = result(Builtin::Clock, call("now", &json!({}), None)).await;
    assert!(!is_error, "{value}");
}

#[tokio::test]
async fn wrong_arguments_are_refused_in_words_that_help() {
    let unknown = complaint(Builtin::Clock, "now", json!({"zone": "UTC"})).await;
    assert!(unknown.contains("`zone`") && unknown.contains("timezone_offset_minutes"), "{unknown}");
    let missing = complaint(Builtin::Clock, "sleep", json!({})).await;
    assert!(
        missing.contains("`ms` is missing") && missing.contains("from 0 to 10000"),
        "{missing}"
    );
    for wrong in [json!(10_001), json!(-1), json!("5"), json!(1.5), json!(null), json!(1e300)] {
        let text = complaint(Builtin::Clock, "sleep", json!({"ms": wrong})).await;
        assert!(text.contains("from 0 to 10000"), "{text}");
    }
    let none = complaint(Builtin::Gateway, "status", json!({"verbose": true})).await;
    assert!(none.contains("takes no arguments"), "{none}");
    let (value, is_error) =
        result(Builtin::Clock, call("now", &json!({"arguments": [1]}), None)).await;
    assert!(is_error, "{value}");
}

#[tokio::test(start_paused = true)]
async fn sleep_takes_its_time() {
    let begun = tokio::time::Instant::now();
    let told = data(Builtin::Clock, "sleep", json!({"ms": 4000})).await;
    assert_eq!(told, json!({"slept_ms": 4000}));
    assert_eq!(begun.elapsed().as_millis(), 4000);
}

#[tokio::test(start_paused = true)]
async fn sleep_reports_each_quarter_to_whom_it_concerns() {
    let begun = tokio::time::Instant::now();
    let token = RawJson::literal(r#""p""#);
    let outbound = call("sleep", &json!({"arguments": {"ms": 400}}), Some(token));
    let Body::Stream(mut events) = ask(Builtin::Clock, outbound).await.body else {
        panic!("no stream");
    };
    let mut next = async || std::future::poll_fn(|cx| events.as_mut().poll_event(cx)).await;
    for quarter in 1..4_u32 {
        let Some(Event::Notice(raw)) = next().await else { panic!("no notice") };
        let notice: Value = raw.parse().unwrap();
        assert_eq!(notice["method"], "notifications/progress");
        assert_eq!(
            notice["params"],
            json!({"progressToken": "p", "progress": quarter, "total": 4})
        );
        assert_eq!(begun.elapsed().as_millis(), u128::from(quarter * 100));
    }
    assert!(matches!(next().await, Some(Event::Done(Ok(Answer::Result { .. })))));
    assert_eq!(begun.elapsed().as_millis(), 400);
    assert!(next().await.is_none());
}

#[tokio::test]
async fn status_tells_what_the_gateway_knows() {
    let told = data(Builtin::Gateway, "status", json!({})).await;
    assert_eq!(told["uptime_ms"], 1234);
    assert_eq!(told["version"], env!("CARGO_PKG_VERSION"));
    let wanted = json!([{"name": "files", "up": false, "detail": "it said \"no\"", "tools": 3}]);
    assert_eq!(told["targets"], wanted);
}

#[tokio::test]
async fn lists_are_complete_and_strict() {
    for (kind, wanted) in [(Builtin::Clock, &["now", "sleep"][..]), (Builtin::Gateway, &["status"])]
    {
        let (list, _) =
            result(kind, outbound(Op::List { what: Listed::Tools, cursor: None })).await;
        assert!(list["ttlMs"].is_u64() && list["cacheScope"] == "public");
        let tools = list["tools"].as_array().unwrap();
        let names: Vec<&str> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
        assert_eq!(names, wanted);
        for tool in tools {
            assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{tool}");
            assert_eq!(tool["outputSchema"]["type"], "object");
            assert_eq!(tool["annotations"]["readOnlyHint"], true);
            assert_eq!(tool["annotations"]["idempotentHint"], true);
            assert!(tool["title"].is_string() && tool["description"].is_string());
        }
    }
    let page = outbound(Op::List { what: Listed::Tools, cursor: Some(RawJson::literal("\"x\"")) });
    let reply = ask(Builtin::Clock, page).await;
    assert!(matches!(reply.body, Body::One(Answer::Error { code: -32602, .. })));
}

#[tokio::test]
async fn results_have_the_members_that_the_schemas_demand() {
    let cases = [
        (Builtin::Clock, "now", json!({})),
        (Builtin::Clock, "sleep", json!({"ms": 0})),
        (Builtin::Gateway, "status", json!({})),
    ];
    for (kind, tool, arguments) in cases {
        let (list, _) =
            result(kind, outbound(Op::List { what: Listed::Tools, cursor: None })).await;
        let tools = list["tools"].as_array().unwrap();
        let schema = &tools.iter().find(|known| known["name"] == tool).unwrap()["outputSchema"];
        let told = data(kind, tool, arguments).await;
        let told: Vec<&String> = told.as_object().unwrap().keys().collect();
        let wanted: Vec<&str> =
            schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(told, wanted);
    }
}

#[tokio::test]
async fn a_tool_that_is_not_there_is_an_error_and_the_probe_is_answered() {
    let reply = ask(Builtin::Gateway, call("now", &json!({}), None)).await;
    assert!(matches!(reply.body, Body::One(Answer::Error { code: -32602, .. })));
    let (told, _) = result(Builtin::Gateway, outbound(Op::Probe)).await;
    assert_eq!(told["supportedVersions"], json!(["2026-07-28"]));
}

/// Repeats what it is called with; `fail` fails, `hang` never ends.
struct Handed;

impl Tools for Handed {
    fn definitions(&self) -> Vec<Value> {
        vec![json!({ "name": "echo", "inputSchema": { "type": "object" } })]
    }

    fn call(
        &self,
        tool: &str,
        arguments: serde_json::Map<String, Value>,
        asked: Asked,
    ) -> Option<Coming> {
        assert!(asked.deadline > Instant::now());
        let is_error = match tool {
            "echo" => false,
            "fail" => true,
            _ => return None,
        };
        let told = json!({ "arguments": arguments, "request": &*asked.request_id });
        let result = json!({ "resultType": "complete", "structuredContent": told });
        Some(Box::pin(std::future::ready(ToolResult { result, is_error })))
    }
}

#[tokio::test]
async fn tools_that_are_handed_in_are_listed_and_called() {
    let ask = async |outbound| {
        let reply = tools(Arc::from("b"), Arc::new(Handed)).call(outbound).await.unwrap();
        let Body::One(answer) = reply.body else { panic!("a stream") };
        answer
    };
    let list = ask(outbound(Op::List { what: Listed::Tools, cursor: None })).await;
    let Answer::Result { raw, .. } = list else { panic!("{list:?}") };
    assert_eq!(raw.parse::<Value>().unwrap()["tools"], json!(Handed.definitions()));
    for (tool, failed) in [("echo", true), ("fail", false)].map(|(tool, ok)| (tool, !ok)) {
        let told = ask(call(tool, &json!({ "arguments": { "a": 1 } }), None)).await;
        let Answer::Result { raw, is_error } = told else { panic!("{told:?}") };
        assert_eq!(is_error, failed, "{tool}");
        let told: Value = raw.parse().unwrap();
        assert_eq!(told["structuredContent"], json!({ "arguments": { "a": 1 }, "request": "r" }));
    }
    let told = ask(call("other", &json!({}), None)).await;
    assert!(matches!(told, Answer::Error { code: -32602, .. }), "{told:?}");
    let told = ask(call("echo", &json!({ "arguments": 7 }), None)).await;
    assert!(matches!(told, Answer::Result { is_error: true, .. }), "{told:?}");
    assert!(matches!(ask(outbound(Op::Probe)).await, Answer::Result { is_error: false, .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn a_date_counts_back_to_its_day(days in -1_000_000_i64..1_000_000) {
        // Counts the days of the years and months one after the other, the slow and plain way.
        let text = civil::rfc3339(days * 86_400_000, 0);
        let (date, _) = text.split_once('T').unwrap();
        let mut parts = date.rsplitn(3, '-').map(|part| part.parse::<i64>());
        let day = parts.next().unwrap().unwrap();
        let month = parts.next().unwrap().unwrap();
        let Some(Ok(year)) = parts.next() else { return Ok(()) };
        let leap = |y: i64| (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
        let years: i64 = if year >= 1970 {
            (1970..year).map(|y| 365 + i64::from(leap(y))).sum()
        } else {
            -(year..1970).map(|y| 365 + i64::from(leap(y))).sum::<i64>()
        };
        let lengths = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let months: i64 = lengths.iter().take(usize::try_from(month).unwrap() - 1).sum();
        prop_assert_eq!(years + months + day - 1, days);
    }
}
