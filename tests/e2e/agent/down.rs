//! Each thing that the agent depends on, gone: it answers, and says what is missing.

use anyhow::{Result, ensure};
use serde_json::json;
use toolgate_tests::agent::Agent;
use toolgate_tests::bedrock::{Bedrock, Reply};
use toolgate_tests::emulator::CREDENTIALS;
use toolgate_tests::gateway::free_address;
use toolgate_tests::story;
use toolgate_tests::wait::until;

use super::{House, answer, ensure_ended, part, scripted};

#[tokio::test]
async fn without_its_gateway_it_answers_and_says_so() -> Result<()> {
    let nobody = free_address()?;
    let (_script, mut settings) =
        scripted(&json!([{ "replies": [{ "text": "From what I know." }] }]))?;
    settings.push(("gateway/url", format!("http://{nobody}/mcp")));
    let agent = Agent::start(&settings).await?;
    let said = agent.ask("s1", "what runs?").await?;
    ensure_ended(&said, "answered", &["gateway"])?;
    assert_eq!(answer(&said)?, "From what I know.");
    let (status, ready) = agent.ready().await?;
    ensure!(status == 200 && part(&ready, "gateway")?["ok"] == false, "{ready}");
    let missing = agent.metrics().await?;
    let missing = missing.sum("toolgate_agent_degraded_total", &[("missing", "gateway")]);
    ensure!((missing - 1.0).abs() < f64::EPSILON, "{missing}");
    Ok(())
}

#[tokio::test]
async fn a_target_that_is_gone_is_named() -> Result<()> {
    let nobody = free_address()?;
    let target = format!("  shop: {{ mcp: {{ url: \"http://{nobody}/mcp\" }} }}\n");
    let house = House::start(&target, "").await?;
    let agent = house.agent(&[]).await?;
    let mut events = agent.stream("s1", "what time is it?").await?;
    let told = loop {
        let event = events.next_message().await?;
        match event["type"].as_str() {
            Some("degraded") => break event,
            Some("turn.end") => anyhow::bail!("nothing is said to be missing: {event}"),
            _ => {}
        }
    };
    assert_eq!(told["what"], "tools");
    ensure!(told["says"].as_str().unwrap_or_default().contains("shop (connect_refused)"), "{told}");
    Ok(())
}

#[tokio::test]
async fn without_its_model_it_says_whose_fault_that_is() -> Result<()> {
    let nobody = free_address()?;
    let catalogue = json!([{ "key": "local", "provider": "openai", "id": "m" }]);
    let house = House::start("", "").await?;
    let settings = [
        ("model/openai_url", format!("http://{nobody}/v1")),
        ("model/catalogue", catalogue.to_string()),
    ];
    let agent = house.agent(&settings).await?;
    let said = agent.ask("s1", "what time is it?").await?;
    ensure_ended(&said, "model_failed", &[])?;
    ensure!(said["end"]["retry_safe"] == true && said["end"]["says"].is_string(), "{said}");
    let failed = agent.metrics().await?;
    let labels = [("gen_ai_request_model", "local"), ("outcome", "model_failed")];
    let failed = failed.sum("toolgate_agent_interactions_total", &labels);
    ensure!((failed - 1.0).abs() < f64::EPSILON, "{failed}");
    Ok(())
}

#[tokio::test]
async fn without_memory_it_answers_and_says_so() -> Result<()> {
    let house = House::start("", "").await?;
    let agent = house.agent(&[("memory/backend", "off".to_owned())]).await?;
    let said = agent.ask("s1", "what time is it?").await?;
    ensure_ended(&said, "answered", &["memory"])?;
    ensure!(answer(&said)?.starts_with("`clock___now` says:"), "{said}");
    let without = [("missing", "memory")];
    let without = agent.metrics().await?.sum("toolgate_agent_degraded_total", &without);
    ensure!((without - 1.0).abs() < f64::EPSILON, "{without}");
    Ok(())
}

#[tokio::test]
async fn without_memory_a_session_goes_on_as_long_as_the_process_lives() -> Result<()> {
    let hello = Reply::default().text("Hello.").stop("end_turn", (1, 1));
    let bedrock = Bedrock::saying([hello]).await?;
    let catalogue = json!([{ "key": "claude", "provider": "bedrock", "id": "m" }]);
    let settings = [
        ("memory/backend", "off".to_owned()),
        ("model/catalogue", catalogue.to_string()),
        ("aws/endpoint", bedrock.url()),
        ("aws/region", "us-east-1".to_owned()),
    ];
    let agent = Agent::start_with(&settings, &CREDENTIALS).await?;
    for (session, question) in [("s1", "I am Ann."), ("s1", "Who am I?"), ("s2", "And here?")] {
        let said = agent.ask(session, question).await?;
        ensure_ended(&said, "answered", &["memory", "gateway"])?;
    }
    let asked = bedrock.asked();
    let shown: Vec<_> = asked.iter().map(|asked| asked.body["messages"].to_string()).collect();
    let [_, same, other] = shown.as_slice() else { anyhow::bail!("{shown:?}") };
    ensure!(same.contains("I am Ann.") && same.contains("Hello."), "{same}");
    ensure!(!other.contains("I am Ann."), "of another session: {other}");
    assert_eq!(bedrock.complaints(), [""; 0]);
    Ok(())
}

#[tokio::test]
async fn without_a_collector_it_answers_and_counts_what_is_lost() -> Result<()> {
    let nobody = free_address()?;
    let house = House::start("", "").await?;
    let agent = house.agent(&[("telemetry/otlp_endpoint", format!("http://{nobody}"))]).await?;
    let said = agent.ask("s1", "what time is it?").await?;
    ensure_ended(&said, "answered", &[])?;
    let lost = until("the lost spans are counted", async || {
        let metrics = agent.metrics().await?;
        let lost = [("signal", "traces"), ("outcome", "dropped"), ("reason", "connect")];
        let lost = metrics.sum("toolgate_telemetry_items_total", &lost);
        Ok((lost > 0.0).then_some(lost))
    })
    .await?;
    story::broke("the agent's collector of traces is gone");
    story::said("the agent", answer(&said)?);
    story::said("it counts", &format!("{lost} spans dropped, for want of a connection"));
    Ok(())
}
