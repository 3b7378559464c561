//! What a line says, and what becomes of lines.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
use serde_json::Value;
use toolgate_call::{
    Hint, Kind, Ledger, Method, Outcome, Phase, Plan, Principal, Reason, RetryPlan, Run, Scopes,
    SpanContext, SpanId, Trace, TraceId, Version,
};
use toolgate_telemetry_catalog::fields;

use super::redact::redact;
use super::sink::write_lines;
use super::text::{LONGEST, push_text};
use super::{AccessLog, Sample, line, stamp};
use crate::registry::Registry;
use crate::trace::position;
use crate::{AccessLogTo, CallRecord, Config, Telemetry};

const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ";

fn record(ledger: &Ledger) -> CallRecord<'_> {
    CallRecord {
        method: Method::ToolsCall,
        version: Some(Version::V2026_07_28),
        outcome: Outcome::OK,
        status: 200,
        ledger,
        phases: ledger.phases_at(ledger.start() + Duration::from_micros(1_500)),
        principal: None,
        server: None,
        request_id: "r-1",
        trace: None,
        kept: false,
        id: Some(b"7"),
        detail: None,
        session: false,
        streamed: false,
        peer: Some(IpAddr::V4(Ipv4Addr::new(10, 0, 200, 1))),
    }
}

fn text_of(record: &CallRecord<'_>) -> String {
    let mut out = Vec::new();
    line::write(&mut out, record, None, UNIX_EPOCH + Duration::from_millis(1_785_240_000_042));
    let text = String::from_utf8(out).expect("a line is UTF-8");
    assert_eq!(text.matches('\n').count(), 1, "{text}");
    assert!(text.ends_with('\n'));
    text
}

fn parsed(record: &CallRecord<'_>) -> Value {
    serde_json::from_str(&text_of(record)).expect("a line is JSON")
}

fn ledger_with_tool(name: &str) -> Ledger {
    ledger_with(name, Kind::Tool)
}

fn ledger_with(name: &str, kind: Kind) -> Ledger {
    let ledger = Ledger::new(Instant::now());
    ledger.set_plan(&Arc::new(Plan {
        kind,
        target: Arc::from("alpha"),
        name: Arc::from(name),
        full: Arc::from(format!("alpha___{name}")),
        server: None,
        scopes: Scopes::default(),
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
    }));
    ledger
}

fn principal(subject: &str, client: &str) -> Principal {
    Principal {
        issuer: Arc::from("main"),
        subject: Arc::from(subject),
        client: Some(Arc::from(client)),
        scopes: Scopes::default(),
        claims: toolgate_call::Claims::default(),
        expires: None,
    }
}

#[test]
fn how_a_function_ran_is_said() {
    let ledger = ledger_with_tool("echo");
    assert!(parsed(&record(&ledger)).get(fields::FUNCTION_MS).is_none());
    let warm = Run { duration: Duration::from_micros(102_250), init: None };
    ledger.note_run(Run { init: Some(Duration::from_millis(250)), ..warm });
    let line = parsed(&record(&ledger));
    let said = [fields::FUNCTION_MS, fields::FUNCTION_INIT_MS].map(|field| line[field].as_f64());
    assert_eq!(said, [Some(102.25), Some(250.0)]);
    ledger.note_run(warm);
    assert!(parsed(&record(&ledger)).get(fields::FUNCTION_INIT_MS).is_none());
}

#[test]
fn a_good_call_is_this_line() {
    let start = Instant::now();
    let ledger = ledger_with_tool("echo");
    ledger.enter_at(Phase::Wait, ledger.start() + Duration::from_micros(250));
    ledger.add_bytes_in(120);
    ledger.add_bytes_out(3_400);
    assert!(start.elapsed() < Duration::from_secs(3_600));
    let trace = SpanContext {
        trace: TraceId::new(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c).unwrap(),
        span: SpanId::new(0xb7ad).unwrap(),
        sampled: true,
    };
    let trace = Trace { own: trace, ..Trace::unrecorded() };
    let text = text_of(&CallRecord { trace: Some(&trace), kept: true, ..record(&ledger) });
    assert_eq!(
        text.trim_end(),
        concat!(
            r#"{"ts":"2026-07-28T12:00:00.042Z","level":"info","msg":"call","request_id":"r-1","#,
            r#""trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"000000000000b7ad","#,
            r#""sampled":true,"rpc_id":7,"method":"tools/call","#,
            r#""target":"alpha","tool":"echo","protocol_version":"2026-07-28","status":200,"#,
            r#""outcome":"ok","attempts":0,"duration_ms":1.500,"#,
            r#""phases":{"read_ms":0.250,"wait_ms":1.250},"bytes_in":120,"bytes_out":3400,"#,
            r#""session":false,"streamed":false,"peer":"10.0.200.1"}"#,
        )
    );
}

