//! What the handles record, read back from the exposition.

pub(crate) mod exercise;
mod exposition;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use toolgate_call::{Ledger, Method, Outcome, Phase, Reason};
use toolgate_telemetry_catalog::{Program, Values, metrics, metrics_of};

use crate::calls::CallMetrics;
use crate::registry::Registry;
use crate::{
    AccessLogTo, CallRecord, Circuit, Config, ConnectionRejected, RefreshCause, RefreshOutcome,
    StreamEnd, Telemetry,
};
use exercise::{everything, finish, finish_tool, plan, record, traced};
use exposition::Sample;
pub(crate) use exposition::{families, number, samples};

fn quiet(histogram_sets: usize) -> Arc<Telemetry> {
    let config = Config { access_log: AccessLogTo::Off, histogram_sets, ..Config::default() };
    Telemetry::new(config).unwrap()
}

#[test]
fn the_families_recorded_are_those_of_the_catalogue_and_no_others() {
    let config = Config { traces: traced(), access_log: AccessLogTo::Memory, ..Config::default() };
    let telemetry = Telemetry::new(config).unwrap();
    everything(&telemetry);
    // The first scrape is what the second one shows the duration of.
    drop(telemetry.render());
    let live = families(&telemetry.render());
    let declared: BTreeMap<String, String> = metrics_of(Program::Gateway)
        .map(|m| (m.name.to_owned(), m.kind.as_str().to_owned()))
        .collect();
    assert_eq!(live, declared);
}

#[test]
fn every_histogram_has_its_bounds_and_none_is_a_summary() {
    let config = Config { traces: traced(), access_log: AccessLogTo::Memory, ..Config::default() };
    let telemetry = Telemetry::new(config).unwrap();
    everything(&telemetry);
    let text = telemetry.render();
    assert!(!text.contains(" summary"));
    assert!(!text.contains("quantile="));
    bounds_are_shown(Program::Gateway, &text);
}

/// Every histogram of the program is there, with all of its bounds.
pub(crate) fn bounds_are_shown(program: Program, text: &str) {
    for metric in metrics_of(program) {
        let Some(bounds) = metric.buckets else { continue };
        let bucket = format!("{}_bucket", metric.name);
        let found: Vec<Sample> = samples(text).filter(|s| s.name == bucket).collect();
        let sets = samples(text).filter(|s| s.name == format!("{}_count", metric.name)).count();
        assert!(sets > 0, "{}", metric.name);
        assert_eq!(found.len(), sets * (bounds.len() + 1), "{}", metric.name);
    }
}

#[test]
fn every_label_of_every_sample_is_declared_and_within_its_domain() {
    let config = Config { traces: traced(), access_log: AccessLogTo::Memory, ..Config::default() };
    let telemetry = Telemetry::new(config).unwrap();
    everything(&telemetry);
    labels_are_declared(&telemetry.render());
}

/// Every label is one of the catalogue's, with a value of its domain.
pub(crate) fn labels_are_declared(text: &str) {
    for sample in samples(text) {
        let stem = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| sample.name.strip_suffix(end))
            .unwrap_or(&sample.name);
        let metric = metrics().find(|m| m.name == sample.name || m.name == stem).unwrap();
        let mut keys: Vec<&str> = metric.labels.iter().map(|label| label.key.as_str()).collect();
        if sample.name.ends_with("_bucket") {
            keys.push("le");
        }
        keys.sort_unstable();
        assert_eq!(sample.labels.keys().map(String::as_str).collect::<Vec<_>>(), keys);
        for label in metric.labels {
            let value = sample.labels[label.key.as_str()].as_str();
            let known = match label.values {
                Values::Targets => ["", "_OTHER", "alpha"].contains(&value),
                Values::Tools => ["", "_OTHER", "echo"].contains(&value),
                Values::Issuers => ["", "main"].contains(&value),
                Values::Models => ["_OTHER", "sonnet", "small"].contains(&value),
                Values::Constant => value == env!("CARGO_PKG_VERSION"),
                Values::Words(_)
                | Values::Methods
                | Values::Reasons
                | Values::ToolEnds
                | Values::Revisions => label.values.listed().unwrap().contains(&value),
            };
            assert!(known, "{} {}={value:?}", sample.name, label.key.as_str());
        }
    }
}

