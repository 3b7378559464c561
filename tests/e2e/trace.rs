//! One unbroken trace through the gateway, whatever becomes of the call, and no span lost unseen.

mod stdio;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use toolgate_tests::client::{Answer, Ask, Client, message, with_meta};
use toolgate_tests::collector::{Collector, Span};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::sick::{Act, Era, Seen, Shape, Sick};
use toolgate_tests::wait::until;

use crate::expect::OPEN;

/// The caller's trace and span.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

fn parent(sampled: u8) -> String {
    format!("00-{TRACE}-{CALLER}-0{sampled}")
}

/// A gateway that sends its spans to the collector, and nothing on its own account.
async fn before(sick: &Sick, collector: &Collector, more: &str) -> Result<Gateway> {
    let (url, otlp) = (sick.url(), collector.url());
    let config = format!(
        "{OPEN}{more}traces: {{ sample: 0, otlp: {{ endpoint: \"{otlp}\", timeout: 2s }} }}\n\
         targets:\n  sick: {{ mcp: {{ url: \"{url}\" }}, timeout: 1s, breaker: {{ failures: 2, open: 1h }} }}\n\
         tools:\n  sick___read: {{ read_only: true, retry: {{ attempts: 2, base: 10ms }} }}\n"
    );
    Gateway::start(&config).await
}

/// A call within the caller's trace, as `_meta` says it.
fn called(tool: &str, traceparent: &str) -> String {
    with_meta(json!({
        "name": tool, "arguments": {},
        "_meta": { "traceparent": traceparent, "tracestate": "a=b", "baggage": "user=alice" },
    }))
}

async fn call(gateway: &Gateway, tool: &str) -> Result<Answer> {
    let ask = Ask::modern_raw("1", "tools/call", &called(tool, &parent(1)));
    gateway.client().send(ask.header("mcp-name", tool)).await
}

/// The tree in words: one line a span, its fate and its events.
fn tree(spans: &[Span]) -> String {
    let mut out = String::new();
    for span in spans {
        let kind = if span.is_server() { "SERVER" } else { "  CLIENT" };
        let error = span.attribute("error.type").unwrap_or_else(|| "ok".to_owned());
        let red = if span.is_error() { " (error)" } else { "" };
        let resent = span.attribute("http.request.resend_count");
        let resent = resent.map(|n| format!(" resend {n}")).unwrap_or_default();
        let linked = if span.links().is_empty() { "" } else { " linked" };
        let written = writeln!(out, "{kind} {} {error}{red}{resent}{linked}", span.name());
        debug_assert!(written.is_ok(), "a string takes any text");
    }
    out
}

/// The tree hangs together: the call below its caller, each attempt below the call, and no two of
/// them under one id.
fn hangs_together(spans: &[Span], caller: &str) -> Result<()> {
    let ids: BTreeSet<String> = spans.iter().map(Span::id).collect();
    ensure!(ids.len() == spans.len(), "two spans have one id: {spans:?}");
    let (call, attempts) = spans.split_first().context("no spans")?;
    ensure!(call.is_server() && call.parent() == caller, "{call:?}");
    for attempt in attempts {
        ensure!(!attempt.is_server() && attempt.parent() == call.id(), "{attempt:?}");
    }
    Ok(())
}

/// The target was given the span of the attempt, in header and `_meta`, and nothing of the caller's.
fn told(seen: &Seen, attempt: &Span) -> Result<()> {
    let ours = format!("00-{TRACE}-{}-01", attempt.id());
    ensure!(seen.header("traceparent") == Some(&ours), "{seen:?}");
    let meta = &seen.json()["params"]["_meta"];
    ensure!(meta["traceparent"] == ours.as_str(), "{meta}");
    ensure!(meta.get("baggage").is_none(), "{meta}");
    ensure!(!seen.json().to_string().contains(CALLER), "the caller's span got through: {seen:?}");
    Ok(())
}

