//! Turns as they are counted, written and traced.

mod turns;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_sdk::trace::SpanData;
use serde_json::Value;
use toolgate_telemetry_catalog::{
    Dimension, Program, StepEnd, TurnEnd, TurnPart, agent_spans, interaction_fields, metrics_of,
    published_of,
};

use super::{AgentOptions, AgentTelemetry, StepFacts, StepKind, TimeFacts, TurnFacts};
use crate::cloud::{CloudConfig, CloudSink, Datum, Putting};
use crate::tests::exercise::traced;
use crate::tests::{bounds_are_shown, families, labels_are_declared, number};
use crate::trace::{Boxed, Packed, Parcel, Sent, SpanSink, SpansTo, TraceConfig};
use crate::{AccessLogTo, TokenFetch};
use turns::{MS, at, everything, step, steps, turn};

fn options() -> AgentOptions {
    let models = [("sonnet", "vendor.sonnet-v1:0"), ("small", "vendor.small-v1:0")];
    let models = models.map(|(key, id)| (key.to_owned(), id.to_owned())).into();
    AgentOptions { log: AccessLogTo::Memory, models, ..AgentOptions::default() }
}

fn started(options: AgentOptions) -> Arc<AgentTelemetry> {
    AgentTelemetry::start(options).unwrap()
}

fn exercised() -> Arc<AgentTelemetry> {
    let traces = TraceConfig { ratio: 1.0, ..traced() };
    let telemetry = started(AgentOptions { traces, ..options() });
    everything(&telemetry);
    drop(telemetry.exporter().unwrap().unwrap());
    // The first scrape is what the second one shows the duration of.
    drop(telemetry.render());
    telemetry
}

/// Keeps spans, as a backend that is well.
#[derive(Debug, Default)]
struct FakeBackend(Mutex<Vec<SpanData>>);

impl SpanSink for FakeBackend {
    fn pack(&self, batch: Vec<SpanData>) -> Packed {
        let spans = batch.len() as u64;
        self.0.lock().unwrap().extend(batch);
        Packed { parcels: vec![Parcel { parts: Vec::new(), spans }], ..Packed::default() }
    }

    fn send<'a>(&'a self, _: &'a Parcel) -> Boxed<'a, Sent> {
        Box::pin(async { Sent::default() })
    }
}

/// The spans that a turn makes, and how it says that they were kept.
async fn sent(
    sampled: &str,
    turn: impl FnOnce(&AgentTelemetry, &super::AgentPlace),
) -> Vec<SpanData> {
    let backend = Arc::new(FakeBackend::default());
    let to = Some(SpansTo::Sink(Arc::clone(&backend) as Arc<dyn SpanSink>));
    let traces = TraceConfig { to, ..AgentOptions::default().traces };
    let telemetry = started(AgentOptions { traces, ..options() });
    let parent = format!("00-{:032x}-{:016x}-{sampled}", 0xfeed, 0xbeef);
    let place = telemetry.begin(Some(&parent));
    turn(&telemetry, &place);
    let exporter = telemetry.exporter().unwrap().unwrap();
    telemetry.close();
    exporter.await;
    std::mem::take(&mut *backend.0.lock().unwrap())
}

fn attribute(span: &SpanData, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|pair| pair.key.as_str() == key)?;
    Some(found.value.to_string())
}

#[test]
fn the_families_recorded_are_those_of_the_agent_and_no_others() {
    let live = families(&exercised().render());
    let declared: BTreeMap<String, String> = metrics_of(Program::Agent)
        .map(|metric| (metric.name.to_owned(), metric.kind.as_str().to_owned()))
        .collect();
    assert_eq!(live, declared);
}

#[test]
fn every_histogram_has_its_bounds_and_every_label_is_of_its_domain() {
    let text = exercised().render();
    bounds_are_shown(Program::Agent, &text);
    labels_are_declared(&text);
}

