//! What is kept, what it says, and what it never grows to.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use toolgate_call::{
    AttemptNote, Ledger, Method, Outcome, Phase, Plan, Principal, Reason, Scopes, SpanId, Trace,
};
use toolgate_telemetry_catalog::{fields, records};

use super::{Busy, KEPT, Query, RECENT, Recorder, decoded, dump_on_panic};
use crate::calls::Mark;
use crate::tests::exercise::{plan, record};
use crate::{AccessLogTo, CallRecord, Config, Telemetry};

const SLOW: Duration = Duration::from_secs(5);

fn recorder() -> Recorder {
    Recorder::new(&AccessLogTo::Off, SLOW)
}

fn ledger(tool: &Arc<Plan>) -> Ledger {
    let ledger = Ledger::new(Instant::now());
    ledger.set_plan(tool);
    ledger
}

fn end(recorder: &Recorder, ledger: &Ledger, (id, outcome): (&str, Outcome)) {
    let record = CallRecord { request_id: id, ..record(ledger, Method::ToolsCall, outcome) };
    recorder.record(&record, Mark::default(), SystemTime::now());
}

fn asked(recorder: &Recorder, query: &str) -> Vec<String> {
    let answer = recorder.answer(&Query::parse(query).unwrap()).unwrap();
    let calls = answer[records::CALLS].as_array().unwrap();
    calls.iter().map(|call| call[fields::REQUEST_ID].as_str().unwrap().to_owned()).collect()
}

fn failed(reason: Reason) -> Outcome {
    Outcome::failed(reason, false)
}

/// A private folder with a log in it.
fn folder(name: &str) -> (PathBuf, AccessLogTo) {
    let folder = std::env::temp_dir().join(format!("toolgate-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let log = folder.join("access.log");
    std::fs::write(&log, "").unwrap();
    (folder, AccessLogTo::File(log))
}

/// The text of the only dump in the folder.
fn only_dump(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let dumps: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|e| e == "jsonl")).collect();
    assert_eq!(dumps.len(), 1, "{dumps:?}");
    std::fs::read_to_string(&dumps[0]).unwrap()
}

#[test]
fn a_flood_of_good_calls_pushes_out_nothing_that_is_kept() {
    let (recorder, tool) = (recorder(), plan("alpha", "echo"));
    let ledger = ledger(&tool);
    end(&recorder, &ledger, ("failed", failed(Reason::Reset)));
    end(&recorder, &ledger, ("denied", failed(Reason::Forbidden)));
    let slow = Ledger::new(Instant::now());
    let phases = slow.phases_at(slow.start() + SLOW + Duration::from_millis(1));
    let slow =
        CallRecord { request_id: "slow", phases, ..record(&slow, Method::Ping, Outcome::OK) };
    recorder.record(&slow, Mark::default(), SystemTime::now());
    let unusual =
        CallRecord { request_id: "unusual", ..record(&ledger, Method::ToolsCall, Outcome::OK) };
    recorder.record(&unusual, Mark { first: false, unusual: true }, SystemTime::now());
    let first = CallRecord { request_id: "first", ..unusual };
    recorder.record(&first, Mark { first: true, unusual: false }, SystemTime::now());
    for _ in 0..2_000 {
        end(&recorder, &ledger, ("good", Outcome::OK));
    }
    for (id, kept) in [
        ("failed", "failed"),
        ("denied", "caller"),
        ("slow", "slow"),
        ("unusual", "slow"),
        ("first", "first"),
    ] {
        let answer = recorder.answer(&Query::of_request(id.to_owned())).unwrap();
        assert_eq!(answer[records::CALLS][0][records::KEPT], kept, "{id}");
    }
    assert_eq!(recorder.answer(&Query::of_request("other".to_owned())), None);
    let answer = recorder.answer(&Query::default()).unwrap();
    assert_eq!(answer[records::HELD]["recent"], RECENT.records);
    assert_eq!(answer[records::FELL_OUT], 2_000 - RECENT.records);
}