fn last_call(sick: &Sick) -> Result<Seen> {
    sick.seen().into_iter().rfind(|seen| seen.method == "tools/call").context("no call")
}

#[tokio::test]
async fn a_call_is_a_span_below_its_caller_in_all_four_cells() -> Result<()> {
    for era in [Era::Modern, Era::Legacy] {
        let (sick, collector) = (Sick::start(era).await?, Collector::start().await?);
        let gateway = before(&sick, &collector, "").await?;
        call(&gateway, "sick___read").await?.result()?;
        let spans = collector.trace(TRACE).await?;
        assert_eq!(tree(&spans), "SERVER tools/call read ok\n  CLIENT tools/call read ok\n");
        hangs_together(&spans, CALLER)?;
        told(&last_call(&sick)?, &spans[1])?;
        let phases = spans[0].events();
        assert!(phases.starts_with(&["read"]) && phases.ends_with(&["write"]), "{phases:?}");

        // A session of the older era says it in a header.
        let session = gateway.client().session().await?;
        let params = json!({ "name": "sick___read", "arguments": {} }).to_string();
        let trace = "11111111111111111111111111111111";
        let ask = Ask::on_session(&session.id, message("7", "tools/call", &params));
        let ask = ask.header("traceparent", &format!("00-{trace}-{CALLER}-01"));
        gateway.client().send(ask).await?.result()?;
        let spans = collector.trace(trace).await?;
        assert_eq!(tree(&spans), "SERVER tools/call read ok\n  CLIENT tools/call read ok\n");
        hangs_together(&spans, CALLER)?;
        assert_eq!(spans[0].attribute("toolgate.session").as_deref(), Some("true"));
        let seen = last_call(&sick)?;
        let ours = format!("00-{trace}-{}-01", spans[1].id());
        assert_eq!(seen.header("traceparent"), Some(&*ours));
        assert_eq!(seen.json()["params"]["_meta"]["traceparent"], ours);
    }
    Ok(())
}

#[tokio::test]
async fn the_tree_tells_what_became_of_the_call() -> Result<()> {
    let failed = || Act::page("503 Service Unavailable", "text/plain", "");
    let refused = r#"{"content":[{"type":"text","text":"no"}],"isError":true}"#.to_owned();
    let cases = [
        (
            "sick___read",
            vec![failed(), Act::Answer],
            "SERVER tools/call read ok\n  CLIENT tools/call read upstream_5xx (error)\n  \
             CLIENT tools/call read ok resend 1 linked\n",
        ),
        (
            "sick___write",
            vec![Act::Result(refused)],
            "SERVER tools/call write tool_error (error)\n  \
             CLIENT tools/call write tool_error (error)\n",
        ),
        (
            "sick___write",
            vec![Act::Stream(Shape::Notices(3))],
            "SERVER tools/call write ok\n  CLIENT tools/call write ok\n",
        ),
        (
            "sick___write",
            vec![Act::Hang],
            "SERVER tools/call write timeout_first_byte (error)\n  \
             CLIENT tools/call write timeout_first_byte (error)\n",
        ),
        ("sick___none", vec![], "SERVER tools/call target_unknown\n"),
    ];
    for (tool, acts, wanted) in cases {
        let (sick, collector) = (Sick::start(Era::Modern).await?, Collector::start().await?);
        let gateway = before(&sick, &collector, "").await?;
        sick.then(acts);
        let answer = call(&gateway, tool).await?;
        let spans = collector.trace(TRACE).await?;
        assert_eq!(tree(&spans), wanted, "{answer:?}");
        hangs_together(&spans, CALLER)?;
    }
    Ok(())
}

