//! What the vocabulary promises.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};

use crate::{
    Answer, Frame, FrameParts, Kind, Ledger, MetaEdit, Outcome, Phase, RawJson, Reason, Rewrite,
    Span,
};
use crate::{Case, Hint, Method, Plan, Policy, Principal, Refusal, RetryPlan, Scopes, Subject};

pub(crate) fn tool(scopes: &[&str]) -> Plan {
    Plan {
        kind: Kind::Tool,
        target: Arc::from("t"),
        name: Arc::from("x"),
        full: Arc::from("t___x"),
        server: None,
        scopes: scopes.iter().copied().collect(),
        read_only: Hint::Unknown,
        idempotent: Hint::Unknown,
        timeout: Duration::from_secs(1),
        retry: RetryPlan {
            attempts: 1,
            base: Duration::ZERO,
            multiplier: 1.0,
            max: Duration::ZERO,
        },
        concurrency: None,
        quarantined: false,
        definition: None,
    }
}

fn span(body: &str, part: &str) -> Option<Span> {
    let start = body.find(part).unwrap();
    Some(Span { start, end: start + part.len() })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whole_microseconds_of_the_phases_sum_to_those_of_the_wall_time(
        nanos in proptest::collection::vec(0..3_000_u64, 10),
    ) {
        let ledger = Ledger::new(Instant::now());
        let mut now = ledger.start();
        for (phase, nanos) in Phase::ALL.into_iter().zip(nanos) {
            ledger.enter_at(phase, now);
            now += Duration::from_nanos(nanos);
        }
        let phases = ledger.phases_at(now);
        let sum: u64 = phases.micros().map(|(_, micros)| micros).sum();
        prop_assert_eq!(u128::from(sum), phases.total().as_micros());
        for ((_, micros), (_, spent)) in phases.micros().zip(phases.iter()) {
            prop_assert_eq!(u128::from(micros).abs_diff(spent.as_micros()) <= 1, true);
        }
    }
}

#[test]
fn phases_sum_to_the_wall_time() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let ledger = Ledger::new(start);
    ledger.enter_at(Phase::Authenticate, at(2));
    ledger.enter_at(Phase::Wait, at(5));
    ledger.enter_at(Phase::Backoff, at(11));
    ledger.enter_at(Phase::Wait, at(20));
    let phases = ledger.phases_at(at(31));
    assert_eq!(phases.total(), Duration::from_millis(31));
    assert_eq!(phases.get(Phase::Read), Duration::from_millis(2));
    assert_eq!(phases.get(Phase::Wait), Duration::from_millis(6 + 11));
    assert_eq!(Ledger::slowest(&phases), Phase::Wait);
}

#[test]
fn a_clock_that_steps_back_takes_nothing_away() {
    let start = Instant::now();
    let ledger = Ledger::new(start);
    ledger.enter_at(Phase::Wait, start + Duration::from_millis(5));
    ledger.enter_at(Phase::Write, start + Duration::from_millis(3));
    let phases = ledger.phases_at(start + Duration::from_millis(8));
    assert_eq!(phases.total(), Duration::from_millis(8));
}

