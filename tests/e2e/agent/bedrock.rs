//! Models of Bedrock behind the real program: an emulator that nobody here wrote, one that throttles,
//! and a stub for what emulators never say.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::agent::Agent;
use toolgate_tests::bedrock::{Bedrock, Reply};
use toolgate_tests::emulator::{CREDENTIALS, Emulator};
use toolgate_tests::herald::{self, Herald, tool};
use toolgate_tests::scrape::Metrics;
use toolgate_tests::service::{Says, Service};
use toolgate_tests::sick::{Era, Sick};

use super::{House, answer, ensure_ended, part};

const MODEL: &str = "us.anthropic.claude-test-v1:0";

/// An agent that thinks with Bedrock at that endpoint, in a house.
async fn thinking(house: &House, endpoint: &str) -> Result<Agent> {
    let token = house.issuer.token(&super::SCOPES);
    thinking_with(&house.gateway.mcp_url(), &token, endpoint).await
}

async fn thinking_with(gateway: &str, token: &str, endpoint: &str) -> Result<Agent> {
    let entry = json!({
        "key": "claude", "provider": "bedrock", "id": MODEL, "input_usd": 3, "output_usd": 15,
    });
    let mut settings = toolgate_tests::agent::through(gateway, token);
    settings.push(("model/catalogue", json!([entry]).to_string()));
    settings.push(("agent/approval", "not_needed".to_owned()));
    let mut env = CREDENTIALS.to_vec();
    env.extend([("AWS_REGION", "us-east-1"), ("AWS_ENDPOINT_URL", endpoint)]);
    Agent::start_with(&settings, &env).await
}

/// A gateway before a target with the tool `read`.
async fn shop() -> Result<(Sick, House)> {
    let sick = Sick::start(Era::Modern).await?;
    let url = sick.url();
    let house = House::start(&format!("  shop: {{ mcp: {{ url: \"{url}\" }} }}\n"), "").await?;
    Ok((sick, house))
}

/// Requests to the model that ended so.
fn requests(metrics: &Metrics, error: &str) -> f64 {
    let labels = [("gen_ai_request_model", "claude"), ("error_type", error)];
    metrics.sum("gen_ai_client_operation_duration_seconds_count", &labels)
}

fn again(metrics: &Metrics) -> f64 {
    let labels = [("gen_ai_request_model", "claude"), ("error_type", "throttled")];
    metrics.sum("toolgate_agent_model_retries_total", &labels)
}

fn is(have: f64, want: u32) -> bool {
    (have - f64::from(want)).abs() < 1e-9
}

