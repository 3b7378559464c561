//! One trace from the caller to the tool.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use toolgate_tests::collector::{Collector, Span};
use toolgate_tests::sick::{Era, Sick};
use toolgate_tests::wait::until;

use super::{House, scripted};

fn named<'a>(spans: &'a [Span], name: &str) -> Result<&'a Span> {
    let found = spans.iter().find(|span| span.name().starts_with(name));
    let all: Vec<_> = spans.iter().map(Span::name).collect();
    found.with_context(|| format!("no {name} in {all:?}"))
}

#[tokio::test]
async fn agent_model_memory_gateway_and_tool_are_in_one_trace() -> Result<()> {
    let (collector, sick) = (Collector::start().await?, Sick::start(Era::Modern).await?);
    let (to, url) = (collector.url(), sick.url());
    let target = format!("  shop: {{ mcp: {{ url: \"{url}\" }} }}\n");
    let traces = format!("traces: {{ otlp: {{ endpoint: \"{to}\" }} }}\n");
    let house = House::start(&target, &traces).await?;
    let script = json!([{ "replies": [
        { "tools": [{ "name": "shop___read", "input": { "text": "x" } }] },
        { "text": "done" },
    ] }]);
    let (_script, mut settings) = scripted(&script)?;
    settings.push(("telemetry/otlp_endpoint", to));
    let agent = house.agent(&settings).await?;
    let said = agent.ask("s1", "go").await?;
    let id = said["trace"].as_str().context("no trace")?;
    let spans = until("both have sent their spans", async || {
        let spans: Vec<_> =
            collector.spans().into_iter().filter(|span| span.trace() == id).collect();
        let whole = named(&spans, "invoke_agent").is_ok() && named(&spans, "tools/call").is_ok();
        Ok(whole.then_some(spans))
    })
    .await?;
    let turn = named(&spans, "invoke_agent")?;
    let tool = named(&spans, "execute_tool")?;
    let server =
        spans.iter().find(|span| span.name().starts_with("tools/call") && span.is_server());
    let server = server.context("no span of the gateway")?;
    for name in ["chat", "execute_tool", "search_memory"] {
        assert_eq!(named(&spans, name)?.parent(), turn.id(), "{name}");
    }
    assert_eq!(server.parent(), tool.id(), "the gateway's span is the tool's");
    ensure!(turn.attribute("gen_ai.operation.name").as_deref() == Some("invoke_agent"));
    let attempts = spans.iter().filter(|span| span.parent() == server.id()).count();
    ensure!(attempts >= 1, "no attempt at the target");
    // The target is told the same trace.
    let seen = sick.seen();
    let call = seen.iter().find(|seen| seen.tool == "read").context("no call")?;
    let parent = call.header("traceparent").context("no traceparent")?;
    ensure!(parent.contains(id), "{parent} is not of {id}");
    Ok(())
}
