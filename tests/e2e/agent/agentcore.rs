//! AgentCore Memory behind the real program: what was told is known once the service has concluded
//! it, to whoever told it.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::agent::{Agent, run_with, through};
use toolgate_tests::agentcore::{AgentCore, MEMORY};
use toolgate_tests::bedrock::{Bedrock, Reply};
use toolgate_tests::client::{Ask, Client};
use toolgate_tests::emulator::{CREDENTIALS, Emulator};
use toolgate_tests::wait::until;

use super::{House, SCOPES, answer, ensure_ended, part};

const TOLD: &str = "Our staging cluster is called blue-7.";
const QUESTION: &str = "What is our staging cluster called?";

/// A model that repeats all that it was shown.
async fn parrot() -> Result<Bedrock> {
    Bedrock::start(|_, asked| {
        let shown = asked["messages"].as_array().into_iter().flatten();
        let blocks = shown.flat_map(|message| message["content"].as_array().into_iter().flatten());
        let texts: Vec<_> = blocks.filter_map(|block| block["text"].as_str()).collect();
        Reply::default().text(&texts.join("\n")).stop("end_turn", (10, 1))
    })
    .await
}

/// An agent whose memory and model are at these endpoints.
async fn remembering(
    house: &House,
    memory: &AgentCore,
    model: &Bedrock,
    more: &[(&'static str, String)],
) -> Result<Agent> {
    let catalogue = json!([{ "key": "claude", "provider": "bedrock", "id": "m" }]);
    let mut settings = through(&house.gateway.mcp_url(), &house.issuer.token(&SCOPES));
    settings.extend([
        ("model/catalogue", catalogue.to_string()),
        ("memory/backend", "agentcore".to_owned()),
        ("agentcore/memory_id", MEMORY.to_owned()),
    ]);
    settings.extend_from_slice(more);
    let (memory_url, model_url) = (memory.url(), model.url());
    let mut env = CREDENTIALS.to_vec();
    env.extend([
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", model_url.as_str()),
        ("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE", memory_url.as_str()),
        ("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL", memory_url.as_str()),
    ]);
    let agent = Agent::start_with(&settings, &env).await?;
    until("the memory is found", async || {
        let (_, ready) = agent.ready().await?;
        Ok((part(&ready, "memory")?["ok"] == true).then_some(()))
    })
    .await?;
    Ok(agent)
}

async fn written(memory: &AgentCore, turns: usize) -> Result<()> {
    until(format!("{turns} turns are written"), async || {
        Ok((memory.events().len() >= turns).then_some(()))
    })
    .await
}

#[tokio::test]
async fn what_was_told_is_known_in_another_session_once_it_is_concluded() -> Result<()> {
    let (house, memory) = tokio::try_join!(House::start("", ""), AgentCore::start())?;
    let model = parrot().await?;
    let agent = remembering(&house, &memory, &model, &[]).await?;
    ensure_ended(&agent.ask("one", TOLD).await?, "answered", &[])?;
    written(&memory, 1).await?;
    // The service has not come to it yet: only the session itself knows.
    let early = agent.ask("two", QUESTION).await?;
    ensure!(!answer(&early)?.contains("blue-7"), "it cannot be known: {early}");
    let same = agent.ask("one", "What did I say?").await?;
    ensure!(answer(&same)?.contains("blue-7"), "what was said in it is known: {same}");
    written(&memory, 3).await?;
    memory.concludes();
    let late = agent.ask("three", QUESTION).await?;
    ensure_ended(&late, "answered", &[])?;
    let says = answer(&late)?;
    ensure!(says.contains("<recalled") && says.contains("blue-7"), "{says}");
    ensure!(says.contains("[semantic, "), "{says}");
    written(&memory, 4).await?;
    // What was recalled is the model's to see, and is not told to memory as the user's own.
    let event = memory.events().pop().context("no event")?;
    assert_eq!(event.pointer("/payload/0/conversational/content/text"), Some(&json!(QUESTION)));
    let fresh = remembering(&house, &memory, &model, &[]).await?;
    let known = fresh.ask("four", QUESTION).await?;
    ensure!(answer(&known)?.contains("blue-7"), "another process: {known}");
    assert_eq!((memory.complaints(), model.complaints()), (Vec::new(), Vec::new()));
    Ok(())
}

#[tokio::test]
async fn agentcore_tells_nobody_what_another_has_said() -> Result<()> {
    let (house, memory) = tokio::try_join!(House::start("", ""), AgentCore::start())?;
    let model = parrot().await?;
    let access = [("server/access", "token".to_owned())];
    let agent = remembering(&house, &memory, &model, &access).await?;
    let of = |name: &str| {
        let mut claims = house.issuer.claims(&SCOPES);
        claims["sub"] = json!(name);
        agent.client().with_token(house.issuer.mint(claims))
    };
    // The second is written like what the first would be written as.
    let (ann, bob) = (of("ann@example.com"), of("x-e-ann_40example_2ecom"));
    ask(&ann, "one", TOLD).await?;
    written(&memory, 1).await?;
    memory.concludes();
    for session in ["one", "two"] {
        let unknown = ask(&bob, session, QUESTION).await?;
        ensure!(!answer(&unknown)?.contains("blue-7"), "{unknown}");
    }
    let known = ask(&ann, "two", QUESTION).await?;
    ensure!(answer(&known)?.contains("blue-7"), "{known}");
    for (who, sees) in [(&ann, true), (&bob, false)] {
        let records = who.send(Ask::get("/api/memory")).await?;
        ensure!(records.status == 200, "{}", records.text());
        assert_eq!(records.text().contains("blue-7"), sees, "{}", records.text());
        let events = who.send(Ask::get("/api/sessions/one/events")).await?;
        assert_eq!(events.text().contains("blue-7"), sees, "{}", events.text());
    }
    assert_eq!(memory.complaints(), [""; 0]);
    Ok(())
}

async fn ask(client: &Client, session: &str, question: &str) -> Result<Value> {
    let body = json!({ "prompt": question, "sessionId": session }).to_string();
    let said = client.send(Ask::post(body).to("/invocations")).await?;
    ensure!(said.status == 200, "{}: {}", said.status, said.text());
    Ok(serde_json::from_slice(&said.body)?)
}

#[tokio::test]
async fn a_throttled_memory_is_done_without_and_that_is_said() -> Result<()> {
    let (house, memory) = tokio::try_join!(House::start("", ""), AgentCore::start())?;
    let model = parrot().await?;
    let agent = remembering(&house, &memory, &model, &[]).await?;
    memory.throttles(true);
    let told = agent.ask("one", TOLD).await?;
    ensure_ended(&told, "answered", &["memory"])?;
    let (status, ready) = agent.ready().await?;
    let own = part(&ready, "memory")?;
    let says = own["says"].as_str().unwrap_or_default();
    ensure!(status == 200 && own["ok"] == false, "{ready}");
    ensure!(says.contains("AgentCore Memory has more requests than it takes"), "{ready}");
    ensure!(!ready.to_string().contains("canary"), "{ready}");
    let of = async |labels: &[(&str, &str)], name: &str| -> Result<f64> {
        Ok(agent.metrics().await?.sum(name, labels))
    };
    let throttled = [("operation", "search"), ("error_type", "throttled")];
    let failed = of(&throttled, "toolgate_agent_memory_operations_total").await?;
    ensure!((failed - 1.0).abs() < 1e-9, "{failed} searches were throttled");
    let without = of(&[("missing", "memory")], "toolgate_agent_degraded_total").await?;
    ensure!((without - 1.0).abs() < 1e-9, "{without} turns without memory");
    until("the turn that cannot be written is counted", async || {
        let lost = of(&[], "toolgate_agent_memory_lost_total").await?;
        Ok((lost > 0.0).then_some(()))
    })
    .await?;
    // The session goes on by what this process knows.
    let same = agent.ask("one", "What did I say?").await?;
    ensure_ended(&same, "answered", &["memory"])?;
    ensure!(answer(&same)?.contains("blue-7"), "{same}");
    until("that turn has been given up as well", async || {
        let lost = of(&[], "toolgate_agent_memory_lost_total").await?;
        Ok((lost > 1.0).then_some(()))
    })
    .await?;
    memory.throttles(false);
    ensure_ended(&agent.ask("two", "And now?").await?, "answered", &[])?;
    let (_, ready) = agent.ready().await?;
    ensure!(part(&ready, "memory")?["ok"] == true, "{ready}");
    Ok(())
}

#[tokio::test]
async fn what_an_emulator_was_told_to_conclude_is_recalled() -> Result<()> {
    let (aws, house) = tokio::try_join!(Emulator::ministack(), House::start("", ""))?;
    let at = [("aws/endpoint", aws.url()), ("aws/region", "us-east-1".to_owned())];
    let made = run_with(&["--ssm", "config", "ensure"], &at, &CREDENTIALS).await?;
    let id = made
        .stdout
        .split("DevOpsAgentMemory-")
        .nth(1)
        .and_then(|rest| rest.split(|letter: char| !letter.is_ascii_alphanumeric()).next());
    let id = format!("DevOpsAgentMemory-{}", id.with_context(|| format!("{made:?}"))?);
    let mut settings = through(&house.gateway.mcp_url(), &house.issuer.token(&SCOPES));
    settings.extend(at);
    settings.push(("memory/backend", "agentcore".to_owned()));
    settings.push(("agentcore/memory_id", id.clone()));
    let agent = Agent::start_with(&settings, &CREDENTIALS).await?;
    // ministack concludes nothing by itself; records are put there as a strategy of one's own would.
    let record = |actor: &str, text: &str| {
        json!({
            "requestIdentifier": actor, "timestamp": 1_800_000_000,
            "namespaces": [format!("/agent/devops/{actor}/semantic/")],
            "content": { "text": text },
        })
    };
    let records = [record("local", TOLD), record("bob", "Our staging cluster is called red-9.")];
    let scope = "Credential=x/20260101/us-east-1/bedrock-agentcore/aws4_request";
    let put = Ask::post(json!({ "records": records }).to_string())
        .to(&format!("/memories/{id}/memoryRecords/batchCreate"))
        .header(
            "authorization",
            &format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=x"),
        );
    let put = Client::new(aws.address()).send(put).await?;
    ensure!(put.status == 201 || put.status == 200, "{}: {}", put.status, put.text());
    let known = agent.ask("one", QUESTION).await?;
    ensure_ended(&known, "answered", &[])?;
    let says = answer(&known)?;
    ensure!(says.contains("blue-7") && !says.contains("red-9"), "{says} {}", put.text());
    Ok(())
}