#[tokio::test]
async fn what_was_never_sent_has_no_attempt_and_what_was_cut_off_says_so() -> Result<()> {
    let (sick, collector) = (Sick::start(Era::Modern).await?, Collector::start().await?);
    let gateway = before(&sick, &collector, "").await?;
    let failed = || Act::page("500 Internal Server Error", "text/plain", "");
    sick.then([failed(), failed()]);
    for _ in 0..2 {
        gateway.client().tool("sick___write", json!({})).await?;
    }
    call(&gateway, "sick___write").await?;
    let spans = collector.trace(TRACE).await?;
    assert_eq!(tree(&spans), "SERVER tools/call write circuit_open (error)\n");

    let (sick, collector) = (Sick::start(Era::Modern).await?, Collector::start().await?);
    let gateway = before(&sick, &collector, "").await?;
    gateway.client().tool("sick___read", json!({})).await?.result()?;
    sick.then([Act::Hang]);
    let client = gateway.client();
    let ask = Ask::modern_raw("1", "tools/call", &called("sick___write", &parent(1)));
    let ask = ask.header("mcp-name", "sick___write");
    let leaving = tokio::spawn(async move { client.send(ask).await });
    sick.until_called("write", 1).await?;
    leaving.abort();
    let spans = collector.trace(TRACE).await?;
    // That the caller left is no failure of the server; the attempt was cut off.
    let wanted = "SERVER tools/call write client_cancelled\n  \
                  CLIENT tools/call write client_cancelled (error)\n";
    assert_eq!(tree(&spans), wanted);
    Ok(())
}

#[tokio::test]
async fn denials_and_failures_are_kept_though_nobody_samples() -> Result<()> {
    let (issuer, sick) = (Issuer::start().await?, Sick::start(Era::Modern).await?);
    let collector = Collector::start().await?;
    let (url, otlp, iss) = (sick.url(), collector.url(), issuer.url());
    let config = format!(
        "auth:\n  issuers: [{{ name: test, profile: cognito, issuer: \"{iss}\", clients: [\"{CLIENT_ID}\"] }}]\n  \
         scopes: [gateway/invoke]\n\
         traces: {{ sample: 0, otlp: {{ endpoint: \"{otlp}\", protocol: grpc }} }}\n\
         targets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n\
         tools:\n  sick___write: {{ scopes: [sick/write] }}\n"
    );
    let gateway = Gateway::start(&config).await?;
    let allowed = gateway.client().with_token(issuer.token(&["gateway/invoke"]));
    allowed.tool("sick___read", json!({})).await?.result()?;
    let denied = allowed.tool("sick___write", json!({})).await?;
    let nobody = gateway.client().tool("sick___read", json!({})).await?;
    for (answer, reason) in [(&denied, "forbidden"), (&nobody, "unauthenticated")] {
        let line = gateway.line_of(answer).await?;
        let spans = collector.trace(line["trace_id"].as_str().context("no trace id")?).await?;
        let error = spans[0].attribute("error.type");
        assert_eq!(error.as_deref(), Some(reason));
        assert_eq!(spans[0].attribute("toolgate.sampling.reason").as_deref(), Some("denied"));
        assert_eq!(line["sampled"], true);
    }
    // What went well and nobody asked for is not there.
    assert!(collector.spans().iter().all(|span| span.attribute("error.type").is_some()));
    Ok(())
}

#[tokio::test]
async fn a_load_balancers_header_is_a_trace_of_which_the_gateway_decides() -> Result<()> {
    let (sick, collector) = (Sick::start(Era::Modern).await?, Collector::start().await?);
    let (url, otlp) = (sick.url(), collector.url());
    let config = format!(
        "{OPEN}traces: {{ sample: 1, otlp: {{ endpoint: \"{otlp}\" }} }}\n\
         targets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n"
    );
    let gateway = Gateway::start(&config).await?;
    let ask = Ask::tool("sick___read", json!({}));
    let ask = ask.header("x-amzn-trace-id", "Root=1-67000000-0123456789abcdef01234567");
    gateway.client().send(ask).await?.result()?;
    let spans = collector.trace("670000000123456789abcdef01234567").await?;
    assert_eq!(tree(&spans), "SERVER tools/call read ok\n  CLIENT tools/call read ok\n");
    hangs_together(&spans, "")
}

