//! Where the time of a turn goes.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use toolgate_tests::agent::Agent;
use toolgate_tests::provider::Provider;
use toolgate_tests::upstream::Upstream;
use toolgate_tests::wait::until;

use super::{House, ensure_ended, scripted};

const THINK: u64 = 500;
const TOOL: u64 = 800;

#[tokio::test]
async fn two_tools_that_do_not_wait_for_each_other_overlap() -> Result<()> {
    let upstream = Upstream::start("modern").await?;
    let target = format!("  shop: {{ mcp: {{ url: \"{}\" }} }}\n", upstream.url());
    let house = House::start(&target, "").await?;
    let slow = json!({ "name": "shop___slow", "input": { "ms": TOOL } });
    let script = json!([{ "replies": [
        { "think_ms": THINK, "tools": [slow, slow] },
        { "think_ms": THINK, "text": "done" },
    ] }]);
    let (_script, settings) = scripted(&script)?;
    let agent = house.agent(&settings).await?;
    // The first turn lists the tools and opens connections.
    agent.ask("s1", "warm").await?;
    let began = Instant::now();
    let said = agent.ask("s1", "go").await?;
    let took = began.elapsed().as_millis();
    ensure_ended(&said, "answered", &[])?;
    let times = &said["end"]["times"];
    let ms = |name: &str| times[name].as_f64().with_context(|| times.to_string());
    let most = u128::from(2 * THINK + TOOL + 100);
    ensure!(took <= most, "{took} ms, at most {most}: {times}");
    ensure!(ms("tool_execution_ms")? < 1.5 * f64::from(u32::try_from(TOOL)?), "{times}");
    ensure!(ms("overhead_ms")? <= 50.0, "{times}");
    let line = until("the turn is logged", async || {
        let lines = agent.interactions()?;
        Ok(lines.into_iter().find(|line| line["request_id"] == said["requestId"]))
    })
    .await?;
    ensure!(line["tools_used"] == json!(["shop___slow", "shop___slow"]), "{line}");
    ensure!(line.to_string().find("\"go\"").is_none(), "the log has no words of users: {line}");
    Ok(())
}

#[tokio::test]
async fn words_are_passed_on_as_they_come() -> Result<()> {
    let script = json!([{ "replies": [{ "delta_ms": 300, "text": "one two three" }] }]);
    let (_script, settings) = scripted(&script)?;
    let agent = Agent::start(&settings).await?;
    let mut events = agent.stream("s1", "go").await?;
    let mut heard = Vec::new();
    let active =
        async || anyhow::Ok(agent.metrics().await?.sum("toolgate_agent_turns_active", &[]));
    ensure!((active().await? - 1.0).abs() < f64::EPSILON, "one turn goes on");
    loop {
        let event = events.next_message().await?;
        match event["type"].as_str() {
            Some("text") => heard.push((Instant::now(), event["delta"].clone())),
            Some("turn.end") => break,
            _ => {}
        }
    }
    let [(first, _), .., (last, _)] = heard.as_slice() else { anyhow::bail!("{heard:?}") };
    ensure!(heard.len() == 3, "{heard:?}");
    ensure!(last.duration_since(*first).as_millis() >= 500, "they came at once: {heard:?}");
    Ok(())
}

/// From the provider's write to what whoever asked has read: within 20 ms, all but two of fifty.
#[tokio::test]
async fn the_first_word_is_passed_on_within_20_ms() -> Result<()> {
    const TURNS: usize = 50;
    let provider = Provider::start().await?;
    let catalogue = json!([{ "key": "m", "provider": "openai" }]);
    let agent = Agent::start(&[
        ("model/openai_url", provider.url()),
        ("model/catalogue", catalogue.to_string()),
    ])
    .await?;
    let mut heard = Vec::with_capacity(TURNS);
    for turn in 0..TURNS {
        let mut events = agent.stream(&format!("s{turn}"), "go").await?;
        let mut first = None;
        loop {
            let event = events.next_message().await?;
            match event["type"].as_str() {
                Some("text") => _ = first.get_or_insert_with(Instant::now),
                Some("turn.end") => break ensure!(event["reason"] == "answered", "{event}"),
                _ => {}
            }
        }
        heard.push(first.context("no word")?);
    }
    let sent = provider.sent();
    ensure!(sent.len() == TURNS, "{} replies", sent.len());
    let pairs = heard.iter().zip(&sent);
    let mut took = pairs.map(|(heard, sent)| heard.duration_since(*sent)).collect::<Vec<_>>();
    took.sort_unstable();
    let (median, late) = (took[TURNS / 2], took[TURNS - 3]);
    println!("the first word: {median:?} (median), {late:?} (48 of 50)");
    ensure!(late <= Duration::from_millis(20), "{took:?}");
    Ok(())
}