#[test]
fn a_frame_changes_only_what_it_must() {
    let body = r#"{"zeta":1,"id": 7,"jsonrpc":"2.0","method":"tools/call","params":{"name":"a___b","x":1.50,"arguments":{"k":[1,2]},"_meta":{"p":1}}}"#;
    let parts = FrameParts {
        id: span(body, "7"),
        method: span(body, r#""tools/call""#),
        name: span(body, r#""a___b""#),
        member: span(body, r#""a___b""#),
        meta: span(body, r#"{"p":1}"#),
        ..FrameParts::default()
    };
    let frame = Frame::new(Bytes::from(body), parts);
    let kept = frame.rewrite(&rewrite("99", "b", MetaEdit::Keep));
    let wanted = body.replacen(" 7", " 99", 1).replacen(r#""a___b""#, r#""b""#, 1);
    assert_eq!(kept, wanted.as_bytes());
    let more = frame.rewrite(&rewrite("99", "b", MetaEdit::Prepend(r#""v":"1""#)));
    assert_eq!(more, wanted.replacen(r#"{"p":1}"#, r#"{"v":"1","p":1}"#, 1).as_bytes());
    let change = Rewrite { more: Some(r#""s":1"#), ..rewrite("99", "b", MetaEdit::Keep) };
    let answered = frame.rewrite(&change);
    assert_eq!(answered, wanted.replacen(r#""b""#, r#""b","s":1"#, 1).as_bytes());
}

fn rewrite<'a>(id: &'a str, name: &'a str, meta: MetaEdit<'a>) -> Rewrite<'a> {
    Rewrite { id, name: Some(name), meta, traceparent: None, more: None }
}

#[test]
fn a_trace_takes_the_place_of_the_callers_or_is_added() {
    let ours = r#""traceparent":"T""#;
    let cases = [
        (
            r#"{"id":1,"method":"m"}"#,
            format!(r#"{{"id":1,"method":"m","params":{{"_meta":{{{ours}}}}}}}"#),
        ),
        (
            r#"{"id":1,"method":"m","params":{"_meta":{"p":1}}}"#,
            format!(r#"{{"id":1,"method":"m","params":{{"_meta":{{{ours},"p":1}}}}}}"#),
        ),
        (
            r#"{"id":1,"method":"m","params":{"_meta":{"p":1,"traceparent": "x"}}}"#,
            r#"{"id":1,"method":"m","params":{"_meta":{"p":1,"traceparent": "T"}}}"#.to_owned(),
        ),
    ];
    for (body, wanted) in cases {
        let meta = body.find(r#"{"p""#).map(|start| Span { start, end: body.len() - 2 });
        let traceparent = body.contains("\"x\"").then(|| span(body, "\"x\"")).flatten();
        let (id, method) = (span(body, "1"), span(body, r#""m""#));
        let parts = FrameParts { id, method, meta, traceparent, ..FrameParts::default() };
        let frame = Frame::new(Bytes::from(body), parts);
        let change = Rewrite { traceparent: Some("T"), ..rewrite("1", "n", MetaEdit::Keep) };
        assert_eq!(std::str::from_utf8(&frame.rewrite(&change)).unwrap(), wanted);
        let more = Rewrite { meta: MetaEdit::Prepend(r#""v":1"#), ..change };
        let out = frame.rewrite(&more);
        let wanted = if traceparent.is_some() {
            wanted.replacen(r#"{"p""#, r#"{"v":1,"p""#, 1)
        } else {
            wanted.replacen(ours, &format!(r#""v":1,{ours}"#), 1)
        };
        assert_eq!(std::str::from_utf8(&out).unwrap(), wanted);
    }
}

#[test]
fn the_course_of_a_call_is_kept_up_to_a_limit() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let ledger = Ledger::new(start);
    ledger.enter_at(Phase::Wait, at(2));
    ledger.enter_at(Phase::Wait, at(3));
    ledger.enter_at(Phase::Write, at(4));
    let course: Vec<_> = ledger.course().collect();
    let ms = Duration::from_millis;
    let wanted = [(Phase::Read, ms(0)), (Phase::Wait, ms(2)), (Phase::Write, ms(4))];
    assert_eq!(course, wanted);
    for n in 0..100 {
        ledger.enter_at(if n % 2 == 0 { Phase::Wait } else { Phase::Backoff }, at(5 + n));
    }
    assert_eq!(ledger.course().count(), 25);
}

#[test]
fn members_of_meta_find_a_place_in_every_shape_of_request() {
    let cases = [
        (r#"{"id":1,"method":"m"}"#, r#"{"id":1,"method":"m","params":{"_meta":{"v":1}}}"#),
        (
            r#"{"id":1,"method":"m","params":{"name":"n"}}"#,
            r#"{"id":1,"method":"m","params":{"name":"n","_meta":{"v":1}}}"#,
        ),
        (
            r#"{"id":1,"method":"m","params":{"_meta":{ }}}"#,
            r#"{"id":1,"method":"m","params":{"_meta":{"v":1 }}}"#,
        ),
    ];
    for (body, wanted) in cases {
        let name = body.contains("name").then(|| span(body, r#""n""#)).flatten();
        let meta = body.contains("_meta").then(|| span(body, "{ }")).flatten();
        let parts = FrameParts {
            id: span(body, "1"),
            method: span(body, r#""m""#),
            name,
            member: name,
            meta,
            ..FrameParts::default()
        };
        let frame = Frame::new(Bytes::from(body), parts);
        let out = frame.rewrite(&rewrite("1", "n", MetaEdit::Prepend(r#""v":1"#)));
        assert_eq!(std::str::from_utf8(&out).unwrap(), wanted);
    }
}

#[test]
fn a_message_of_the_gateways_own_takes_id_and_name() {
    let text = r#"{"jsonrpc":"2.0","id":0,"method":"m","params":{"taskId":""}}"#;
    let frame = Frame::of_own(text.to_owned());
    let out =
        frame.rewrite(&Rewrite { traceparent: Some("p"), ..rewrite("7", "n", MetaEdit::Keep) });
    let wanted = r#"{"jsonrpc":"2.0","id":7,"method":"m","params":{"taskId":"n","_meta":{"traceparent":"p"}}}"#;
    assert_eq!(std::str::from_utf8(&out).unwrap(), wanted);
}

#[test]
fn a_tool_needs_the_scopes_of_the_gateway_and_its_own() {
    let policy = Policy::scoped(["gateway/invoke"].into_iter().collect());
    let mut caller = Principal::anonymous();
    let denied = policy.decide(&caller, Subject::Gateway).unwrap_err();
    assert_eq!(denied.case(), Case::ScopeMissing);
    caller.scopes = ["gateway/invoke"].into_iter().collect();
    assert!(policy.decide(&caller, Subject::One(&tool(&[]))).is_ok());
    let denied = policy.decide(&caller, Subject::One(&tool(&["k8s/write"]))).unwrap_err();
    assert_eq!(denied.scopes().unwrap().to_string(), "gateway/invoke k8s/write");
    assert!(Policy::open().decide(&caller, Subject::One(&tool(&["k8s/write"]))).is_ok());
}

#[test]
fn every_ending_has_one_outcome() {
    let result = |is_error| Answer::Result { raw: RawJson::literal("{}"), is_error };
    assert_eq!(Outcome::of(Ok(&result(false))), Outcome::OK);
    assert_eq!(Outcome::of(Ok(&result(true))).reason, Some(Reason::ToolError));
    assert!(!Outcome::of(Ok(&result(true))).counts_against_target());
    let error = |code| Answer::Error { raw: RawJson::literal("{}"), code };
    assert_eq!(Outcome::of(Ok(&error(-32602))).reason, Some(Reason::InvalidParams));
    assert_eq!(Outcome::of(Ok(&error(-32603))).reason, Some(Reason::UpstreamJsonrpc));
    let reset = Refusal::target(Reason::Reset, &Arc::from("t"), "broke off");
    assert!(Outcome::of(Err(&reset)).counts_against_target());
    assert_eq!(Outcome::of(Err(&reset)).label(), "network");
}

#[test]
fn names_split_where_they_were_joined() {
    assert_eq!(crate::name::split("a-b___c___d"), Some(("a-b", "c___d")));
    for bad in ["a_b", "", "-a", "a-", "a--b", "ä", &"x".repeat(49)] {
        assert!(!crate::name::is_target(bad), "{bad}");
    }
    assert_eq!(crate::name::split("a_b"), None);
}

#[test]
fn methods_keep_their_spelling_and_strangers_share_a_label() {
    for label in Method::labels().filter(|label| !label.contains("_OTHER")) {
        if !label.starts_with("stream/") && !label.starts_with("session/") {
            assert_eq!(Method::parse(label).label(), label);
        }
    }
    assert_eq!(Method::parse("TOOLS/LIST").label(), "_OTHER");
    assert_eq!(Method::parse("notifications/x").label(), "notifications/_OTHER");
}

#[test]
fn scopes_are_a_set() {
    let scopes: Scopes = ["b", "a", "b"].into_iter().collect();
    assert_eq!(scopes.to_string(), "a b");
    assert!(!scopes.contains("A"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn split_undoes_join(target in "[A-Za-z0-9](-?[A-Za-z0-9]){0,20}", tool in "[A-Za-z0-9_.-]{1,40}") {
        let full = crate::name::join(&target, &tool);
        prop_assert_eq!(crate::name::split(&full), Some((target.as_str(), tool.as_str())));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn a_decision_is_that_about_the_scopes_of_both(
        [held, gateway, more] in proptest::array::uniform3(
            proptest::collection::vec(proptest::sample::select(vec!["a", "b", "c"]), 0..3),
        ),
    ) {
        let scopes = held.iter().copied().collect();
        let principal = Principal { scopes, ..Principal::anonymous() };
        let gateway: Scopes = gateway.into_iter().collect();
        let needed = gateway.union(&more.iter().copied().collect());
        let decided = Policy::scoped(gateway).decide(&principal, Subject::One(&tool(&more)));
        prop_assert_eq!(decided.is_ok(), principal.scopes.covers(&needed));
        if let Err(refusal) = decided {
            prop_assert_eq!(refusal.scopes().map(ToString::to_string), Some(needed.to_string()));
        }
    }
}