#[test]
fn a_failure_says_why_whose_and_whether_to_repeat() {
    let ledger = ledger_with_tool("echo");
    let outcome = Outcome::failed(Reason::ConnectRefused, true);
    let detail = Some("connect to 10.0.0.9:80");
    let line = parsed(&CallRecord { outcome, status: 502, detail, ..record(&ledger) });
    assert_eq!(line["level"], "warn");
    assert_eq!(line["outcome"], "network");
    assert_eq!(line["reason"], "connect_refused");
    assert_eq!(line["blame"], "network");
    assert_eq!(line["retry_safe"], true);
    assert_eq!(line["status"], 502);
    assert_eq!(line["detail"], "connect to 10.0.0.9:80");
}

#[test]
fn only_fields_of_the_catalogue_are_written_and_in_its_order() {
    let ledger = ledger_with_tool("echo");
    let ms = Duration::from_millis(1);
    ledger.note_run(Run { duration: ms, init: Some(ms) });
    let caller = principal("alice", "cli");
    let trace = Trace::unrecorded();
    let server = "oncall".into();
    let full = CallRecord {
        server: Some(&server),
        outcome: Outcome::failed(Reason::Internal, false),
        trace: Some(&trace),
        principal: Some(&caller),
        detail: Some("x"),
        ..record(&ledger)
    };
    let mut text = Vec::new();
    line::write(&mut text, &full, Some("10"), SystemTime::now());
    let line: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(line["stands_for"], 10);
    let written: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
    let declared = fields::ALL.iter().map(|(name, _)| *name);
    // A call is of a tool or of a prompt.
    let declared: Vec<&str> = declared.filter(|name| *name != fields::PROMPT).collect();
    assert_eq!(written, declared);
    assert_eq!((&line["level"], &line["server"]), (&"error".into(), &"oncall".into()));
}

#[test]
fn a_prompt_is_named_and_the_uri_of_a_resource_is_not() {
    for (kind, prompt) in [(Kind::Prompt, Some("echo")), (Kind::Resources, None)] {
        let ledger = ledger_with("echo", kind);
        let line = parsed(&record(&ledger));
        assert_eq!(line.get("prompt").and_then(Value::as_str), prompt);
        assert_eq!(line.get("tool"), None);
        assert_eq!(line["target"], "alpha");
    }
}