#[test]
fn a_flood_of_refused_calls_pushes_out_no_failure() {
    let (recorder, ledger) = (recorder(), Ledger::new(Instant::now()));
    end(&recorder, &ledger, ("failed", failed(Reason::Dns)));
    for _ in 0..2 * KEPT.records {
        end(&recorder, &ledger, ("denied", failed(Reason::Unauthenticated)));
    }
    assert_eq!(asked(&recorder, "blame=network"), ["failed"]);
}

#[test]
fn the_first_call_of_each_tool_and_reason_is_told_apart() {
    let config = Config { access_log: AccessLogTo::Off, ..Config::default() };
    let telemetry = Telemetry::new(config).unwrap();
    let first = |telemetry: &Telemetry, name: &str, outcome| {
        let ledger = ledger(&plan("alpha", name));
        telemetry.finish(&record(&ledger, Method::ToolsCall, outcome));
        let newest = telemetry.recorder().answer(&Query::parse("limit=1").unwrap()).unwrap();
        newest[records::CALLS][0][records::KEPT] == "first"
    };
    for outcome in [Outcome::OK, failed(Reason::Dns), failed(Reason::ToolError)] {
        assert!(first(&telemetry, "echo", outcome));
        assert!(!first(&telemetry, "echo", outcome));
        assert!(first(&telemetry, "other", outcome));
    }
}

#[test]
fn no_ring_grows_past_its_bytes_or_its_records() {
    let (recorder, tool) = (recorder(), plan("alpha", "echo"));
    let long = "x".repeat(100_000);
    let ledger = ledger(&tool);
    for n in 0..12 {
        ledger.note_attempt(note(n, Some(long.clone())));
        ledger.enter(if n % 2 == 0 { Phase::Wait } else { Phase::Backoff });
    }
    let principal = principal(&long);
    for _ in 0..2_000 {
        let record = CallRecord {
            request_id: &long,
            detail: Some(&long),
            principal: Some(&principal),
            ..record(&ledger, Method::ToolsCall, failed(Reason::TimeoutTotal))
        };
        recorder.record(&record, Mark::default(), SystemTime::now());
        end(&recorder, &ledger, ("good", Outcome::OK));
    }
    for ring in recorder.rings() {
        let ring = ring.lock().unwrap();
        assert!(ring.bytes() <= KEPT.bytes && ring.len() <= KEPT.records, "{ring:?}");
    }
    assert!(!asked(&recorder, "reason=timeout_total").is_empty());
}

fn note(n: u64, detail: Option<String>) -> AttemptNote {
    AttemptNote {
        reason: Some(Reason::Upstream5xx),
        began: Duration::from_millis(n),
        took: Duration::from_millis(1),
        span: SpanId::new(n + 1),
        detail,
    }
}

fn principal(subject: &str) -> Principal {
    Principal {
        issuer: Arc::from("main"),
        subject: Arc::from(subject),
        client: Some(Arc::from("Bearer c4n4ry")),
        scopes: Scopes::default(),
        claims: toolgate_call::Claims::default(),
        expires: None,
    }
}

