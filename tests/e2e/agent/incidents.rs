//! Incidents, as whoever is on call meets them.
//!
//! Others run where their subject is: alarms that do not page for a normal mix (`live`), the
//! issuer's outage and its new key (`auth`), a tool whose contract breaks (`pins`), backends of telemetry
//! that are down (`faults`). `tests/incidents` runs all ten, each under its name.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use toolgate_tests::agent::Agent;
use toolgate_tests::herald::{Era as HeraldEra, Herald, tool};
use toolgate_tests::page::Page;
use toolgate_tests::process::{Scratch, binary};
use toolgate_tests::sick::{Act, Era, Sick};
use toolgate_tests::story;
use toolgate_tests::tokens::Tokens;
use toolgate_tests::wait::until;

use super::{House, answer, ensure_ended, part, scripted, written};
use crate::expect::OPEN;

fn ms(said: &Value, part: &str) -> Result<f64> {
    said["end"]["times"][part].as_f64().with_context(|| said.to_string())
}

/// The parts of an answer's time, as the page's bar shows them.
fn bar(said: &Value) -> Result<String> {
    let parts =
        ["memory_retrieval_ms", "llm_inference_ms", "tool_execution_ms", "overhead_ms", "total_ms"];
    let parts = parts.map(|part| Ok(format!("{part} {:.0}", ms(said, part)?)));
    Ok(parts.into_iter().collect::<Result<Vec<_>>>()?.join(", "))
}

/// "Web answers take 32 s": the model is asked three times, and that is what the bar shows; asked once
/// and with its tools at the same time, the bar shrinks.
#[tokio::test]
async fn a_slow_answer_shows_which_part_is_slow() -> Result<()> {
    let sick = Sick::start(Era::Modern).await?;
    let target = format!("  web: {{ mcp: {{ url: \"{}\" }} }}\n", sick.url());
    let house = House::start(&target, "").await?;
    let read = json!({ "name": "web___read", "input": {} });
    let script = json!([
        { "match": "slowly", "replies": [
            { "think_ms": 400, "tools": [read] },
            { "think_ms": 400, "tools": [read] },
            { "think_ms": 400, "text": "done" },
        ] },
        { "replies": [{ "think_ms": 400, "tools": [read, read] }, { "think_ms": 0, "text": "done" }] },
    ]);
    let (_script, settings) = scripted(&script)?;
    let agent = house.agent(&settings).await?;
    let slow = agent.ask("s1", "answer slowly").await?;
    ensure!(ms(&slow, "llm_inference_ms")? >= 1200.0, "{slow}");
    ensure!(ms(&slow, "tool_execution_ms")? < 400.0, "the tools are not to blame: {slow}");
    let fast = agent.ask("s2", "answer").await?;
    ensure!(ms(&fast, "total_ms")? < ms(&slow, "total_ms")? / 2.0, "{fast}\n{slow}");
    story::broke(
        "an answer takes three times as long as it might: its model is asked three times, 400 ms each",
    );
    story::said("the bar", &bar(&slow)?);
    story::said("asked once", &bar(&fast)?);
    story::points_to(
        "llm_inference_ms, not tool_execution_ms: fewer steps, or tools asked for at the same time",
    );
    // A warm turn asks for no list: there is the first, and one once the agent hears of changes.
    for _ in 0..3 {
        agent.ask("s3", "answer").await?;
    }
    let lists = house.gateway.metrics().await?;
    let lists = lists.sum("toolgate_requests_total", &[("mcp_method_name", "tools/list")]);
    ensure!((1.0..=2.0).contains(&lists), "{lists} lists in five turns");
    Ok(())
}