#[test]
fn what_a_model_or_a_user_invents_is_no_label() {
    let telemetry = started(options());
    for n in 0..50 {
        let name = format!("invented-{n}\"}} 1\n");
        let of = |kind| StepFacts { end: StepEnd::Failed, ..step(kind, &name, "01") };
        telemetry.step(&of(StepKind::Tool));
        telemetry.step(&of(StepKind::Model));
    }
    let text = telemetry.render();
    assert!(!text.contains("invented"));
    let series = r#"{gen_ai_tool_name="_OTHER",outcome="failed"}"#;
    assert_eq!(number(&text, &format!("toolgate_agent_tool_calls_total{series}")), 50.0);
    let series = r#"{gen_ai_request_model="_OTHER",error_type="other"}"#;
    let series = format!("gen_ai_client_operation_duration_seconds_count{series}");
    assert_eq!(number(&text, &series), 50.0);
}

#[test]
fn a_tool_has_a_label_once_it_is_listed_or_has_answered() {
    let telemetry = started(options());
    let late = StepFacts {
        end: StepEnd::Failed,
        reason: Some("timeout_total"),
        ..step(StepKind::Tool, "echo", "01")
    };
    telemetry.tools_listed(["echo", "add"]);
    telemetry.step(&late);
    telemetry.step(&step(StepKind::Tool, "unlisted", "01"));
    let text = telemetry.render();
    let calls = |tool: &str, outcome: &str| {
        let labels = format!(r#"{{gen_ai_tool_name="{tool}",outcome="{outcome}"}}"#);
        number(&text, &format!("toolgate_agent_tool_calls_total{labels}"))
    };
    assert_eq!(
        (calls("echo", "failed"), calls("unlisted", "ok"), calls("add", "ok")),
        (1., 1., 0.)
    );
    let took = r#"{gen_ai_tool_name="echo",error_type="timeout_total"}"#;
    assert_eq!(number(&text, &format!("gen_ai_execute_tool_duration_seconds_count{took}")), 1.0);
    assert_eq!(number(&text, "toolgate_agent_tools"), 2.0);
}

#[test]
fn tokens_and_costs_are_those_of_the_provider_by_model() {
    let telemetry = started(options());
    let place = telemetry.begin(None);
    let all = steps();
    for _ in 0..2 {
        all.iter().for_each(|step| telemetry.step(step));
        telemetry.ended(&turn(&place, &all));
    }
    let text = telemetry.render();
    let tokens = |kind: &str| {
        let labels = format!(r#"{{gen_ai_request_model="sonnet",gen_ai_token_type="{kind}"}}"#);
        number(&text, &format!("toolgate_agent_tokens_total{labels}"))
    };
    let kinds = ["input", "output", "cache_read", "cache_write"].map(tokens);
    assert_eq!(kinds, [1_800.0, 160.0, 800.0, 0.0]);
    let again = |why: &str| {
        let labels = format!(r#"{{gen_ai_request_model="sonnet",error_type="{why}"}}"#);
        number(&text, &format!("toolgate_agent_model_retries_total{labels}"))
    };
    assert_eq!((again("throttled"), again("unavailable")), (4.0, 0.0));
    let cost = number(&text, r#"toolgate_agent_cost_usd_sum{gen_ai_request_model="sonnet"}"#);
    assert!((cost - 0.0085).abs() < 1e-12, "{cost}");
    assert_eq!(number(&text, "gen_ai_invoke_agent_tool_calls_sum"), 2.0);
    assert_eq!(number(&text, "gen_ai_invoke_agent_inference_calls_sum"), 2.0);
    assert_eq!(number(&text, "toolgate_agent_memory_records_sum"), 4.0);
    let turns = r#"{gen_ai_request_model="sonnet",outcome="answered"}"#;
    assert_eq!(number(&text, &format!("toolgate_agent_interactions_total{turns}")), 2.0);
}

#[test]
fn the_parts_of_a_turn_sum_to_the_whole_in_metrics_and_on_the_line() {
    let telemetry = started(options());
    let (place, all) = (telemetry.begin(None), steps());
    telemetry.ended(&turn(&place, &all));
    let text = telemetry.render();
    let of = |part: &TurnPart| {
        let word = toolgate_telemetry_catalog::Word::word(*part);
        number(&text, &format!(r#"toolgate_agent_phase_duration_seconds_sum{{phase="{word}"}}"#))
    };
    let parts: f64 = <TurnPart as toolgate_telemetry_catalog::Word>::ALL.iter().map(of).sum();
    let whole = number(&text, r#"gen_ai_invoke_agent_duration_seconds_sum{error_type=""}"#);
    assert!((parts - whole).abs() < 1e-9 && (whole - 2.82).abs() < 1e-9, "{parts} {whole}");
    let line = only_line(&telemetry);
    let times = line["performance_metrics"].as_object().unwrap();
    let total = times["total_ms"].as_f64().unwrap();
    let sum: f64 = times
        .iter()
        .filter(|(name, _)| *name != "total_ms")
        .map(|(_, ms)| ms.as_f64().unwrap())
        .sum();
    assert!((sum - total).abs() < 1e-9, "{times:?}");
    assert_eq!((total, times["overhead_ms"].as_f64().unwrap()), (2_820.0, 7.125));
}

fn only_line(telemetry: &AgentTelemetry) -> Value {
    let lines = telemetry.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    serde_json::from_str(&lines[0]).unwrap()
}

#[test]
fn the_line_of_a_turn_has_every_field_and_nothing_that_was_said() {
    let telemetry = started(options());
    let (place, all) = (telemetry.begin(None), steps());
    let (tools, missing) = (["echo".to_owned(), "echo".to_owned()], ["memory".to_owned()]);
    let turn = TurnFacts { tools_used: &tools, degraded: &missing, ..turn(&place, &all) };
    telemetry.ended(&TurnFacts { budget: Some(super::Budget::Steps), ..turn });
    let raw = telemetry.lines().pop().unwrap();
    let line: Value = serde_json::from_str(&raw).unwrap();
    let mut names: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
    for nested in ["performance_metrics", "token_usage"] {
        names.extend(line[nested].as_object().unwrap().keys().map(String::as_str));
    }
    let known: BTreeSet<&str> = interaction_fields::ALL.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.iter().copied().collect::<BTreeSet<_>>(), known);
    assert_eq!((&line["level"], &line["msg"]), (&"warn".into(), &"interaction".into()));
    assert_eq!(line["trace_id"], place.trace);
    assert_eq!(line["span_id"], place.span);
    assert_eq!(line["tools_used"], serde_json::json!(["echo", "echo"]));
    assert_eq!(line["token_usage"]["total_tokens"], 1_380);
    assert_eq!((&line["cost_usd"], &line["model_retries"]), (&0.004_25.into(), &2.into()));
    assert_eq!(line["temperature"], 0.3);
    assert_eq!(line["sampled"], false, "nothing is sent anywhere");
    assert!(!raw.contains("the-session") && !raw.contains("the-actor"), "{raw}");
}

#[test]
fn a_hostile_name_stays_inside_its_line() {
    let telemetry = started(options());
    let (place, all) = (telemetry.begin(None), steps());
    let tools = ["x\"}\n{\"level\":\"forged\u{202e}".to_owned()];
    let turn = TurnFacts { tools_used: &tools, request_id: "\r\n", ..turn(&place, &all) };
    telemetry.ended(&turn);
    let line = only_line(&telemetry);
    assert_eq!(line["tools_used"][0], tools[0]);
    assert_eq!(line["level"], "info");
}

#[test]
fn overlapping_or_odd_times_never_make_a_negative_part() {
    let telemetry = started(options());
    let (place, all) = (telemetry.begin(None), steps());
    let times =
        TimeFacts { memory: f64::NAN, model: 3_000.0, total: 2_000.0, ..TimeFacts::default() };
    telemetry.ended(&TurnFacts { times, cost_usd: Some(f64::NAN), ..turn(&place, &all) });
    let line = only_line(&telemetry);
    assert_eq!(line["performance_metrics"]["overhead_ms"], 0.0);
    assert_eq!(line["performance_metrics"]["total_ms"], 3_000.0);
    assert!(line.get("cost_usd").is_none());
}

#[tokio::test]
async fn a_turn_is_one_tree_below_its_caller_and_the_gateways_span_hangs_below_the_tool() {
    let spans = sent("01", |telemetry, place| {
        assert_eq!(place.trace, format!("{:032x}", 0xfeed));
        telemetry.ended(&turn(place, &steps()));
        telemetry.remembered(Some(place), MS, None);
    })
    .await;
    let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
    let wanted = [
        "invoke_agent toolgate-agent",
        "search_memory",
        "chat vendor.sonnet-v1:0",
        "execute_tool echo",
        "create_memory",
    ];
    assert_eq!(names, wanted);
    let root = &spans[0];
    assert_eq!(root.parent_span_id.to_string(), format!("{:016x}", 0xbeef));
    assert!(spans.iter().all(|span| span.span_context.trace_id() == root.span_context.trace_id()));
    assert!(spans[1..].iter().all(|span| span.parent_span_id == root.span_context.span_id()));
    let kinds: Vec<_> = spans.iter().map(|span| span.span_kind.clone()).collect();
    let (server, client, inside) = (SpanKind::Server, SpanKind::Client, SpanKind::Internal);
    assert_eq!(kinds, [server, inside.clone(), client, inside.clone(), inside]);
    assert_eq!(spans[3].span_context.span_id().to_string(), "00000000000000a3");
    assert_eq!((root.start_time, root.end_time), (at(0), at(2_820)));
    assert_eq!((spans[2].start_time, spans[2].end_time), (at(10), at(510)));
}

#[tokio::test]
async fn spans_say_what_the_conventions_ask_for() {
    let spans = sent("01", |telemetry, place| telemetry.ended(&turn(place, &steps()))).await;
    let of = |nth: usize, key: &str| attribute(&spans[nth], key).unwrap();
    assert_eq!(of(0, agent_spans::OPERATION), "invoke_agent");
    assert_eq!(of(2, agent_spans::OPERATION), "chat");
    assert_eq!(of(2, agent_spans::REQUEST_MODEL), "vendor.sonnet-v1:0");
    assert_eq!(of(2, agent_spans::PROVIDER), "aws.bedrock");
    assert_eq!(of(2, agent_spans::INPUT_TOKENS), "1300");
    assert_eq!(of(2, agent_spans::FINISH), "[\"tool_use\"]");
    assert_eq!(of(3, agent_spans::TOOL), "echo");
    assert_eq!(of(3, agent_spans::CALL_ID), "r-77");
    assert!(spans.iter().all(|span| span.status == Status::Unset));
    let known: BTreeSet<&str> = agent_spans::ALL.iter().map(|(name, _)| *name).collect();
    for pair in spans.iter().flat_map(|span| &span.attributes) {
        assert!(known.contains(pair.key.as_str()), "{}", pair.key);
    }
    assert!(!format!("{spans:?}").contains("the-session"));
}

#[tokio::test]
async fn failures_are_marked_where_they_happened_and_kept_though_nobody_asked() {
    let spans = sent("00", |telemetry, place| {
        let mut all = steps();
        all[2] = StepFacts { end: StepEnd::Denied, reason: Some("not_approved"), ..all[2] };
        all[1] = StepFacts { end: StepEnd::Failed, reason: Some("throttled"), ..all[1] };
        telemetry.ended(&TurnFacts { end: TurnEnd::Answered, ..turn(place, &all) });
        telemetry.ended(&TurnFacts { end: TurnEnd::ModelFailed, ..turn(place, &all) });
        let lines: Vec<Value> =
            telemetry.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let kept: Vec<_> = lines.iter().map(|line| line["sampled"].clone()).collect();
        assert_eq!(kept, [Value::from(false), Value::from(true)]);
    })
    .await;
    assert_eq!(spans.len(), 4, "those of the second turn");
    assert_eq!(spans[0].status, Status::error("model_failed"));
    assert_eq!(spans[2].status, Status::error("throttled"));
    assert_eq!(spans[3].status, Status::Unset, "the user said no");
    assert_eq!(attribute(&spans[3], agent_spans::ERROR_TYPE).unwrap(), "not_approved");
    assert_eq!(attribute(&spans[0], agent_spans::SAMPLING).unwrap(), "error");
}

#[test]
fn turns_in_flight_go_back_and_renewals_are_counted() {
    let telemetry = started(options());
    let active = telemetry.turn_started();
    assert_eq!(number(&telemetry.render(), "toolgate_agent_turns_active"), 1.0);
    drop(active);
    telemetry.token_renewed(TokenFetch::Timeout);
    let text = telemetry.render();
    assert_eq!(number(&text, "toolgate_agent_turns_active"), 0.0);
    let series = r#"toolgate_agent_token_renewals_total{outcome="timeout"}"#;
    assert_eq!(number(&text, series), 1.0);
}

#[test]
fn a_model_that_is_configured_later_has_a_label_of_its_own_from_then_on() {
    let telemetry = started(options());
    let series = |model: &str| {
        format!(
            r#"toolgate_agent_interactions_total{{gen_ai_request_model="{model}",outcome="answered"}}"#
        )
    };
    let ended = || {
        let (place, all) = (telemetry.begin(None), steps());
        telemetry.ended(&TurnFacts { model: "late", ..turn(&place, &all) });
        telemetry.render()
    };
    assert_eq!(number(&ended(), &series("_OTHER")), 1.0);
    telemetry.models_configured(&[("late".to_owned(), "vendor.late-v1:0".to_owned())]);
    let text = ended();
    assert_eq!((number(&text, &series("_OTHER")), number(&text, &series("late"))), (1.0, 1.0));
}

#[test]
fn a_kept_turn_stands_for_its_bucket() {
    let text = exercised().render_openmetrics();
    let shown = text.lines().find(|line| {
        line.starts_with("gen_ai_invoke_agent_duration_seconds_bucket")
            && line.contains("trace_id=")
    });
    assert!(shown.is_some(), "no exemplar");
}

/// Keeps numbers, as CloudWatch would.
#[derive(Debug, Default)]
struct FakeCloud(Mutex<Vec<Datum>>);

impl CloudSink for FakeCloud {
    fn put<'a>(&'a self, batch: &'a [Datum]) -> Putting<'a> {
        self.0.lock().unwrap().extend_from_slice(batch);
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test]
async fn what_the_agent_publishes_reaches_cloudwatch_under_the_articles_names() {
    let dimensions = Dimension::ALL.to_vec();
    let config = CloudConfig { dimensions, tools: 50, values: 150, requests: true };
    let telemetry = started(AgentOptions { cloudwatch: Some(config), ..options() });
    everything(&telemetry);
    let cloud = Arc::new(FakeCloud::default());
    let publisher = telemetry.publisher(Arc::clone(&cloud) as Arc<dyn CloudSink>).unwrap();
    telemetry.close();
    publisher.await;
    let datums = cloud.0.lock().unwrap();
    let told: BTreeSet<&str> = datums.iter().map(|datum| datum.name).collect();
    let planned: BTreeSet<&str> = published_of(Program::Agent).map(|(_, p)| p.name).collect();
    assert_eq!(told, planned);
    assert!(
        ["InteractionCount", "ResponseTime", "TokensUsed"].iter().all(|name| told.contains(name))
    );
    let tokens: f64 = datums
        .iter()
        .filter(|datum| datum.name == "TokensUsed" && datum.dimensions.is_empty())
        .flat_map(|datum| {
            datum.values.iter().zip(&datum.counts).map(|(value, count)| value * count)
        })
        .sum();
    assert!((tokens - 3.0 * 1_380.0).abs() < 1e-9, "{tokens}");
    assert!(telemetry.cloud_estimate().unwrap().series >= planned.len());
}