#[tokio::test]
async fn an_emulator_of_bedrock_answers_with_a_tool_of_the_gateway() -> Result<()> {
    let models = Service::start(|asked| {
        let last = asked.body["messages"].as_array().and_then(|all| all.last());
        let message = match last.filter(|last| last["role"] == "tool") {
            None => json!({ "role": "assistant", "content": "I look.", "tool_calls": [
                { "id": "call-1", "type": "function",
                  "function": { "name": "shop___read", "arguments": "{\"text\":\"ü\"}" } },
            ] }),
            Some(said) => {
                json!({ "role": "assistant", "content": format!("It says {}", said["content"]) })
            }
        };
        let usage = json!({ "prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110 });
        Says::json(200, &json!({ "choices": [{ "message": message }], "usage": usage }))
    })
    .await?;
    let models_url = models.url();
    let (aws, (sick, house)) = tokio::try_join!(Emulator::ministack_thinking(&models_url), shop())?;
    let agent = thinking(&house, &aws.url()).await?;
    let said = agent.ask("s1", "what is in the shop?").await?;
    ensure_ended(&said, "answered", &[])?;
    let says = answer(&said)?;
    ensure!(says.starts_with("I look.") && says.contains("It says"), "{says}");
    ensure!(says.contains("tool_output") && !says.contains("[ministack mock"), "{says}");
    assert_eq!(sick.calls("read"), 1);
    let call = sick.seen().into_iter().find(|seen| seen.tool == "read").context("no call")?;
    assert_eq!(call.json()["params"]["arguments"], json!({ "text": "ü" }));
    let end = &said["end"];
    assert_eq!(end["tools_used"], json!(["shop___read"]));
    assert_eq!(end["model_id"], MODEL);
    let usage = &end["usage"];
    ensure!(usage["input_tokens"] == 200 && usage["output_tokens"] == 20, "{usage}");
    // 200 tokens at 3 dollars a million, 20 at 15.
    ensure!(end["cost_usd"].as_f64().is_some_and(|cost| (cost - 0.0009).abs() < 1e-9), "{end}");
    ensure!(is(requests(&agent.metrics().await?, ""), 2), "two replies");
    Ok(())
}

#[tokio::test]
async fn two_tools_of_one_reply_are_called_with_what_came_in_pieces() -> Result<()> {
    let (sick, house) = shop().await?;
    // Escapes, pairs of surrogates, letters of four bytes; each letter comes on its own.
    let first = r#"{"text":"\u00fc\ud83e\udd80\"\\\n 🦀ü","n":-1.5e3}"#;
    let letters = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
    let wishes = Reply::default()
        .text("I look – moment 🦀.")
        .tool("t-1", "shop___read", letters(first))
        .tool("t-2", "clock___now", [""; 0])
        .stop("tool_use", (100, 10))
        .cut(1);
    let done = Reply::default().text("Both are there.").stop("end_turn", (300, 5)).cut(7);
    let bedrock = Bedrock::saying([wishes, done]).await?;
    let agent = thinking(&house, &bedrock.url()).await?;
    let said = agent.ask("s1", "both, please").await?;
    assert_eq!(bedrock.complaints(), [""; 0]);
    ensure_ended(&said, "answered", &[])?;
    ensure!(answer(&said)?.starts_with("I look – moment 🦀."), "{said}");
    ensure!(answer(&said)?.ends_with("Both are there."), "{said}");
    let call = sick.seen().into_iter().find(|seen| seen.tool == "read").context("no call")?;
    let meant: Value = serde_json::from_str(first)?;
    assert_eq!(call.json()["params"]["arguments"], meant);
    let asked = bedrock.asked();
    let last = asked.last().context("not asked")?;
    let results = last.body["messages"][2]["content"].as_array().context("no results")?;
    let of = |nth: usize, name: &str| results.get(nth).map(|it| it["toolResult"][name].clone());
    assert_eq!((of(0, "toolUseId"), of(1, "toolUseId")), (Some("t-1".into()), Some("t-2".into())));
    assert_eq!(
        (of(0, "status"), of(1, "status")),
        (Some("success".into()), Some("success".into()))
    );
    assert_eq!(last.body["messages"][1]["content"][1]["toolUse"]["input"], meant);
    let usage = &said["end"]["usage"];
    ensure!(usage["input_tokens"] == 400 && usage["output_tokens"] == 15, "{usage}");
    Ok(())
}

#[tokio::test]
async fn how_a_reply_of_bedrock_ends_is_how_the_turn_ends() -> Result<()> {
    let house = House::start("", "").await?;
    let cases = [
        ("end_turn", "answered", ""),
        ("max_tokens", "cut_off", "cut off at the most tokens"),
        ("guardrail_intervened", "refused", "a guardrail"),
        ("content_filtered", "refused", "a filter"),
        ("model_context_window_exceeded", "model_failed", "begin a new session"),
    ];
    let replies = cases.map(|(stop, ..)| Reply::default().text("Half a").stop(stop, (10, 1)));
    let bedrock = Bedrock::saying(replies).await?;
    let agent = thinking(&house, &bedrock.url()).await?;
    for (stop, reason, says) in cases {
        let said = agent.ask(&format!("session-{stop}"), "well?").await?;
        ensure_ended(&said, reason, &[])?;
        let told = said["end"]["says"].as_str().unwrap_or_default();
        ensure!(told.contains(says) && told.is_empty() == says.is_empty(), "{stop}: {told}");
        ensure!(answer(&said)? == "Half a", "what was said stays: {said}");
    }
    assert_eq!(bedrock.complaints(), [""; 0]);
    Ok(())
}

#[tokio::test]
async fn a_stream_that_is_throttled_ends_the_turn_and_the_session_goes_on() -> Result<()> {
    let (sick, house) = shop().await?;
    let wish = Reply::default().tool("t-1", "shop___read", ["{\"text\":\"x\"}"]);
    let broken =
        Reply::default().text("Half a").exception("throttlingException", "canary too many");
    let fine = Reply::default().text("All is well.").stop("end_turn", (10, 1));
    let replies = [wish.stop("tool_use", (10, 1)), broken, fine];
    let bedrock = Bedrock::saying(replies).await?;
    let agent = thinking(&house, &bedrock.url()).await?;
    let said = agent.ask("s1", "well?").await?;
    ensure_ended(&said, "model_failed", &[])?;
    let end = &said["end"];
    let says = end["says"].as_str().unwrap_or_default();
    ensure!(says.contains("Bedrock has more requests than it takes"), "{said}");
    ensure!(!said.to_string().contains("canary") && end["retry_safe"] == true, "{said}");
    // Somebody has heard a part: it is not asked again.
    assert_eq!((bedrock.asked().len(), sick.calls("read")), (2, 1));
    let metrics = agent.metrics().await?;
    ensure!(is(requests(&metrics, "throttled"), 1) && is(requests(&metrics, ""), 1));
    let again = agent.ask("s1", "and now?").await?;
    ensure_ended(&again, "answered", &[])?;
    assert_eq!((answer(&again)?, bedrock.complaints()), ("All is well.", Vec::new()));
    let last = bedrock.asked().pop().context("not asked")?.body["messages"].to_string();
    ensure!(last.contains("well?") && last.contains("and now?"), "the session goes on: {last}");
    Ok(())
}

#[tokio::test]
async fn a_name_that_bedrock_does_not_take_is_shortened_and_found_again() -> Result<()> {
    let herald = Herald::start(herald::Era::Modern).await?;
    let long = "a_tool_with_a_name_of_more_than_sixty_four_letters_which_ends_in_".to_owned();
    let names = ["one", "other"].map(|end| format!("{long}{end}"));
    let tools = names.each_ref().map(|name| {
        let mut tool = tool(name, &json!({}));
        tool["description"] = format!("Ends in {}.", name.replace(&long, "")).into();
        tool
    });
    herald.lists(json!(tools));
    let bedrock = Bedrock::start(|nth, asked| {
        let tools = asked["toolConfig"]["tools"].as_array().cloned().unwrap_or_default();
        let is_it = |tool: &&Value| tool["toolSpec"]["description"] == "Ends in other.";
        let meant = tools.iter().find(is_it).and_then(|tool| tool["toolSpec"]["name"].as_str());
        match (nth, meant) {
            (0, Some(name)) => Reply::default().tool("t-1", name, ["{}"]).stop("tool_use", (1, 1)),
            _ => Reply::default().text("done").stop("end_turn", (1, 1)),
        }
    })
    .await?;
    // Toolgate shortens names itself; other gateways have names of 256 letters.
    let agent = thinking_with(&herald.url(), "any", &bedrock.url()).await?;
    let said = agent.ask("s1", "the other one").await?;
    assert_eq!(bedrock.complaints(), [""; 0]);
    ensure_ended(&said, "answered", &[])?;
    let heard = herald.until_heard("tools/call", 1).await?;
    assert_eq!(heard.body["params"]["name"], names[1].as_str());
    Ok(())
}

#[tokio::test]
async fn bedrock_that_throttles_is_asked_again_and_then_given_up_on() -> Result<()> {
    let (aws, house) = tokio::try_join!(Emulator::ministack(), House::start("", ""))?;
    let burst = Emulator::microburst(&aws.url()).await?;
    let throttles = |fails: u32, passes: u32| {
        let sequence = json!({ "fail": fails, "pass": passes });
        let error = json!({ "code": "ThrottlingException" });
        json!([{ "service": "bedrock", "sequence": sequence, "error": error }])
    };
    let fired = async || -> Result<usize> {
        let fired = burst.fired().await?;
        Ok(fired.to_string().matches("ThrottlingException").count())
    };
    let agent = thinking(&house, &burst.url()).await?;
    burst.rules(&throttles(2, 100)).await?;
    let said = agent.ask("s1", "hello").await?;
    ensure_ended(&said, "answered", &[])?;
    ensure!(answer(&said)?.starts_with("[ministack mock"), "{said}");
    assert_eq!(fired().await?, 2, "{}", burst.fired().await?);
    let metrics = agent.metrics().await?;
    ensure!(is(requests(&metrics, ""), 1), "one request, for whoever waits");
    ensure!(is(again(&metrics), 2), "and it shows that it was sent three times");

    burst.rules(&throttles(1000, 1)).await?;
    let said = agent.ask("s2", "hello").await?;
    ensure_ended(&said, "model_failed", &[])?;
    let says = said["end"]["says"].as_str().unwrap_or_default();
    ensure!(
        says.contains("Bedrock has more requests than it takes (ThrottlingException)"),
        "{said}"
    );
    assert_eq!(fired().await?, 5, "three times and no more: {}", burst.fired().await?);
    let metrics = agent.metrics().await?;
    ensure!(is(requests(&metrics, "throttled"), 1), "it is counted");
    ensure!(is(again(&metrics), 4), "those that came to nothing, too");
    let failed = [("gen_ai_request_model", "claude"), ("outcome", "model_failed")];
    ensure!(is(metrics.sum("toolgate_agent_interactions_total", &failed), 1), "it is counted");
    let (status, ready) = agent.ready().await?;
    // Another agent would be throttled as well: nothing is gained by taking this one away.
    ensure!(status == 200, "{ready}");
    let says = part(&ready, "model")?["says"].as_str().unwrap_or_default();
    ensure!(says.contains("more requests than it takes"), "{ready}");

    burst.rules(&json!([])).await?;
    let said = agent.ask("s2", "and now?").await?;
    ensure_ended(&said, "answered", &[])?;
    let (_, ready) = agent.ready().await?;
    let says = part(&ready, "model")?["says"].as_str().unwrap_or_default();
    ensure!(!says.contains("more requests than it takes"), "{ready}");
    Ok(())
}