/// "Minute 61": tokens roll over again and again, and nobody is told 401.
#[tokio::test]
async fn tokens_roll_over_and_no_call_is_refused() -> Result<()> {
    let house = House::start("", "").await?;
    // Renewed when two thirds of so short a life are over.
    let endpoint = Tokens::start(Arc::clone(&house.issuer), 3).await?;
    let agent = Agent::start(&[
        ("gateway/url", house.gateway.mcp_url()),
        ("gateway/token_url", endpoint.url()),
        ("gateway/client_id", "agent".to_owned()),
        ("gateway/client_secret", "s3cret".to_owned()),
        ("gateway/scopes", super::SCOPES.join(",")),
    ])
    .await?;
    let mut asked = 0_u32;
    until("four tokens were fetched", async || {
        asked += 1;
        let said = agent.ask("s1", "what time is it?").await?;
        ensure_ended(&said, "answered", &[])?;
        ensure!(answer(&said)?.starts_with("`clock___now` says:"), "{said}");
        Ok((endpoint.fetched() >= 4).then_some(()))
    })
    .await?;
    let metrics = house.gateway.metrics().await?;
    let refused = metrics.sum("toolgate_auth_requests_total", &[("outcome", "rejected")]);
    ensure!(refused.abs() < f64::EPSILON, "{refused} of {asked} turns were refused");
    story::broke("the agent's token ends every 3 s (an hour, in earnest)");
    let told =
        format!("{asked} questions answered with {} tokens, none refused", endpoint.fetched());
    story::said("the gateway", &told);
    story::points_to(
        "toolgate_agent_token_renewals_total; when renewals fail, alarms/runbooks/ToolgateAgentTokenFailing.md",
    );
    Ok(())
}

/// "It forgot my cluster": what was attempted, kept and found is counted, and what is missing is said.
#[tokio::test]
async fn what_memory_does_is_counted_and_what_it_lacks_is_said() -> Result<()> {
    let house = House::start("", "").await?;
    let agent = house.agent(&[]).await?;
    agent.ask("one", "Our staging cluster is called blue-7.").await?;
    written(&agent).await?;
    let asked = agent.ask("two", "What is our staging cluster called?").await?;
    ensure!(answer(&asked)?.contains("blue-7"), "{asked}");
    let count = async |operation: &str| -> Result<f64> {
        let labels = [("operation", operation), ("error_type", "")];
        Ok(agent.metrics().await?.sum("toolgate_agent_memory_operations_total", &labels))
    };
    until("both turns are kept", async || Ok((count("create").await? >= 2.0).then_some(())))
        .await?;
    ensure!(count("search").await? >= 2.0, "attempted");
    let line = until("the turn is logged", async || {
        let lines = agent.interactions()?;
        Ok(lines.into_iter().find(|line| line["request_id"] == asked["requestId"]))
    })
    .await?;
    ensure!(line["memory_events_retrieved"].as_u64() >= Some(1), "retrieved: {line}");
    let forgetful = house.agent(&[("memory/backend", "off".to_owned())]).await?;
    story::broke(
        "\"it forgot my cluster\": one agent remembers, the other was started with its memory off",
    );
    story::said("the agent", answer(&asked)?);
    let counts = (count("create").await?, count("search").await?, &line["memory_events_retrieved"]);
    let told = format!(
        "{} turns kept, {} searches, {} records found for the question",
        counts.0, counts.1, counts.2
    );
    story::said("one counts", &told);
    let forgot = forgetful.ask("two", "What is our staging cluster called?").await?;
    ensure_ended(&forgot, "answered", &["memory"])?;
    let (_, ready) = forgetful.ready().await?;
    let says = &part(&ready, "memory")?["says"];
    ensure!(says == "switched off", "{ready}");
    story::said(
        "the other",
        &format!("degraded {}, /ready: memory {says}", forgot["end"]["degraded"]),
    );
    story::points_to(
        "`memory/backend` of the settings; toolgate_agent_memory_operations_total; alarms/runbooks/ToolgateAgentMemoryFailing.md",
    );
    Ok(())
}