#[test]
fn a_record_says_all_that_is_known_and_no_secret() {
    let (recorder, tool) = (recorder(), plan("alpha", "echo"));
    let ledger = ledger(&tool);
    ledger.enter_at(Phase::Wait, ledger.start() + Duration::from_micros(400));
    ledger.enter_at(Phase::Write, ledger.start() + Duration::from_micros(900));
    ledger.note_attempt(note(2, Some("it said Bearer c4n4ry".to_owned())));
    let (principal, trace) = (principal("c4n4ry-subject"), Trace::unrecorded());
    let record = CallRecord {
        principal: Some(&principal),
        trace: Some(&trace),
        peer: Some([10, 0, 0, 7].into()),
        detail: Some("token eyJc4n4ry.e.f refused"),
        ..record(&ledger, Method::ToolsCall, failed(Reason::Upstream5xx))
    };
    recorder.record(&record, Mark::default(), SystemTime::now());
    let answer = recorder.answer(&Query::of_request("r-1".to_owned())).unwrap();
    assert!(!answer.to_string().contains("c4n4ry"), "{answer}");
    let call = &answer[records::CALLS][0];
    let known = [fields::ALL, records::ALL].concat();
    for name in call.as_object().unwrap().keys() {
        assert!(known.iter().any(|(field, _)| field == name), "{name} is not in the catalogue");
    }
    assert_eq!(call[fields::REASON], "upstream_5xx");
    assert_eq!(call[fields::BLAME], "target");
    assert_eq!(call[fields::RETRY_SAFE], false);
    assert_eq!(call[fields::SUBJECT_HASH].as_str().unwrap().len(), 16);
    assert_eq!(call[fields::PEER], "10.0.0.7");
    assert_eq!(call[fields::DETAIL], "token [redacted] refused");
    assert_eq!(call[fields::DURATION_MS], 1.0);
    assert_eq!(call[fields::PHASES]["wait_ms"], 0.5);
    let course = serde_json::json!([
        { "phase": "read", "at_ms": 0.0 },
        { "phase": "wait", "at_ms": 0.4 },
        { "phase": "write", "at_ms": 0.9 },
    ]);
    assert_eq!(call[records::COURSE], course);
    let tried = &call[records::TRIES][0];
    assert_eq!(tried[records::AT_MS], 2.0);
    assert_eq!(tried[fields::SPAN_ID], "0000000000000003");
    assert_eq!(tried[fields::DETAIL], "it said Bearer [redacted]");
}

#[test]
fn a_reused_record_says_nothing_of_the_call_before() {
    let recorder = recorder();
    let (before, principal, trace) =
        (ledger(&plan("alpha", "echo")), principal("s"), Trace::unrecorded());
    before.note_attempt(note(1, Some("old".to_owned())));
    let old = CallRecord {
        principal: Some(&principal),
        trace: Some(&trace),
        detail: Some("old"),
        peer: Some([10, 0, 0, 7].into()),
        ..record(&before, Method::ToolsCall, Outcome::OK)
    };
    let fresh = Ledger::new(Instant::now());
    let newer = CallRecord { version: None, ..record(&fresh, Method::Ping, Outcome::OK) };
    let shown = |recorder: &Recorder| {
        let mut call = recorder.answer(&Query::parse("limit=1").unwrap()).unwrap();
        call[records::CALLS][0][fields::TS].take();
        call[records::CALLS][0].clone()
    };
    recorder.record(&newer, Mark::default(), SystemTime::now());
    let wanted = shown(&recorder);
    (0..RECENT.records).for_each(|_| recorder.record(&old, Mark::default(), SystemTime::now()));
    recorder.record(&newer, Mark::default(), SystemTime::now());
    assert_eq!(shown(&recorder), wanted);
}

#[test]
fn a_question_is_understood_whole_or_refused() {
    let recorder = recorder();
    let (echo, other) = (ledger(&plan("alpha", "echo")), ledger(&plan("beta", "a b")));
    end(&recorder, &echo, ("1", Outcome::OK));
    end(&recorder, &other, ("2", failed(Reason::Dns)));
    for (query, found) in [
        ("", &["2", "1"][..]),
        ("tool=echo", &["1"]),
        ("tool=alpha___echo", &["1"]),
        ("tool=a%20b", &["2"]),
        ("target=beta", &["2"]),
        ("target=beta&tool=echo", &[]),
        ("reason=dns", &["2"]),
        ("blame=network", &["2"]),
        ("slower_ms=0", &["2", "1"]),
        ("slower_ms=1000", &[]),
        ("limit=1", &["2"]),
    ] {
        assert_eq!(asked(&recorder, query), found, "{query}");
    }
    for (query, says) in [
        ("tol=echo", "tool, target, reason, blame, slower_ms, limit"),
        ("reason=", "upstream_5xx"),
        ("blame=me", "caller, gateway, network, target, tool"),
        ("slower_ms=1.5", "whole number"),
        ("limit=0", "from 1 to 500"),
        ("limit=501", "from 1 to 500"),
        ("tool=a&tool=b", "once"),
        ("tool=%", "percent-encoded"),
    ] {
        let refused = Query::parse(query).unwrap_err();
        assert!(refused.contains(says), "{query}: {refused}");
    }
    assert_eq!(decoded("%ff"), None);
    assert_eq!(decoded("%C3%A9").as_deref(), Some("é"));
}

