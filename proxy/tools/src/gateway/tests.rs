//! What is said of calls, and what is never said.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::call::Attempt;
use super::{Call, Caller, Calls, Found, NAMES, Wanted, toolset};
use crate::schema::only_known_words;
use crate::testing::{call, code, message};
use crate::toolset::Toolset;

const SECOND: Duration = Duration::from_secs(1);

/// Records as given, filtered by what the tools ask for.
struct Held {
    calls: Vec<Call>,
    lost_until: Option<SystemTime>,
}

impl Calls for Held {
    fn find(&self, wanted: &Wanted) -> Found {
        let matches = |call: &&Call| {
            wanted.request_id.as_ref().is_none_or(|id| *id == call.request_id)
                && wanted.tool.as_ref().is_none_or(|tool| call.name.as_ref() == Some(tool))
                && wanted.target.as_ref().is_none_or(|target| call.target.as_ref() == Some(target))
                && wanted.blame.is_none_or(|blame| call.blame() == Some(blame))
                && wanted.slower.is_none_or(|than| call.total() > than)
                && wanted.since.is_none_or(|since| call.ended >= since)
        };
        let mut calls: Vec<Call> = self.calls.iter().filter(matches).cloned().collect();
        calls.sort_by_key(|call| std::cmp::Reverse(call.ended));
        Found { calls, lost_until: self.lost_until }
    }

    fn reasons(&self) -> Vec<&'static str> {
        vec!["timeout_first_byte", "forbidden"]
    }
}

/// A call that went well, a moment ago.
fn good(id: &str, tool: &str, ago: Duration) -> Call {
    Call {
        ended: SystemTime::now() - ago,
        request_id: id.to_owned(),
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
        traced: false,
        method: "tools/call",
        name: Some(tool.to_owned()),
        target: tool.split_once("___").map(|(target, _)| target.to_owned()),
        server: None,
        status: 200,
        failure: None,
        retry_safe: false,
        attempts: 1,
        phases: vec![
            ("read", Duration::from_micros(200)),
            ("wait", Duration::from_millis(9)),
            ("write", Duration::from_micros(800)),
        ],
        course: vec![("read", Duration::ZERO), ("wait", Duration::from_micros(200))],
        tries: Vec::new(),
        bytes: (10, 20),
        version: Some("2026-07-28"),
        caller: Some(Caller {
            issuer: "main".to_owned(),
            hash: "00000000000000ff".to_owned(),
            client: None,
        }),
        detail: None,
    }
}

/// A call that its target kept waiting until it was too late.
fn late(id: &str, ago: Duration) -> Call {
    Call {
        status: 504,
        failure: Some(("timeout_first_byte", "target")),
        phases: vec![("read", Duration::from_millis(200)), ("wait", Duration::from_millis(31_900))],
        tries: vec![Attempt {
            reason: Some("timeout_first_byte"),
            began: Duration::from_millis(200),
            took: Duration::from_millis(31_900),
            detail: Some("no first byte\nwithin 31.9 s".to_owned()),
        }],
        detail: Some("the target was silent".to_owned()),
        traced: true,
        ..good(id, "sick___read", ago)
    }
}

fn over(calls: Vec<Call>) -> Toolset {
    toolset(Arc::new(Held { calls, lost_until: None }))
}

#[tokio::test]
async fn a_call_is_explained_with_its_time_its_blame_and_what_to_do() {
    let tools = over(vec![late("r-1", SECOND), good("r-2", "a___b", SECOND)]);
    let reply = call(&tools, "explain", json!({ "request_id": "r-1" })).await;
    let found = &reply.structured()["calls"][0];
    let sentence = "sick___read: 32.1 s, 31.9 s waiting for the target's first byte; \
                    timeout_first_byte; blame target";
    assert_eq!(found["call"]["summary"], sentence);
    assert!(reply.text().starts_with(sentence), "{}", reply.text());
    let phases = json!([
        { "phase": "read", "whose": "caller", "ms": 200.0 },
        { "phase": "wait", "whose": "target", "ms": 31_900.0 },
    ]);
    assert_eq!(found["phases"], phases);
    assert_eq!(found["decision"], json!({ "verdict": "let_through" }));
    assert_eq!(found["attempts"][0]["detail"], "no first byte within 31.9 s");
    for said in ["(kept)", "wait 31.9 s (target)", "Attempt 1: timeout_first_byte", "HTTP 504"] {
        assert!(reply.text().contains(said), "{said}: {}", reply.text());
    }
    assert!(reply.text().contains("Whoever runs the target"), "{}", reply.text());
    let reply = call(&tools, "explain", json!({ "id": "r-3" })).await;
    assert!(message(&reply, "not_found").contains("access log"), "{}", reply.text());
}