/// "Empty search results": a search engine that bars us is a failure, and no "nothing was found".
#[tokio::test]
async fn a_search_that_is_barred_is_not_empty() -> Result<()> {
    let barred = Page::serve(429, "{}").await?;
    let target = format!("  web: {{ builtin: web_search, url: \"{}\" }}\n", barred.url());
    let house = House::start(&target, "").await?;
    let agent = house.agent(&[]).await?;
    let said = agent.ask("s1", "search the web for rust news").await?;
    ensure!(answer(&said)?.starts_with("`web___web_search` (query = "), "{said}");
    ensure!(answer(&said)?.contains("failed:"), "{said}");
    ensure!(answer(&said)?.contains("rate"), "{said}");
    ensure!(said["end"]["tools_used"] == json!(["web___web_search"]), "{said}");
    story::broke("the search engine bars us: 429 for every question");
    story::said("the agent", answer(&said)?);
    story::points_to(
        "the target `web`: the engine's limit, or another `engine`; nothing was \"not found\"",
    );
    Ok(())
}

/// "One slow target": others are not affected, its circuit opens, the agent names it, and it recovers alone.
#[tokio::test]
async fn one_slow_target_is_named_and_recovers_alone() -> Result<()> {
    let (slow, fine) = (Sick::start(Era::Modern).await?, Sick::start(Era::Modern).await?);
    let target = format!(
        "  slow: {{ mcp: {{ url: \"{}\" }}, timeout: 200ms, retry: {{ attempts: 1 }}, \
         breaker: {{ failures: 3, open: 1s }} }}\n  fine: {{ mcp: {{ url: \"{}\" }} }}\n",
        slow.url(),
        fine.url()
    );
    let house = House::start(&target, "").await?;
    let caller = house.gateway.client().with_token(house.issuer.token(&["gateway/invoke"]));
    slow.then([Act::Hang, Act::Hang, Act::Hang]);
    for _ in 0..4 {
        caller.tool("slow___read", json!({})).await?;
        ensure!(caller.tool("fine___read", json!({})).await?.result().is_ok(), "others suffer");
    }
    let agent = house.agent(&[]).await?;
    let said = agent.ask("s1", FAILED).await?;
    let says = answer(&said)?;
    ensure!(says.contains("slow___read: 3 × timeout_first_byte; blame target"), "{says}");
    ensure!(says.contains("slow___read: 1 × circuit_open"), "{says}");
    ensure!(!says.contains("fine___read:"), "{says}");
    story::broke("the target `slow` does not answer any more; `fine` is as it was");
    story::said("the agent", says);
    until("it recovers alone", async || {
        let answer = caller.tool("slow___read", json!({})).await?;
        Ok(answer.result().is_ok().then_some(()))
    })
    .await?;
    story::said(
        "a caller",
        "`slow` answers again, by itself, after its circuit was open for a second",
    );
    story::points_to("the target `slow`: alarms/runbooks/ToolgateCircuitOpen.md");
    Ok(())
}

/// What nobody but the gateway knows of failed calls.
const FAILED: &str = "Which calls failed, and whose fault is it?";

/// "The issuer is down": whoever has a token goes on, the agent too.
#[tokio::test]
async fn an_agent_answers_while_its_issuer_is_down() -> Result<()> {
    let house = House::start("", "").await?;
    let agent = house.agent(&[]).await?;
    agent.ask("s1", "what time is it?").await?;
    house.issuer.take_down().await;
    let said = agent.ask("s1", "what time is it?").await?;
    ensure_ended(&said, "answered", &[])?;
    ensure!(answer(&said)?.starts_with("`clock___now` says:"), "{said}");
    let failed = agent.ask("s1", FAILED).await?;
    ensure!(answer(&failed)?.contains("No call failed"), "{failed}");
    story::said("the agent", answer(&said)?);
    story::said("and then", answer(&failed)?);
    Ok(())
}

