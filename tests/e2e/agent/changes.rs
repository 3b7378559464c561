//! An agent before a target whose list of tools changes: the next turn has what is there now.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::agent::{Agent, through};
use toolgate_tests::bedrock::{Bedrock, Reply};
use toolgate_tests::emulator::CREDENTIALS;
use toolgate_tests::herald::{Era, Herald, tool};
use toolgate_tests::service::Asked;
use toolgate_tests::wait::until;

use super::{House, SCOPES, answer, ensure_ended, part};

/// Longer than any test: only word of a change explains a new list.
const LONG: &str = "1h";

/// A model that calls the tool that the question names, and then says what came of it.
async fn obedient() -> Result<Bedrock> {
    Bedrock::start(|_, asked| {
        let messages = asked["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let blocks = messages.last().and_then(|last| last["content"].as_array());
        let block = blocks.and_then(|blocks| blocks.last()).cloned().unwrap_or_default();
        // What was recalled comes before the question.
        match block["text"].as_str().and_then(|text| text.lines().last()) {
            Some(name) => Reply::default().tool("t-1", name, ["{}"]).stop("tool_use", (1, 1)),
            None => {
                let text = block.pointer("/toolResult/content/0/text").and_then(Value::as_str);
                Reply::default().text(text.unwrap_or("nothing")).stop("end_turn", (1, 1))
            }
        }
    })
    .await
}

/// The target's tools that a request offers.
fn offered(asked: &Asked) -> Vec<String> {
    let tools = asked.body.pointer("/toolConfig/tools").and_then(Value::as_array);
    let names = tools.into_iter().flatten().filter_map(|tool| tool["toolSpec"]["name"].as_str());
    names.filter(|name| name.starts_with("herald___")).map(str::to_owned).collect()
}

async fn agent(house: &House, model: &Bedrock) -> Result<Agent> {
    let catalogue = json!([{ "key": "claude", "provider": "bedrock", "id": "m" }]);
    let mut settings = through(&house.gateway.mcp_url(), &house.issuer.token(&SCOPES));
    settings.extend([
        ("model/catalogue", catalogue.to_string()),
        ("agent/approval", "not_needed".to_owned()),
        ("gateway/list_ttl", LONG.to_owned()),
    ]);
    let url = model.url();
    let mut env = CREDENTIALS.to_vec();
    env.extend([("AWS_REGION", "us-east-1"), ("AWS_ENDPOINT_URL", url.as_str())]);
    Agent::start_with(&settings, &env).await
}

#[tokio::test]
async fn the_turn_after_a_change_has_the_new_tool_and_not_the_old_one() -> Result<()> {
    for era in [Era::Modern, Era::Legacy] {
        let (herald, model) = tokio::try_join!(Herald::start(era), obedient())?;
        herald.lists(json!([tool("stays", &json!({})), tool("goes", &json!({}))]));
        let url = herald.url();
        let target = format!("  herald: {{ mcp: {{ url: \"{url}\" }} }}\n");
        let house = House::start(&target, "defaults: { list_ttl: 1h }\n").await?;
        let agent = agent(&house, &model).await?;
        let first = agent.ask("s1", "herald___goes").await?;
        ensure_ended(&first, "answered", &[])?;
        assert_eq!(first["end"]["tools_used"], json!(["herald___goes"]));
        let asked = model.asked().pop().context("not asked")?;
        assert_eq!(offered(&asked), ["herald___goes", "herald___stays"]);
        herald.until_streams(&[], 1).await?;
        until("the agent listens", async || {
            let open = house.gateway.metrics().await?.sum("toolgate_streams_active", &[]);
            Ok((open > 0.0).then_some(()))
        })
        .await?;
        herald.lists(json!([tool("stays", &json!({})), tool("comes", &json!({}))]));
        herald.changed();
        until("the agent has heard of it", async || {
            let (_, ready) = agent.ready().await?;
            let says = part(&ready, "gateway")?["says"].as_str().unwrap_or_default();
            Ok(says.contains("the list has changed since").then_some(()))
        })
        .await?;
        let calls = herald.heard("tools/call").len();
        let next = agent.ask("s2", "herald___comes").await?;
        ensure_ended(&next, "answered", &[])?;
        let asked = model.asked().pop().context("not asked")?;
        assert_eq!(offered(&asked), ["herald___comes", "herald___stays"], "{era:?}");
        assert_eq!(next["end"]["tools_used"], json!(["herald___comes"]), "{era:?}: {next}");
        ensure!(answer(&next)?.contains("tool_output"), "{next}");
        assert_eq!(herald.heard("tools/call").len(), calls + 1);
        assert_eq!(model.complaints(), [""; 0]);
    }
    Ok(())
}
