//! Whatever the agent counts is counted by the real program.

use std::sync::Arc;

use anyhow::{Result, ensure};
use serde_json::json;
use toolgate_tests::tokens::Tokens;
use toolgate_tests::wait::until;

use super::{House, scripted};

/// Families that a turn with a tool, memory and a priced model feeds.
const FED: [&str; 17] = [
    "gen_ai_invoke_agent_duration_seconds_count",
    "toolgate_agent_interactions_total",
    "toolgate_agent_phase_duration_seconds_count",
    "toolgate_agent_first_word_duration_seconds_count",
    "gen_ai_client_operation_duration_seconds_count",
    "gen_ai_client_operation_time_to_first_chunk_seconds_count",
    "gen_ai_client_token_usage_count",
    "toolgate_agent_tokens_total",
    "toolgate_agent_cost_usd_sum",
    "gen_ai_invoke_agent_inference_calls_count",
    "gen_ai_invoke_agent_tool_calls_count",
    "gen_ai_execute_tool_duration_seconds_count",
    "toolgate_agent_tool_calls_total",
    "toolgate_agent_tools",
    "toolgate_agent_memory_duration_seconds_count",
    "toolgate_agent_memory_operations_total",
    "toolgate_agent_token_renewals_total",
];

#[tokio::test]
async fn a_turn_feeds_every_family_that_it_should() -> Result<()> {
    let house = House::start("", "").await?;
    let endpoint = Tokens::start(Arc::clone(&house.issuer), 3600).await?;
    let script = json!([{ "replies": [
        { "tools": [{ "name": "clock___now", "input": {} }] },
        { "text": "It is late.", "usage": { "input": 100, "output": 10 } },
    ] }]);
    let (_script, mut settings) = scripted(&script)?;
    let catalogue =
        json!([{ "key": "script", "provider": "script", "input_usd": 3, "output_usd": 15 }]);
    settings.retain(|(key, _)| *key != "model/catalogue");
    settings.extend([
        ("model/catalogue", catalogue.to_string()),
        ("gateway/url", house.gateway.mcp_url()),
        ("gateway/token_url", endpoint.url()),
        ("gateway/client_id", "agent".to_owned()),
        ("gateway/client_secret", "s3cret".to_owned()),
    ]);
    let agent = toolgate_tests::agent::Agent::start(&settings).await?;
    let said = agent.ask("s1", "what time is it?").await?;
    ensure!(said["end"]["cost_usd"].as_f64().is_some_and(|cost| cost > 0.0), "{said}");
    until("the turn is written to memory", async || {
        let labels = [("operation", "create"), ("error_type", "")];
        let metrics = agent.metrics().await?;
        let kept = metrics.sum("toolgate_agent_memory_operations_total", &labels);
        Ok((kept >= 1.0).then_some(()))
    })
    .await?;
    let metrics = agent.metrics().await?;
    let unfed: Vec<_> = FED.iter().filter(|name| metrics.sum(name, &[]) <= 0.0).collect();
    ensure!(unfed.is_empty(), "nothing feeds {unfed:?}");
    let tools = metrics.sum("toolgate_agent_tools", &[]);
    ensure!(tools > 2.0, "{tools} tools");
    Ok(())
}