/// "Keys are rotated": the token of a gone key is refused, and the next one is good at once.
#[tokio::test]
async fn an_agent_goes_on_with_the_issuers_next_key() -> Result<()> {
    let house = House::start("", "").await?;
    let endpoint = Tokens::start(Arc::clone(&house.issuer), 3600).await?;
    let settings = [
        ("gateway/url", house.gateway.mcp_url()),
        ("gateway/token_url", endpoint.url()),
        ("gateway/client_id", "agent".to_owned()),
        ("gateway/client_secret", "s3cret".to_owned()),
    ];
    let agent = Agent::start(&settings).await?;
    agent.ask("s1", "what time is it?").await?;
    house.issuer.add_key()?;
    house.issuer.drop_oldest_key()?;
    // Whoever comes first with the new key has the gateway fetch it, and the old one is gone with that.
    let fresh = house.gateway.client().with_token(house.issuer.token(&super::SCOPES));
    fresh.tool("clock___now", json!({})).await?.result()?;
    let said = agent.ask("s1", "what time is it?").await?;
    ensure_ended(&said, "answered", &[])?;
    ensure!(answer(&said)?.starts_with("`clock___now` says:"), "{said}");
    assert_eq!(endpoint.fetched(), 2, "its token is of a key that is gone");
    story::said("the agent", answer(&said)?);
    story::said("it has", "fetched another token, as the gateway did not take the first any more");
    Ok(())
}

/// "A tool's schema was broken": the agent names the tool, why it is not called, and whose fault that is.
#[tokio::test]
async fn a_tool_that_was_changed_is_named_with_whose_fault_it_is() -> Result<()> {
    let (herald, scratch) = (Herald::start(HeraldEra::Modern).await?, Scratch::new()?);
    herald.lists(json!([tool("search", &json!({}))]));
    let target = format!("  herald: {{ mcp: {{ url: \"{}\" }} }}\n", herald.url());
    let pins = format!("pins: {{ file: \"{}\" }}\n", scratch.path().join("pins.json").display());
    let config = scratch.write("approve.yaml", &format!("{OPEN}{pins}targets:\n{target}"))?;
    let mut approve = Command::new(binary("toolgate", "toolgate")?);
    approve.args(["pins", "accept", "--all", "--config"]).arg(config);
    ensure!(approve.output().await?.status.success(), "the target's tools are approved");
    let house = House::start(&target, &pins).await?;
    let caller = house.gateway.client().with_token(house.issuer.token(&super::SCOPES));
    caller.tool("herald___search", json!({})).await?.result()?;
    let wider = json!({ "notes": { "type": "string" } });
    herald.lists(json!([tool("search", &wider)]));
    herald.changed();
    until("what was not approved is held back", async || {
        Ok((!caller.tools().await?.iter().any(|name| name == "herald___search")).then_some(()))
    })
    .await?;
    caller.tool("herald___search", json!({})).await?;
    let agent = house.agent(&[]).await?;
    let said = agent.ask("s1", FAILED).await?;
    let says = answer(&said)?;
    ensure!(says.contains("herald___search: 1 × quarantined; blame target"), "{says}");
    story::said("the agent", says);
    Ok(())
}

/// A tool that is slower than the agent waits: the gateway, which knows how long that is, still says whose
/// fault it is.
#[tokio::test]
async fn a_tool_that_the_agent_gives_up_is_blamed_by_the_gateway() -> Result<()> {
    let slow = Sick::start(Era::Modern).await?;
    let target = format!(
        "  slow: {{ mcp: {{ url: \"{}\" }}, timeout: 4s, retry: {{ attempts: 1 }} }}\n",
        slow.url()
    );
    let house = House::start(&target, "").await?;
    let read = json!({ "name": "slow___read", "input": {} });
    let script = json!([{ "replies": [{ "tools": [read] }, { "text": "done" }] }]);
    let (_script, mut settings) = scripted(&script)?;
    settings.push(("limits/tool_time", "2500ms".to_owned()));
    let agent = house.agent(&settings).await?;
    slow.then([Act::Hang]);
    let mut events = agent.stream("s1", "go").await?;
    let step = loop {
        let event = events.next_message().await?;
        if event["type"] == "step.end" && event["reason"] != Value::Null {
            break event;
        }
        ensure!(event["type"] != "turn.end", "no tool failed: {event}");
    };
    ensure!(step["reason"] == "timeout_first_byte" && step["blame"] == "target", "{step}");
    ensure!(step["call_id"].is_string(), "the gateway's line can be found: {step}");
    Ok(())
}