#[test]
fn a_task_is_named_by_its_tool_and_never_by_the_targets_id() {
    let ledger = Ledger::new(Instant::now());
    let told = ledger_with("echo", Kind::Task);
    let plan = Plan { name: Arc::from("raw-id"), ..Plan::clone(told.plan().unwrap()) };
    ledger.set_plan(&Arc::new(plan));
    let line = text_of(&record(&ledger));
    assert!(line.contains(r#""tool":"echo""#) && !line.contains("raw-id"), "{line}");
}

#[test]
fn the_subject_is_told_apart_but_not_named() {
    let ledger = ledger_with_tool("echo");
    let hash = |subject: &str| {
        let caller = principal(subject, "cli");
        let line = text_of(&CallRecord { principal: Some(&caller), ..record(&ledger) });
        assert!(!line.contains(subject));
        serde_json::from_str::<Value>(&line).unwrap()["subject_hash"].as_str().unwrap().to_owned()
    };
    assert_eq!(hash("alice@example.com"), hash("alice@example.com"));
    assert_ne!(hash("alice@example.com"), hash("bob@example.com"));
    assert_eq!(hash("alice@example.com").len(), 16);
}

#[test]
fn an_id_is_kept_as_sent_unless_it_could_break_the_line() {
    let ledger = ledger_with_tool("echo");
    let id =
        |raw: &[u8]| parsed(&CallRecord { id: Some(raw), ..record(&ledger) })["rpc_id"].clone();
    assert_eq!(id(b"42"), 42);
    assert_eq!(id(b"-7"), -7);
    assert_eq!(id(br#""abc""#), "abc");
    assert_eq!(id(b"1.5"), "1.5");
    assert_eq!(id(b"007"), "007");
    assert_eq!(id(br#"1,"level":"error""#), r#"1,"level":"error""#);
    assert_eq!(id(br#""a\u0022""#), r#""a\u0022""#);
    assert_eq!(id(b"\"\xff\xfe\""), "\"\u{fffd}\u{fffd}\"");
    assert_eq!(id(b"\""), "\"");
    assert_eq!(id(b""), "");
    assert_eq!(id(format!("\"{TOKEN}\"").as_bytes()), "\"[redacted]\"");
}

#[test]
fn tokens_are_cut_out_and_the_words_around_them_stay() {
    let cases = [
        (format!("got {TOKEN}, sorry"), "got [redacted], sorry"),
        (format!("Authorization: Bearer {TOKEN}"), "Authorization: Bearer [redacted]"),
        (
            "authorization: bEaReR s3cr3t==\nnext".to_owned(),
            "authorization: bEaReR [redacted]\nnext",
        ),
        (format!("{TOKEN} {TOKEN}"), "[redacted] [redacted]"),
        (format!("url?t=x{TOKEN}&u=1"), "url?t=x[redacted]&u=1"),
        (format!("bearer  {TOKEN}"), "bearer  [redacted]"),
        ("the bearer of bad news".to_owned(), "the bearer [redacted] bad news"),
        ("nothing here".to_owned(), "nothing here"),
        ("bearer ".to_owned(), "bearer "),
        ("bearer \nbearer x".to_owned(), "bearer \nbearer [redacted]"),
        ("bearer bearer x".to_owned(), "bearer [redacted] x"),
        ("ünbearer ä eyJä".to_owned(), "ünbearer ä [redacted]ä"),
    ];
    for (text, expected) in cases {
        assert_eq!(redact(&text), expected);
    }
}

#[test]
fn megabytes_of_almost_credentials_are_looked_through_once() {
    let text = "bearer \n".repeat(200_000) + "bearer x";
    assert_eq!(redact(&text).len(), text.len() - 1 + "[redacted]".len());
    let text = "bearer x\n".repeat(200_000);
    assert!(!redact(&text).contains('x'));
}

#[test]
fn a_long_field_is_cut_between_letters() {
    let mut out = Vec::new();
    push_text(&mut out, &"ä".repeat(LONGEST));
    assert!(out.len() <= LONGEST + 2);
    let text: String = serde_json::from_slice(&out).unwrap();
    assert!(text.ends_with("ä…"));
    let mut exact = Vec::new();
    push_text(&mut exact, &"a".repeat(LONGEST));
    assert_eq!(exact.len(), LONGEST + 2);
}

#[test]
fn the_worst_line_is_no_longer_than_64_kib() {
    let worst = "\u{1}".repeat(100_000);
    let ledger = ledger_with_tool(&worst);
    let caller = principal("x", &worst);
    let line = text_of(&CallRecord {
        request_id: &worst,
        id: Some(worst.as_bytes()),
        detail: Some(&worst),
        principal: Some(&caller),
        peer: Some(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        ..record(&ledger)
    });
    assert!(line.len() < 64 * 1024, "{}", line.len());
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["peer"], "::1");
}

#[test]
fn times_are_right_at_the_edges_of_the_calendar() {
    let cases = [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_709_251_199_001, "2024-02-29T23:59:59.001Z"),
        (1_709_251_200_000, "2024-03-01T00:00:00.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (1_798_761_599_000, "2026-12-31T23:59:59.000Z"),
    ];
    for (millis, expected) in cases {
        let mut out = Vec::new();
        stamp::push(&mut out, UNIX_EPOCH + Duration::from_millis(millis));
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

proptest! {
    #[test]
    fn every_line_is_json_and_gives_back_what_went_in(
        strings in prop::collection::vec(any::<String>(), 4),
        id in prop::collection::vec(any::<u8>(), 0..80),
        micros in any::<u32>(),
    ) {
        let ledger = ledger_with_tool(&strings[0]);
        let caller = principal("sub", &strings[1]);
        let line = parsed(&CallRecord {
            request_id: &strings[2],
            id: Some(&id),
            detail: Some(&strings[3]),
            principal: Some(&caller),
            phases: ledger.phases_at(ledger.start() + Duration::from_micros(u64::from(micros))),
            ..record(&ledger)
        });
        prop_assert_eq!(line["tool"].as_str(), Some(&*strings[0]));
        prop_assert_eq!(line["client"].as_str(), Some(&*redact(&strings[1])));
        prop_assert_eq!(line["request_id"].as_str(), Some(&*strings[2]));
        prop_assert_eq!(line["detail"].as_str(), Some(&*redact(&strings[3])));
        prop_assert_eq!(line["duration_ms"].as_f64(), Some(f64::from(micros) / 1000.0));
    }

    #[test]
    fn no_control_character_reaches_the_line(text in "[\\x00-\\x1f\\x7f-\\x9f\u{2028}\u{202e}a-c]{0,60}") {
        let mut out = Vec::new();
        push_text(&mut out, &text);
        let written = String::from_utf8(out).unwrap();
        let acted_upon = |c: char| c.is_control() || c == '\u{2028}' || c == '\u{202e}';
        prop_assert!(!written.chars().any(acted_upon));
        prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
    }

    #[test]
    fn a_planted_token_never_gets_through(
        before in any::<String>(),
        body in "[A-Za-z0-9_-]{8,40}\\.[A-Za-z0-9_-]{8,40}",
        after in any::<String>(),
    ) {
        let ledger = ledger_with_tool("echo");
        let detail = format!("{before}eyJ{body} {after}");
        let line = text_of(&CallRecord { detail: Some(&detail), ..record(&ledger) });
        prop_assert!(!line.contains(&body));
    }
}

fn log(capacity: usize) -> (Registry, AccessLog) {
    let registry = Registry::new(10);
    let log = AccessLog::open(&registry, &AccessLogTo::Memory, capacity).unwrap();
    (registry, log)
}

fn items(registry: &Registry, outcome: &str, reason: &str) -> String {
    let labels = format!(r#"{{signal="access_log",outcome="{outcome}",reason="{reason}"}} "#);
    let text = registry.render(crate::cells::Form::Plain);
    let series = format!("toolgate_telemetry_items_total{labels}");
    text.lines().find_map(|line| line.strip_prefix(&series)).unwrap().to_owned()
}

#[test]
fn a_full_buffer_drops_whole_lines_and_counts_them() {
    let (registry, log) = log(1_000);
    let ledger = ledger_with_tool("echo");
    for _ in 0..10 {
        log.record(&record(&ledger), false, SystemTime::now());
    }
    log.drain();
    let kept = log.lines();
    assert!((1..10).contains(&kept.len()), "{}", kept.len());
    for line in &kept {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
    assert_eq!(items(&registry, "exported", "ok"), kept.len().to_string());
    assert_eq!(items(&registry, "dropped", "queue_full"), (10 - kept.len()).to_string());
    log.record(&record(&ledger), false, SystemTime::now());
    log.drain();
    assert_eq!(log.lines().len(), kept.len() + 1);
}

#[test]
fn the_writer_is_called_once_when_the_buffer_is_half_full_and_not_before() {
    let (_registry, log) = log(4_000);
    log.woken_by(std::thread::current());
    let ledger = ledger_with_tool("echo");
    log.record(&record(&ledger), false, SystemTime::now());
    assert!(!log.called.load(Relaxed));
    for _ in 0..5 {
        log.record(&record(&ledger), false, SystemTime::now());
    }
    assert!(log.called.load(Relaxed));
    log.drain();
    assert!(!log.called.load(Relaxed));
}

#[test]
fn no_line_is_lost_or_torn_when_four_threads_write_and_one_drains() {
    let (registry, log) = log(1 << 22);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let log = &log;
            scope.spawn(move || {
                let ledger = ledger_with_tool("echo");
                for n in 0..500 {
                    let id = format!("{thread}-{n}");
                    log.record(
                        &CallRecord { request_id: &id, ..record(&ledger) },
                        false,
                        SystemTime::now(),
                    );
                }
            });
        }
        scope.spawn(|| (0..50).for_each(|_| log.drain()));
    });
    log.drain();
    let mut ids: Vec<String> = Vec::new();
    for line in log.lines() {
        let line: Value = serde_json::from_str(&line).unwrap();
        ids.push(line["request_id"].as_str().unwrap().to_owned());
    }
    let in_order = |thread: usize| {
        let own: Vec<&String> =
            ids.iter().filter(|id| id.starts_with(&format!("{thread}-"))).collect();
        own.len() == 500 && own.iter().enumerate().all(|(n, id)| **id == format!("{thread}-{n}"))
    };
    assert!((0..4).all(in_order));
    assert_eq!(items(&registry, "exported", "ok"), "2000");
}

#[test]
fn a_file_has_every_line_once_telemetry_is_dropped() {
    let path = std::env::temp_dir().join(format!("toolgate-access-{}.log", std::process::id()));
    let config = Config { access_log: AccessLogTo::File(path.clone()), ..Config::default() };
    let telemetry = Telemetry::new(config).unwrap();
    let ledger = ledger_with_tool("echo");
    for _ in 0..20 {
        telemetry.finish(&record(&ledger));
    }
    drop(telemetry);
    let written = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(written.lines().count(), 20);
}

#[test]
fn a_line_is_written_in_time_without_being_asked_for() {
    use std::io::BufRead;
    use std::os::fd::AsRawFd;

    let (reader, writer) = std::io::pipe().unwrap();
    let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
    let config = Config { access_log: AccessLogTo::File(path.into()), ..Config::default() };
    let telemetry = Telemetry::new(config).unwrap();
    telemetry.finish(&record(&ledger_with_tool("echo")));
    let mut line = String::new();
    std::io::BufReader::new(reader).read_line(&mut line).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["tool"], "echo");
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let config =
        Config { access_log: AccessLogTo::File("/nowhere/at/all.log".into()), ..Config::default() };
    let error = Telemetry::new(config).unwrap_err().to_string();
    assert!(error.contains("/nowhere/at/all.log"), "{error}");
}

#[test]
fn lines_that_the_sink_refuses_are_counted_as_lost() {
    let registry = Registry::new(10);
    let to = AccessLogTo::File("/dev/full".into());
    let log = AccessLog::open(&registry, &to, 1 << 16).unwrap();
    let ledger = ledger_with_tool("echo");
    log.record(&record(&ledger), false, SystemTime::now());
    log.record(&record(&ledger), false, SystemTime::now());
    log.drain();
    assert_eq!(items(&registry, "dropped", "io"), "2");
    assert_eq!(items(&registry, "exported", "ok"), "0");
}

#[test]
fn a_log_that_is_off_counts_nothing() {
    let registry = Registry::new(10);
    let log = AccessLog::open(&registry, &AccessLogTo::Off, 1 << 16).unwrap();
    log.record(&record(&ledger_with_tool("echo")), false, SystemTime::now());
    log.drain();
    assert_eq!(items(&registry, "exported", "ok"), "0");
    assert_eq!(items(&registry, "dropped", "queue_full"), "0");
}

/// Takes so many bytes and no more.
struct Small(Vec<u8>, usize);

impl std::io::Write for Small {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = bytes.len().min(self.1 - self.0.len());
        if room == 0 {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(&bytes[..room]);
        Ok(room)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn after_a_write_that_ended_inside_a_line_the_next_begins_on_its_own() {
    let (mut disk, mut torn) = (Small(Vec::new(), 8), false);
    let failed = write_lines(&mut disk, b"one\ntwo two\n", &mut torn).unwrap_err();
    assert_eq!((failed.whole, torn), (1, true));
    assert!(write_lines(&mut disk, b"lost\n", &mut torn).is_err());
    assert!(torn, "nothing was written, so it is as it was");
    disk.1 = 100;
    write_lines(&mut disk, b"three\n", &mut torn).unwrap();
    assert_eq!(String::from_utf8(disk.0).unwrap(), "one\ntwo \nthree\n");
    let mut disk = Small(Vec::new(), 4);
    write_lines(&mut disk, b"one\ntwo\n", &mut torn).unwrap_err();
    assert!(!torn, "it ended with a whole line");
}

#[test]
fn a_log_that_was_renamed_is_opened_again_when_told() {
    let folder = std::env::temp_dir().join(format!("toolgate-log-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (path, old) = (folder.join("access.jsonl"), folder.join("access.jsonl.1"));
    let telemetry =
        Telemetry::new(Config { access_log: AccessLogTo::File(path.clone()), ..Config::default() })
            .unwrap();
    let ledger = ledger_with_tool("echo");
    let write = |id: &str| {
        telemetry.finish(&CallRecord { request_id: id, ..record(&ledger) });
        telemetry.flush();
    };
    write("first");
    std::fs::rename(&path, &old).unwrap();
    write("second");
    telemetry.reopen_log();
    write("third");
    let (old, new) =
        (std::fs::read_to_string(old).unwrap(), std::fs::read_to_string(path).unwrap());
    std::fs::remove_dir_all(folder).unwrap();
    assert!(old.contains("first") && old.contains("second") && !old.contains("third"), "{old}");
    assert!(new.contains("third") && new.lines().count() == 1, "{new}");
}

/// Records a call of that trace; gives its line, if it got one.
fn sampled(log: &AccessLog, bits: u128, outcome: Outcome, took: Duration) -> Option<Value> {
    let ledger = ledger_with_tool("echo");
    let span = SpanContext {
        trace: TraceId::new(bits).unwrap(),
        span: SpanId::new(1).unwrap(),
        sampled: false,
    };
    let trace = Trace { own: span, ..Trace::unrecorded() };
    let phases = ledger.phases_at(ledger.start() + took);
    let before = log.lines().len();
    let call = CallRecord { trace: Some(&trace), outcome, phases, ..record(&ledger) };
    log.record(&call, false, SystemTime::now());
    log.drain();
    let lines = log.lines();
    lines.get(before).map(|line| serde_json::from_str(line).unwrap())
}

#[test]
fn successes_get_a_line_by_the_share_of_their_trace_and_all_others_always() {
    let (registry, log) = log(1 << 20);
    let log = log.sampled(Sample::new(0.1, Duration::from_secs(5)));
    let (quick, failed) = (Duration::from_millis(1), Outcome::failed(Reason::Dns, true));
    let (mut lines, mut sum) = (0_u64, 0.0);
    for n in 1..=2000_u128 {
        let bits = n.wrapping_mul(0x9e37_79b9_7f4a_7c15_9e37_79b9_7f4a_7c15);
        let line = sampled(&log, bits, Outcome::OK, quick);
        assert_eq!(line.is_some(), position(TraceId::new(bits).unwrap()) < 0.1);
        lines += u64::from(line.is_some());
        sum += line.map_or(0.0, |line| line["stands_for"].as_f64().unwrap());
    }
    assert!((150..250).contains(&lines), "{lines}");
    assert!((1500.0..2500.0).contains(&sum), "{sum}");
    assert_eq!(items(&registry, "sampled_out", "sampled_out"), (2000 - lines).to_string());
    // The digits of this one are outside every share but the whole.
    let outside = (1 << 56) - 1;
    assert!(sampled(&log, outside, Outcome::OK, quick).is_none());
    for (outcome, took) in [(failed, quick), (Outcome::OK, Duration::from_secs(6))] {
        assert_eq!(sampled(&log, outside, outcome, took).unwrap()["stands_for"], 1);
    }
    let denied = Outcome::failed(Reason::Forbidden, false);
    assert!(sampled(&log, outside, denied, quick).is_some());
    let ledger = ledger_with_tool("echo");
    let before = log.lines().len();
    for _ in 0..50 {
        log.record(&record(&ledger), true, SystemTime::now());
    }
    log.drain();
    assert_eq!(log.lines().len(), before + 50, "unusually slow ones");
}

#[test]
fn a_share_of_all_marks_no_line_and_a_share_of_none_leaves_every_success_out() {
    assert!(Sample::new(1.0, Duration::ZERO).is_none());
    let (_registry, all) = log(1 << 16);
    let line = sampled(&all, 1, Outcome::OK, Duration::ZERO).unwrap();
    assert!(line.get("stands_for").is_none(), "{line}");
    let (_registry, none) = log(1 << 16);
    let none = none.sampled(Sample::new(0.0, Duration::from_secs(5)));
    assert!(sampled(&none, 1 << 60, Outcome::OK, Duration::ZERO).is_none());
    assert!(sampled(&none, 1, Outcome::failed(Reason::ToolError, false), Duration::ZERO).is_some());
}