/// So many calls, all sampled.
async fn calls(gateway: &Gateway, count: usize) -> Result<()> {
    let client = gateway.client();
    for _ in 0..count {
        let ask = Ask::tool("sick___read", json!({})).header("traceparent", &parent(1));
        client.send(ask).await?.result()?;
    }
    Ok(())
}

/// Every span is accounted for: `spans` of them in all.
async fn accounted(gateway: &Gateway, collector: &Collector, spans: f64) -> Result<Value> {
    until(format!("{spans} spans are accounted for"), async || {
        let metrics = gateway.metrics().await?;
        let items = |outcome| {
            let labels = [("signal", "traces"), ("outcome", outcome)];
            metrics.sum("toolgate_telemetry_items_total", &labels)
        };
        let (exported, dropped) = (items("exported"), items("dropped"));
        let arrived = collector.spans().len();
        let known = exported + dropped;
        let all = known == spans && exported == f64::from(u32::try_from(arrived)?);
        Ok(all.then(|| json!(metrics.by("toolgate_telemetry_items_total", "reason"))))
    })
    .await
}

#[tokio::test]
async fn a_batch_that_is_refused_for_now_is_sent_again_and_one_refused_for_good_is_counted()
-> Result<()> {
    let (sick, collector) = (Sick::start(Era::Modern).await?, Collector::start().await?);
    let gateway = before(&sick, &collector, "").await?;
    collector.refuse([503, 429]);
    calls(&gateway, 5).await?;
    let reasons = accounted(&gateway, &collector, 10.0).await?;
    assert_eq!(collector.spans().len(), 10, "{reasons}");
    collector.refuse_all(400);
    calls(&gateway, 5).await?;
    let reasons = accounted(&gateway, &collector, 20.0).await?;
    assert_eq!(reasons["http_4xx"], 10.0, "{reasons}");
    Ok(())
}

#[tokio::test]
async fn a_collector_that_is_gone_costs_no_call_and_every_span_is_counted() -> Result<()> {
    let (sick, collector) = (Sick::start(Era::Modern).await?, Collector::start().await?);
    let gateway = before(&sick, &collector, "").await?;
    let held = Arc::new(Semaphore::new(0));
    collector.hold(&held);
    calls(&gateway, 20).await?;
    // It answers nothing within the limit of an attempt; the calls were answered all the same.
    let reasons = accounted(&gateway, &collector, 40.0).await?;
    assert_eq!(reasons["timeout"], 40.0, "{reasons}");
    Ok(())
}

#[tokio::test]
async fn an_exemplar_names_a_trace_that_the_collector_has() -> Result<()> {
    let (sick, collector) = (Sick::start(Era::Modern).await?, Collector::start().await?);
    let gateway = before(&sick, &collector, "").await?;
    // Nobody samples the first call; the second one is its caller's wish.
    gateway.client().tool("sick___read", json!({})).await?.result()?;
    call(&gateway, "sick___read").await?.result()?;
    let ask = Ask::get("/metrics").header("accept", "application/openmetrics-text; version=1.0.0");
    let address = gateway.admin_url().replace("http://", "").parse()?;
    let text = Client::new(address).send(ask).await?.text();
    assert!(text.ends_with("# EOF\n"));
    let named: Vec<&str> =
        text.lines().filter_map(|line| line.split_once("trace_id=\"")?.1.get(..32)).collect();
    assert_eq!(named, [TRACE], "{text}");
    collector.trace(TRACE).await?;
    Ok(())
}

#[tokio::test]
async fn the_last_spans_go_out_before_the_gateway_exits() -> Result<()> {
    let (sick, collector) = (Sick::start(Era::Modern).await?, Collector::start().await?);
    let gateway = before(&sick, &collector, "").await?;
    call(&gateway, "sick___read").await?.result()?;
    let stopped = gateway.stop().await?;
    assert!(stopped.status.success());
    assert_eq!(collector.spans().len(), 2, "{}", stopped.stderr);
    Ok(())
}