#[tokio::test]
async fn a_refusal_names_the_rule_and_no_time_at_the_target() {
    let denied = Call {
        failure: Some(("forbidden", "caller")),
        status: 403,
        attempts: 0,
        phases: vec![("authorize", Duration::from_micros(40))],
        detail: Some("refused by policy:night".to_owned()),
        ..good("r-1", "a___b", SECOND)
    };
    let reply = call(&over(vec![denied]), "explain", json!({ "request_id": "r-1" })).await;
    let found = &reply.structured()["calls"][0];
    assert_eq!(found["decision"], json!({ "verdict": "refused", "rule": "policy" }));
    assert_eq!(
        found["call"]["summary"],
        "a___b: 40 µs, all of it deciding whether it may; forbidden; blame caller"
    );
    assert!(reply.text().contains("Detail: refused by policy:night"), "{}", reply.text());
}

#[tokio::test]
async fn pages_say_every_call_once_while_new_ones_come() {
    let old: Vec<Call> =
        (1..=25).map(|n| good(&format!("r-{n:02}"), "a___b", n * SECOND)).collect();
    let (mut seen, mut next) = (Vec::new(), None);
    for round in 0..3_u32 {
        // Newer calls than all that the first page showed.
        let newer = (0..round).map(|n| good(&format!("new-{n}"), "a___b", Duration::ZERO));
        let tools = over(old.iter().cloned().chain(newer).collect());
        let asked = match &next {
            None => json!({ "limit": 10 }),
            Some(next) => json!({ "limit": 10, "next": next }),
        };
        let reply = call(&tools, "find_calls", asked).await;
        let page = reply.structured();
        let calls = page["calls"].as_array().unwrap();
        seen.extend(calls.iter().map(|call| call["request_id"].as_str().unwrap().to_owned()));
        assert_eq!(page["truncated"], round < 2);
        next = page.get("next").map(|next| next.as_str().unwrap().to_owned());
    }
    let wanted: Vec<String> = (1..=25).map(|n| format!("r-{n:02}")).collect();
    assert_eq!(seen, wanted);
}

