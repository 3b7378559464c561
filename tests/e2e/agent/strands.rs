//! An agent that others wrote beside this one, at one gateway and at the same time.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::agent::Agent;
use toolgate_tests::bedrock::{Bedrock, Reply};
use toolgate_tests::emulator::CREDENTIALS;
use toolgate_tests::herald::{Era as TargetEra, Herald};
use toolgate_tests::issuer::{CLIENT_ID, OTHER_CLIENT};
use toolgate_tests::upstream::Upstream;
use toolgate_tests::wait::until_within;

use super::{House, SCOPES, ensure_ended};
use crate::peers::driver::{Driver, Era, Peer, Report, installed};

/// Python takes its time to start.
const PATIENCE: Duration = Duration::from_secs(60);
const TEXT: &str = "Žluťoučký kůň \"ahoj\" 漢字 🐎\nsecond line \\u0041";

/// What both call, and in what order: the first waits for the other agent.
fn calls() -> Vec<(&'static str, Value)> {
    vec![
        ("gate___echo", json!({})),
        ("shop___add", json!({ "a": 2, "b": 40 })),
        ("shop___echo", json!({ "text": TEXT })),
        ("shop___fail", json!({})),
    ]
}

/// A model that makes those calls one after the other.
async fn caller() -> Result<Bedrock> {
    Bedrock::start(|nth, _| match calls().get(nth) {
        Some((name, arguments)) => Reply::default()
            .tool(&format!("call-{nth}"), name, [arguments.to_string()])
            .stop("tool_use", (1, 1)),
        None => Reply::default().text("done").stop("end_turn", (1, 1)),
    })
    .await
}

/// Waits until both call, so that they do it at the same time, and lets them go on.
async fn meet(gate: &Herald) -> Result<()> {
    until_within(PATIENCE, "both agents call at the same time", async || {
        Ok((gate.heard("tools/call").len() == 2).then_some(()))
    })
    .await?;
    assert_eq!(gate.answers(), 2);
    Ok(())
}

/// What the model of the agent was told of its calls: the status and the text of each.
fn told(model: &Bedrock) -> Result<Vec<(String, String)>> {
    let last = model.asked().pop().context("not asked")?;
    let messages = last.body["messages"].as_array().context("no messages")?;
    let blocks = messages.iter().filter_map(|message| message["content"].as_array()).flatten();
    let results = blocks.map(|block| &block["toolResult"]).filter(|result| result.is_object());
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(results
        .map(|result| (text(result.get("status")), text(result.pointer("/content/0/text"))))
        .collect())
}

/// Both got the same from the same tool.
fn agree(report: &Report, model: &Bedrock) -> Result<()> {
    let told = told(model)?;
    ensure!(report.calls.len() == calls().len() && told.len() == calls().len(), "{told:?}");
    for (theirs, (status, text)) in report.calls.iter().zip(told) {
        ensure!(theirs.is_error == (status == "error"), "{theirs:?} {status}");
        let own = text.split_once(">\n").and_then(|(_, rest)| rest.rsplit_once("\n</tool_output>"));
        let own = own.with_context(|| format!("no words of a tool: {text}"))?.0;
        ensure!(own.contains(&theirs.text), "{own:?}, but {theirs:?}");
    }
    ensure!(report.calls.iter().any(|call| call.text == TEXT), "{:?}", report.calls);
    Ok(())
}

#[tokio::test]
async fn an_agent_of_strands_and_this_one_use_the_same_tools_at_the_same_time() -> Result<()> {
    installed()?;
    let (gate, model) = tokio::try_join!(Herald::start(TargetEra::Legacy), caller())?;
    let shop = Upstream::start("both").await?;
    gate.holds();
    let targets = format!(
        "  gate: {{ mcp: {{ url: \"{}\" }} }}\n  shop: {{ mcp: {{ url: \"{}\" }} }}\n",
        gate.url(),
        shop.url()
    );
    let house = House::start(&targets, "").await?;
    let catalogue = json!([{ "key": "claude", "provider": "bedrock", "id": "m" }]);
    let url = house.gateway.mcp_url();
    let mut settings = toolgate_tests::agent::through(&url, &house.issuer.token(&SCOPES));
    settings.push(("model/catalogue", catalogue.to_string()));
    settings.push(("agent/approval", "not_needed".to_owned()));
    let endpoint = model.url();
    let mut env = CREDENTIALS.to_vec();
    env.extend([("AWS_REGION", "us-east-1"), ("AWS_ENDPOINT_URL", endpoint.as_str())]);
    let agent = Agent::start_with(&settings, &env).await?;
    let driver = Driver::new(Peer::Strands, Era::Modern, url)
        .with_token(&house.issuer.others_token(&SCOPES));
    let mut args = vec!["--tools".to_owned()];
    for (name, arguments) in calls() {
        args.extend(["--call".to_owned(), name.to_owned(), arguments.to_string()]);
    }
    let (said, report, ()) =
        tokio::try_join!(agent.ask("s1", "go"), driver.report(&args), meet(&gate))?;
    ensure_ended(&said, "answered", &[])?;
    assert_eq!(model.complaints(), [""; 0]);
    agree(&report, &model)?;
    told_apart(&house, &said).await?;
    // Both are counted by the gateway, and only its own by this agent.
    for (name, calls) in [("add", 2.0), ("echo", 4.0), ("fail", 2.0)] {
        let tool = [("gen_ai_tool_name", name), ("mcp_method_name", "tools/call")];
        let counted = house
            .gateway
            .metrics()
            .await?
            .sum("mcp_server_operation_duration_seconds_count", &tool);
        ensure!((counted - calls).abs() < 1e-9, "{counted} calls of {name}");
    }
    let own = agent.metrics().await?.sum("toolgate_agent_tool_calls_total", &[]);
    ensure!((own - 4.0).abs() < 1e-9, "{own} calls of its own");
    house.gateway.books_agree().await
}

/// The recorder knows whose each call was.
async fn told_apart(house: &House, said: &Value) -> Result<()> {
    let records = house.gateway.admin("/debug/calls?limit=500").await?;
    let records: Value = serde_json::from_slice(&records.body)?;
    let records = records["calls"].as_array().context("no calls")?;
    for (name, _) in calls() {
        let of = |client: &str| {
            let mut own = records.iter().filter(|record| {
                let called = [&record["target"], &record["tool"]].map(|part| part.as_str());
                let called = called.map(Option::unwrap_or_default).join("___");
                record["client"] == client && called == name
            });
            let only = own.next().filter(|_| own.next().is_none());
            only.with_context(|| format!("not one call of {name} by {client}: {records:?}"))
        };
        let (own, theirs) = (of(CLIENT_ID)?, of(OTHER_CLIENT)?);
        ensure!(own["outcome"] == theirs["outcome"], "{own} {theirs}");
        ensure!(own["subject_hash"] != theirs["subject_hash"], "{own} {theirs}");
        // The turn's id is in its calls, and in nobody else's.
        ensure!(own["request_id"] == said["requestId"], "{own} {said}");
        ensure!(theirs["request_id"] != said["requestId"], "{theirs} {said}");
    }
    Ok(())
}