#[test]
fn a_call_is_counted_once_under_its_target_tool_and_outcome() {
    let telemetry = quiet(2_000);
    finish_tool(&telemetry, &plan("alpha", "echo"), Outcome::OK);
    finish_tool(&telemetry, &plan("alpha", "echo"), Outcome::failed(Reason::ToolError, false));
    finish_tool(&telemetry, &plan("alpha", "echo"), Outcome::failed(Reason::TimeoutTotal, false));
    let text = telemetry.render();
    for outcome in ["ok", "tool", "target"] {
        let labels = format!(r#"target="alpha",outcome="{outcome}""#);
        let requests =
            format!(r#"toolgate_requests_total{{mcp_method_name="tools/call",{labels}}}"#);
        assert_eq!(number(&text, &requests), 1.0);
        let labels = format!(r#"target="alpha",gen_ai_tool_name="echo",outcome="{outcome}""#);
        assert_eq!(number(&text, &format!("toolgate_tool_calls_total{{{labels}}}")), 1.0);
    }
    for error in ["", "tool_error", "timeout_total"] {
        let labels = format!(
            r#"mcp_method_name="tools/call",target="alpha",gen_ai_tool_name="echo",error_type="{error}""#
        );
        let count = format!("mcp_server_operation_duration_seconds_count{{{labels}}}");
        assert_eq!(number(&text, &count), 1.0);
    }
    assert_eq!(number(&text, r#"toolgate_response_body_size_bytes_sum{target="alpha"}"#), 600.0);
}

#[test]
fn what_names_no_tool_has_no_target_unless_it_is_a_tool_call() {
    let telemetry = quiet(2_000);
    let ledger = Ledger::new(Instant::now());
    finish(&telemetry, &ledger, Method::ToolsList, Outcome::OK);
    finish(&telemetry, &ledger, Method::ToolsCall, Outcome::failed(Reason::TargetUnknown, false));
    let text = telemetry.render();
    let list = r#"toolgate_requests_total{mcp_method_name="tools/list",target="",outcome="ok"}"#;
    assert_eq!(number(&text, list), 1.0);
    let call = r#"{target="_OTHER",gen_ai_tool_name="_OTHER",outcome="caller"}"#;
    assert_eq!(number(&text, &format!("toolgate_tool_calls_total{call}")), 1.0);
    let duration = r#"{mcp_method_name="tools/call",target="_OTHER",gen_ai_tool_name="_OTHER",error_type="target_unknown"}"#;
    let count = format!("mcp_server_operation_duration_seconds_count{duration}");
    assert_eq!(number(&text, &count), 1.0);
}

#[test]
fn the_overhead_is_the_gateways_own_phases_and_their_sum() {
    let telemetry = quiet(2_000);
    let start = Instant::now();
    let ledger = Ledger::new(start);
    let at = |ms| start + Duration::from_millis(ms);
    ledger.enter_at(Phase::Authenticate, at(10));
    ledger.enter_at(Phase::Authorize, at(12));
    ledger.enter_at(Phase::Queue, at(15));
    ledger.enter_at(Phase::Wait, at(20));
    ledger.enter_at(Phase::Write, at(120));
    let phases = ledger.phases_at(at(130));
    telemetry.finish(&crate::CallRecord { phases, ..record(&ledger, Method::Ping, Outcome::OK) });
    let text = telemetry.render();
    for (phase, seconds) in
        [("authenticate", 0.002), ("authorize", 0.003), ("queue", 0.005), ("total", 0.010)]
    {
        let sum =
            number(&text, &format!(r#"toolgate_overhead_duration_seconds_sum{{phase="{phase}"}}"#));
        assert!((sum - seconds).abs() < 1e-9, "{phase}: {sum}");
    }
    let wall = r#"{mcp_method_name="ping",target="",gen_ai_tool_name="",error_type=""}"#;
    let sum = number(&text, &format!("mcp_server_operation_duration_seconds_sum{wall}"));
    assert!((sum - 0.130).abs() < 1e-9, "{sum}");
}

#[test]
fn past_the_budget_tools_share_a_histogram_but_keep_their_counters() {
    let telemetry = quiet(2_000);
    for n in 0..2_500 {
        finish_tool(&telemetry, &plan("alpha", &format!("tool-{n}")), Outcome::OK);
    }
    let text = telemetry.render();
    let count = |name: &str| samples(&text).filter(|s| s.name == name).count();
    let series = count("mcp_server_operation_duration_seconds_count");
    let all: usize = metrics()
        .filter(|metric| metric.buckets.is_some())
        .map(|metric| count(&format!("{}_count", metric.name)))
        .sum();
    assert!((1_900..=2_001).contains(&series), "{series}");
    assert!(all <= 2_010, "{all}");
    assert_eq!(number(&text, "toolgate_series_active"), all as f64);
    let shared =
        r#"{mcp_method_name="tools/call",target="alpha",gen_ai_tool_name="_OTHER",error_type=""}"#;
    let shared = number(&text, &format!("mcp_server_operation_duration_seconds_count{shared}"));
    assert_eq!(number(&text, "toolgate_series_overflow_total"), shared);
    assert_eq!(series as f64 - 1.0 + shared, 2_500.0);
    let last = r#"{target="alpha",gen_ai_tool_name="tool-2499",outcome="ok"}"#;
    assert_eq!(number(&text, &format!("toolgate_tool_calls_total{last}")), 1.0);
}

#[test]
fn past_the_limit_of_tools_a_duration_has_its_target_and_no_other_tools_name() {
    let registry = Arc::new(Registry::new(100));
    let calls = CallMetrics::with_room(&registry, 1);
    calls.listed(&plan("alpha", "early"));
    for (target, tool) in [("alpha", "late"), ("beta", "later")] {
        let ledger = Ledger::new(Instant::now());
        let plan = plan(target, tool);
        calls.listed(&plan);
        ledger.set_plan(&plan);
        calls.record(&record(&ledger, Method::ToolsCall, Outcome::OK));
    }
    let text = registry.render(crate::cells::Form::Plain);
    for target in ["alpha", "beta"] {
        let folded = format!(
            r#"mcp_server_operation_duration_seconds_count{{mcp_method_name="tools/call",target="{target}",gen_ai_tool_name="_OTHER",error_type=""}}"#
        );
        assert_eq!(number(&text, &folded), 1.0, "{target}");
    }
    assert!(!text.contains(r#""late"#));
    assert_eq!(number(&text, "toolgate_series_overflow_total"), 2.0);
}

#[test]
fn the_first_byte_is_there_when_receiving_begins() {
    let telemetry = quiet(2_000);
    let ledger = Ledger::new(Instant::now());
    ledger.set_plan(&plan("alpha", "echo"));
    let at = |ms| ledger.start() + Duration::from_millis(ms);
    ledger.enter_at(Phase::Wait, at(10));
    ledger.enter_at(Phase::Receive, at(50));
    ledger.enter_at(Phase::Write, at(90));
    let base = record(&ledger, Method::ToolsCall, Outcome::OK);
    telemetry.finish(&CallRecord { phases: ledger.phases_at(at(100)), ..base });
    let failed = Outcome::failed(Reason::Dns, true);
    telemetry.finish(&CallRecord { outcome: failed, ..base });
    let text = telemetry.render();
    let of = |part: &str| {
        let name = format!(r#"toolgate_first_byte_duration_seconds_{part}{{target="alpha"}}"#);
        number(&text, &name)
    };
    assert_eq!((of("count"), of("sum")), (1.0, 0.05));
}

#[test]
fn a_breaker_is_timed_from_its_opening_to_its_closing() {
    let telemetry = quiet(2_000);
    let target = telemetry.target("alpha");
    let count = || {
        let name = r#"toolgate_circuit_open_duration_seconds_count{target="alpha"}"#;
        number(&telemetry.render(), name)
    };
    for state in [Circuit::Closed, Circuit::Open, Circuit::HalfOpen, Circuit::Open] {
        target.circuit(state);
    }
    target.circuit(Circuit::HalfOpen);
    assert_eq!(count(), 0.0);
    target.circuit(Circuit::Closed);
    assert_eq!(count(), 1.0);
}

#[test]
fn counts_are_exact_when_four_threads_record_at_once() {
    let telemetry = quiet(2_000);
    let tool = plan("alpha", "echo");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    finish_tool(&telemetry, &tool, Outcome::OK);
                    let idle = Outcome::failed(Reason::TimeoutIdle, false);
                    telemetry.target("alpha").attempt(Method::ToolsCall, idle, Duration::ZERO);
                }
            });
        }
    });
    let text = telemetry.render();
    let calls = r#"toolgate_tool_calls_total{target="alpha",gen_ai_tool_name="echo",outcome="ok"}"#;
    assert_eq!(number(&text, calls), 4_000.0);
    let bucket = r#"mcp_server_operation_duration_seconds_count{mcp_method_name="tools/call",target="alpha",gen_ai_tool_name="echo",error_type=""}"#;
    assert_eq!(number(&text, bucket), 4_000.0);
    let timeouts = r#"toolgate_timeouts_total{target="alpha",phase="idle"}"#;
    assert_eq!(number(&text, timeouts), 4_000.0);
}

#[test]
fn gauges_go_back_when_their_guards_are_dropped() {
    let telemetry = quiet(2_000);
    let target = telemetry.target("alpha");
    let held = (
        telemetry.gateway.request_started(),
        telemetry.gateway.connection_accepted(),
        telemetry.gateway.stream_opened(),
        target.permit(),
    );
    let names = [
        "toolgate_requests_active",
        "toolgate_connections_active",
        "toolgate_streams_active",
        r#"toolgate_concurrency_in_use{target="alpha"}"#,
    ];
    let text = telemetry.render();
    assert_eq!(names.map(|name| number(&text, name)), [1.0; 4]);
    drop(held);
    let text = telemetry.render();
    assert_eq!(names.map(|name| number(&text, name)), [0.0; 4]);
}

#[test]
fn a_dropped_stream_was_left_by_the_caller_and_an_ended_one_says_why() {
    let telemetry = quiet(2_000);
    drop(telemetry.gateway.stream_opened());
    telemetry.gateway.stream_opened().ended(StreamEnd::MaxAge);
    let text = telemetry.render();
    let count = |why: &str| {
        number(&text, &format!(r#"toolgate_stream_duration_seconds_count{{reason="{why}"}}"#))
    };
    assert_eq!((count("client_close"), count("max_age"), count("idle")), (1.0, 1.0, 0.0));
    assert_eq!(number(&text, "toolgate_streams_active"), 0.0);
}

#[test]
fn the_breaker_is_in_one_state_and_only_changes_are_transitions() {
    let telemetry = quiet(2_000);
    let target = telemetry.target("alpha");
    assert!(!telemetry.render().contains("toolgate_circuit_state{"));
    for state in [Circuit::Closed, Circuit::Closed, Circuit::Open, Circuit::Open, Circuit::HalfOpen]
    {
        target.circuit(state);
    }
    let text = telemetry.render();
    let read = |family: &str| {
        ["closed", "open", "half_open"]
            .map(|s| number(&text, &format!(r#"{family}{{target="alpha",state="{s}"}}"#)))
    };
    assert_eq!(read("toolgate_circuit_state"), [0.0, 0.0, 1.0]);
    assert_eq!(read("toolgate_circuit_transitions_total"), [0.0, 1.0, 1.0]);
}

#[test]
fn counters_are_there_before_the_first_event() {
    let telemetry = quiet(2_000);
    let _target = telemetry.target("alpha");
    telemetry.calls.listed(&plan("alpha", "echo"));
    telemetry.auth.configured("main");
    let text = telemetry.render();
    for series in [
        r#"toolgate_requests_total{mcp_method_name="tools/call",target="alpha",outcome="network"}"#,
        r#"toolgate_tool_calls_total{target="alpha",gen_ai_tool_name="echo",outcome="tool"}"#,
        r#"toolgate_timeouts_total{target="alpha",phase="connect"}"#,
        r#"toolgate_auth_requests_total{issuer="main",outcome="denied",reason="expired"}"#,
        r#"toolgate_jwks_refresh_total{issuer="main",outcome="timeout",reason="unknown_kid"}"#,
        r#"toolgate_connections_rejected_total{reason="limit"}"#,
        r#"toolgate_telemetry_items_total{signal="access_log",outcome="dropped",reason="queue_full"}"#,
    ] {
        assert_eq!(number(&text, series), 0.0, "{series}");
    }
}

#[test]
fn each_pair_of_words_has_a_counter_of_its_own() {
    let telemetry = quiet(2_000);
    let took = Duration::from_millis(3);
    let cause = RefreshCause::UnknownKid;
    telemetry.auth.jwks_refresh("main", RefreshOutcome::Timeout, cause, took);
    let text = telemetry.render();
    let counted: Vec<Sample> = samples(&text)
        .filter(|sample| sample.name == "toolgate_jwks_refresh_total" && sample.value > 0.0)
        .collect();
    assert_eq!(counted.len(), 1);
    assert_eq!(counted[0].labels["outcome"], "timeout");
    assert_eq!(counted[0].labels["reason"], "unknown_kid");
}

#[test]
fn a_target_has_one_set_of_handles_and_two_gateways_do_not_mix() {
    let (one, two) = (quiet(2_000), quiet(2_000));
    assert!(Arc::ptr_eq(&one.target("alpha"), &one.target("alpha")));
    assert!(!Arc::ptr_eq(&one.target("alpha"), &one.target("beta")));
    one.gateway.connection_rejected(ConnectionRejected::Limit);
    let rejected = r#"toolgate_connections_rejected_total{reason="limit"}"#;
    assert_eq!(number(&one.render(), rejected), 1.0);
    assert_eq!(number(&two.render(), rejected), 0.0);
}

#[test]
fn past_the_limit_of_targets_the_rest_share_one_set() {
    let telemetry = quiet(2_000);
    for n in 0..256 {
        drop(telemetry.target(&format!("t{n}")));
    }
    let (x, y) = (telemetry.target("x"), telemetry.target("y"));
    assert!(Arc::ptr_eq(&x, &y));
    assert_eq!(&**x.name(), "_OTHER");
    assert_eq!(&**telemetry.target("t255").name(), "t255");
}

#[test]
fn a_hostile_tool_name_stays_inside_its_label() {
    let telemetry = quiet(2_000);
    let name = "x\"} 1\ntoolgate_forged_total 9\n\\";
    finish_tool(&telemetry, &plan("alpha", name), Outcome::OK);
    let text = telemetry.render();
    assert!(!text.lines().any(|line| line.starts_with("toolgate_forged_total")));
    assert!(text.contains(r#"gen_ai_tool_name="x\"} 1\ntoolgate_forged_total 9\n\\""#));
}

#[test]
fn the_process_is_described_as_the_system_sees_it() {
    let text = quiet(2_000).render();
    assert!(number(&text, "process_resident_memory_bytes") > 100_000.0);
    assert!(number(&text, "process_threads") >= 2.0);
    assert!(number(&text, "process_start_time_seconds") > 1.7e9);
    assert!(number(&text, "process_cpu_seconds_total") >= 0.0);
}

#[tokio::test]
async fn a_named_task_gives_back_what_it_made() {
    assert_eq!(crate::spawn("sum", async { 1 + 1 }).await.unwrap(), 2);
}

#[test]
fn a_level_that_does_not_exist_is_refused_with_advice() {
    let error = crate::init_tracing("toolgate=loud").unwrap_err();
    assert!(error.contains("loud") && error.contains("use off, error"), "{error}");
}

#[test]
fn every_method_has_a_place_in_the_rows() {
    assert_eq!(Method::Other as usize + 1, Method::labels().count());
    let telemetry = quiet(2_000);
    let ledger = Ledger::new(Instant::now());
    finish(&telemetry, &ledger, Method::Other, Outcome::OK);
    finish(&telemetry, &ledger, Method::EndSession, Outcome::OK);
    let text = telemetry.render();
    for method in ["_OTHER", "session/end"] {
        let series = format!(
            r#"toolgate_requests_total{{mcp_method_name="{method}",target="",outcome="ok"}}"#
        );
        assert_eq!(number(&text, &series), 1.0);
    }
}