#[tokio::test]
async fn the_slowest_come_first_and_filters_hold() {
    let calls =
        vec![good("fast", "a___b", SECOND), late("slow", 2 * SECOND), late("old", 7200 * SECOND)];
    let tools = over(calls);
    let ids = async |tool, asked| {
        let reply = call(&tools, tool, asked).await;
        let calls = reply.structured()["calls"].as_array().unwrap().clone();
        calls.iter().map(|call| call["request_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids("slowest", json!({})).await, ["slow", "fast"]);
    assert_eq!(ids("slowest", json!({ "since": "3h", "limit": 1 })).await, ["old"]);
    assert_eq!(ids("find_calls", json!({ "slower": "1s" })).await, ["slow"]);
    assert_eq!(ids("find_calls", json!({ "outcome": "ok" })).await, ["fast"]);
    assert_eq!(ids("find_calls", json!({ "blame": "target" })).await, ["slow"]);
    assert_eq!(ids("find_calls", json!({ "target": "a" })).await, ["fast"]);
    assert_eq!(ids("find_calls", json!({ "since": "1970-01-01T00:00:00Z" })).await.len(), 3);
}

#[tokio::test]
async fn a_stream_that_is_kept_open_is_not_slow() {
    let open = Call { method: "subscriptions/listen", name: None, ..late("open", SECOND) };
    let tools = over(vec![good("fast", "a___b", SECOND), open]);
    let slowest = call(&tools, "slowest", json!({})).await;
    assert_eq!(slowest.structured()["matched"], 1, "{}", slowest.structured());
    let top = call(&tools, "top", json!({})).await;
    assert_eq!(top.structured()["calls"], 1, "{}", top.structured());
    let found = call(&tools, "find_calls", json!({})).await;
    assert_eq!(found.structured()["matched"], 2, "it can be found all the same");
}

#[tokio::test]
async fn failures_are_counted_by_tool_and_reason() {
    let calls = vec![late("r-1", SECOND), late("r-2", 2 * SECOND), good("r-3", "a___b", SECOND)];
    let reply = call(&over(calls), "errors", json!({})).await;
    let found = reply.structured();
    assert_eq!((&found["failed"], found["groups"].as_array().unwrap().len()), (&json!(2), 1));
    let group = &found["groups"][0];
    assert_eq!((&group["calls"], &group["callers"]), (&json!(2), &json!(1)));
    assert_eq!((&group["request_id"], &group["blame"]), (&json!("r-1"), &json!("target")));
    assert!(
        reply.text().contains("sick___read: 2 × timeout_first_byte; blame target; last "),
        "{}",
        reply.text()
    );
    assert!(reply.text().contains(": the target was silent"), "{}", reply.text());
    let none = call(&over(Vec::new()), "errors", json!({})).await;
    assert!(none.text().starts_with("No call failed since 20"), "{}", none.text());
}

#[tokio::test]
async fn top_says_where_the_time_goes_and_no_percentile_of_a_few() {
    let mut calls: Vec<Call> = (0..20).map(|n| good(&format!("g-{n}"), "a___b", SECOND)).collect();
    calls.push(late("l-1", SECOND));
    let tools = over(calls);
    let reply = call(&tools, "top", json!({})).await;
    let groups = reply.structured()["groups"].as_array().unwrap().clone();
    assert_eq!((&groups[0]["name"], &groups[1]["name"]), (&json!("sick___read"), &json!("a___b")));
    assert_eq!(groups[0]["failed_by"], json!({ "target": 1 }));
    assert_eq!(groups[0].get("p50_ms"), None, "one call has no median");
    assert_eq!((&groups[1]["p50_ms"], groups[1].get("p95_ms")), (&json!(10.0), None));
    assert_eq!(
        (&groups[1]["phases"][0]["phase"], &groups[1]["phases"][0]["percent"]),
        (&json!("wait"), &json!(90.0))
    );
    assert!(
        reply.text().contains("90 % of the time waiting for the target's first byte"),
        "{}",
        reply.text()
    );
    let by = async |by, order| {
        let reply = call(&tools, "top", json!({ "by": by, "order": order })).await;
        reply.structured()["groups"][0]["name"].clone()
    };
    assert_eq!(by("tool", "calls").await, "a___b");
    assert_eq!(by("target", "failures").await, "sick");
    assert_eq!(by("caller", "calls").await, "00000000000000ff");
}

#[tokio::test]
async fn a_count_of_what_is_left_says_that_some_are_gone() {
    let lost_until = Some(SystemTime::now() - 60 * SECOND);
    let tools = toolset(Arc::new(Held { calls: vec![late("r-1", SECOND)], lost_until }));
    for tool in ["find_calls", "top", "slowest"] {
        let reply = call(&tools, tool, json!({})).await;
        let coverage = &reply.structured()["coverage"];
        assert_eq!(coverage["complete"], false, "{coverage}");
        assert!(reply.text().contains("Not all calls are held"), "{}", reply.text());
        let reply = call(&tools, tool, json!({ "since": "30s" })).await;
        assert_eq!(reply.structured()["coverage"]["complete"], true);
        assert!(!reply.text().contains("Not all calls"), "{}", reply.text());
    }
}

#[tokio::test]
async fn a_question_is_understood_whole_or_refused() {
    let tools = over(vec![late("r-1", SECOND)]);
    for (tool, asked, says) in [
        ("find_calls", json!({ "reason": "slow" }), "timeout_first_byte, forbidden"),
        ("find_calls", json!({ "since": "yesterday" }), "how far back"),
        ("find_calls", json!({ "slower": "much" }), "duration"),
        ("find_calls", json!({ "caller": "xyzxyzxyzxyzxyzx" }), "hexadecimal"),
        ("find_calls", json!({ "next": "there" }), "a page before"),
        ("find_calls", json!({ "by": "tool" }), "there is no argument `by`"),
        ("find_calls", json!({ "arguments": "x" }), "there is no argument"),
        ("slowest", json!({ "blame": "me" }), "blame"),
        ("errors", json!({ "outcome": "ok" }), "there is no argument `outcome`"),
        ("top", json!({ "limit": 0 }), "limit"),
        ("explain", json!({}), "request_id"),
    ] {
        let reply = call(&tools, tool, asked.clone()).await;
        assert_eq!(code(&reply), "invalid_arguments", "{asked}");
        assert!(reply.text().contains(says), "{asked}: {}", reply.text());
    }
}

#[test]
fn the_names_are_all_and_every_constraint_on_display_is_enforced() {
    let tools = over(Vec::new());
    assert_eq!(tools.names().collect::<Vec<_>>(), NAMES);
    only_known_words(&tools);
    for definition in tools.definitions() {
        assert_eq!(definition["annotations"]["readOnlyHint"], Value::Bool(true));
    }
}