#[test]
fn what_is_read_within_the_program_says_the_same_and_since_when_it_is_all() {
    let (recorder, tool) = (recorder(), ledger(&plan("alpha", "echo")));
    let (alice, bob) = (principal("alice"), principal("bob"));
    let by = |who, id| CallRecord {
        request_id: id,
        principal: Some(who),
        detail: Some("token eyJc4n4ry.e.f refused"),
        ..record(&tool, Method::ToolsCall, failed(Reason::Dns))
    };
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    recorder.record(&by(&alice, "1"), Mark::default(), at(1));
    recorder.record(&by(&bob, "2"), Mark::default(), at(2));
    let found = |query: &Query| recorder.recorded(query);
    let all = found(&Query::default());
    let (issuer, hash) = all[0].caller().unwrap();
    assert_eq!((issuer, all[0].request_id().as_ref()), ("main", "2"));
    assert_eq!(all[0].detail().as_deref(), Some("token [redacted] refused"));
    assert_eq!(all[0].client().as_deref(), Some("Bearer [redacted]"));
    let bobs = found(&Query { caller: Some(hash), ..Query::default() });
    assert_eq!(bobs.iter().map(|one| one.request_id().into_owned()).collect::<Vec<_>>(), ["2"]);
    assert_eq!(found(&Query { since: Some(at(2)), ..Query::default() }).len(), 1);
    assert_eq!(found(&Query { since: Some(at(3)), ..Query::default() }).len(), 0);
    assert_eq!(recorder.lost_until(), None);
    for n in 0..KEPT.records as u64 {
        recorder.record(&by(&bob, "later"), Mark::default(), at(10 + n));
    }
    assert_eq!(recorder.lost_until(), Some(at(2)));
}

#[test]
fn a_dump_has_every_record_and_does_not_wait_for_one_that_is_being_written() {
    let (folder, log) = folder("recorder-busy");
    let recorder = Recorder::new(&log, SLOW);
    let ledger = Ledger::new(Instant::now());
    end(&recorder, &ledger, ("good", Outcome::OK));
    end(&recorder, &ledger, ("failed", failed(Reason::Dns)));
    let busy = recorder.kept[super::Why::Failed as usize].lock().unwrap();
    assert_eq!(recorder.find(&Query::all(), Busy::Skip).len(), 1);
    assert!(recorder.dump_what_is_free().contains("are in"));
    drop(busy);
    let line: Value = serde_json::from_str(only_dump(&folder).trim()).unwrap();
    assert_eq!(line[fields::REQUEST_ID], "good");
    assert!(recorder.dump().contains("-1.jsonl"), "a file that is there is left alone");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_panic_writes_the_records() {
    let (folder, log) = folder("recorder-panic");
    let recorder = Arc::new(Recorder::new(&log, SLOW));
    end(&recorder, &Ledger::new(Instant::now()), ("failed", failed(Reason::Dns)));
    dump_on_panic(&recorder);
    let inside = Arc::clone(&recorder);
    let broke = std::thread::spawn(move || {
        let _held = inside.kept[super::Why::First as usize].lock().unwrap();
        panic!("in the middle of a record");
    });
    assert!(broke.join().is_err());
    assert!(only_dump(&folder).contains("\"failed\""));
    std::fs::remove_dir_all(folder).unwrap();
}
