//! The HTTP face: who may ask, how it refuses, what it promises.

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use toolgate_tests::agent::{Agent, through};
use toolgate_tests::client::{Answer, Ask, Client};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::issuer::Issuer;

use super::{House, SCOPES, scripted};
use crate::expect::OPEN;

fn invocation(body: &Value) -> Ask {
    Ask::post(body.to_string()).to("/invocations")
}

/// A refusal has a status, a type and a sentence (RFC 9457).
fn refused(answer: &Answer, status: u16, says: &str) -> Result<()> {
    let text = answer.text();
    ensure!(answer.status == status, "{}, not {status}: {text}", answer.status);
    let kind = answer.header("content-type").unwrap_or_default();
    ensure!(kind == "application/problem+json", "{kind}: {text}");
    let body: Value = serde_json::from_slice(&answer.body)?;
    ensure!(body["status"] == status && body["title"].is_string(), "{body}");
    ensure!(body["detail"].as_str().is_some_and(|detail| detail.contains(says)), "{body}");
    Ok(())
}

async fn script(script: Value, more: &[(&'static str, String)]) -> Result<Agent> {
    let (_script, mut settings) = scripted(&script)?;
    settings.extend_from_slice(more);
    Agent::start(&settings).await
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_with_the_right_status() -> Result<()> {
    let agent = script(json!([{ "replies": [{ "text": "hello" }] }]), &[]).await?;
    let client = agent.client();
    let send = async |ask: Ask| client.send(ask).await;
    let good = json!({ "prompt": "hi" });
    let foreign = send(invocation(&good).instead("host", "evil.example.com")).await?;
    refused(&foreign, 421, "not called by this name")?;
    let page = send(invocation(&good).header("origin", "https://evil.example.com")).await?;
    refused(&page, 403, "another origin")?;
    let form = send(invocation(&good).instead("content-type", "text/plain")).await?;
    refused(&form, 415, "JSON")?;
    refused(&send(Ask::post("{").to("/invocations")).await?, 400, "EOF")?;
    refused(&send(invocation(&json!({}))).await?, 400, "prompt")?;
    refused(&send(invocation(&json!({ "prompt": " " }))).await?, 400, "no question")?;
    let unknown = send(invocation(&json!({ "prompt": "hi", "model": "gpt" }))).await?;
    refused(&unknown, 400, "script, rules")?;
    let long = send(invocation(&json!({ "prompt": "x".repeat(200_000) }))).await?;
    refused(&long, 413, "longer than")?;
    let huge = send(invocation(&json!({ "prompt": "x".repeat(2_000_000) }))).await?;
    refused(&huge, 413, "too large")?;
    let short = invocation(&good).header("x-amzn-bedrock-agentcore-runtime-session-id", "short");
    refused(&send(short).await?, 400, "33 to 256")?;
    refused(&send(Ask::get("/nothing")).await?, 404, "/nothing")?;
    refused(&send(Ask::of(Method::GET, "/invocations")).await?, 405, "GET")?;
    refused(&send(Ask::get("/api/turns/x/events")).await?, 404, "turn")?;
    Ok(())
}

#[tokio::test]
async fn a_page_elsewhere_whose_origin_is_named_may_call_and_read() -> Result<()> {
    const PAGE: &str = "https://app.example.com";
    let origins = [("server/origins", PAGE.to_owned())];
    let agent = script(json!([{ "replies": [{ "text": "hello" }] }]), &origins).await?;
    let client = agent.client();
    let allowed = |answer: &Answer| answer.header("access-control-allow-origin");
    let preflight = |origin: &str| {
        let ask = Ask::of(Method::OPTIONS, "/invocations").header("origin", origin);
        client.send(ask.header("access-control-request-method", "POST"))
    };
    let may = preflight(PAGE).await?;
    assert_eq!((may.status, allowed(&may).as_deref()), (204, Some(PAGE)));
    let said = client.send(invocation(&json!({ "prompt": "hi" })).header("origin", PAGE)).await?;
    ensure!(said.status == 200 && said.text().contains("hello"), "{}", said.text());
    assert_eq!(allowed(&said).as_deref(), Some(PAGE));
    ensure!(said.header("access-control-allow-credentials").is_none(), "{:?}", said.headers);
    for other in ["https://evil.example.com", "https://app.example.com.evil.com", "null"] {
        let refusal = preflight(other).await?;
        refused(&refusal, 403, "another origin")?;
        ensure!(allowed(&refusal).is_none(), "{:?}", refusal.headers);
    }
    Ok(())
}

#[tokio::test]
async fn a_session_and_an_id_are_kept_or_made() -> Result<()> {
    let agent = script(json!([{ "replies": [{ "text": "hello" }] }]), &[]).await?;
    const SESSION: &str = "x-amzn-bedrock-agentcore-runtime-session-id";
    let name = "a".repeat(40);
    let ask = invocation(&json!({ "prompt": "hi" }));
    let kept = ask.clone().header(SESSION, &name).header("x-request-id", "mine-1");
    let kept = agent.client().send(kept).await?;
    assert_eq!(kept.header(SESSION).as_deref(), Some(name.as_str()));
    assert_eq!(kept.header("x-request-id").as_deref(), Some("mine-1"));
    let made = agent.client().send(ask).await?;
    ensure!(made.header(SESSION).is_some_and(|name| name.len() >= 33), "{:?}", made.headers);
    let page = agent.client().send(Ask::get("/")).await?;
    let policy = page.header("content-security-policy").context("no policy")?;
    ensure!(policy.contains("default-src 'none'"), "{policy}");
    ensure!(policy.contains("require-trusted-types-for 'script'"), "{policy}");
    assert_eq!(page.header("x-content-type-options").as_deref(), Some("nosniff"));
    Ok(())
}

#[tokio::test]
async fn it_is_busy_while_a_turn_goes_on_and_takes_no_more_than_agreed() -> Result<()> {
    let slow = json!([{ "replies": [{ "think_ms": 60_000, "text": "never" }] }]);
    let agent = script(slow, &[("limits/turns", "1".to_owned())]).await?;
    let ping = async || -> Result<Value> {
        let answer = agent.client().send(Ask::get("/ping")).await?;
        Ok(serde_json::from_slice(&answer.body)?)
    };
    let idle = ping().await?;
    ensure!(idle["status"] == "Healthy" && idle == ping().await?, "it moves by itself: {idle}");
    let begun = agent.client().send(turn("for ever")).await?;
    ensure!(begun.status == 202, "{}", begun.text());
    assert_eq!(ping().await?["status"], "HealthyBusy");
    let more = agent.client().send(invocation(&json!({ "prompt": "hi" }))).await?;
    refused(&more, 429, "as many turns")?;
    assert_eq!(more.header("retry-after").as_deref(), Some("1"));
    let id: Value = serde_json::from_slice(&begun.body)?;
    let id = id["turn"].as_str().context("no id")?.to_owned();
    let stopped = Ask::post("{}").to(&format!("/api/turns/{id}/stop"));
    ensure!(agent.client().send(stopped).await?.status < 300, "it is stopped");
    let events = agent.client().send(Ask::get(&format!("/api/turns/{id}/events"))).await?;
    ensure!(events.text().contains(r#""reason":"stopped""#), "{}", events.text());
    assert_eq!(ping().await?["status"], "Healthy");
    Ok(())
}

fn turn(text: &str) -> Ask {
    Ask::post(json!({ "text": text }).to_string()).to("/api/turns")
}

#[tokio::test]
async fn who_comes_back_hears_the_rest_and_nothing_twice() -> Result<()> {
    let agent = script(json!([{ "replies": [{ "text": "one two three" }] }]), &[]).await?;
    let begun = agent.client().send(turn("hi")).await?;
    let begun: Value = serde_json::from_slice(&begun.body)?;
    let path = format!("/api/turns/{}/events", begun["turn"].as_str().context("no id")?);
    let all = agent.client().send(Ask::get(&path)).await?;
    let ids = |text: &str| -> Vec<usize> {
        let lines = text.lines().filter_map(|line| line.strip_prefix("id: "));
        lines.filter_map(|id| id.trim().parse().ok()).collect()
    };
    let every = ids(&all.text());
    ensure!(every.len() > 5 && every.first() == Some(&1), "{}", all.text());
    let rest = agent.client().send(Ask::get(&path).header("last-event-id", "4")).await?;
    assert_eq!(ids(&rest.text()).as_slice(), every.get(4..).context("fewer")?);
    Ok(())
}

#[tokio::test]
async fn who_signs_in_gets_a_cookie_that_no_script_reads_and_only_their_own() -> Result<()> {
    let house = House::start("", "").await?;
    let agent = house.agent(&[("server/access", "token".to_owned())]).await?;
    let sign_in = async |token: &str| {
        let body = json!({ "token": token }).to_string();
        agent.client().send(Ask::post(body).to("/api/sign-in")).await
    };
    refused(&sign_in("a.b.c").await?, 401, "does not take this token")?;
    let token_of = |name: &str| {
        let mut claims = house.issuer.claims(&SCOPES);
        claims["sub"] = json!(name);
        house.issuer.mint(claims)
    };
    let signed = sign_in(&token_of("ann")).await?;
    let cookie = signed.header("set-cookie").context("no cookie")?;
    ensure!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let with = |ask: Ask| ask.header("cookie", &cookie);
    let begun = agent.client().send(with(turn("hello"))).await?;
    ensure!(begun.status == 202, "{}", begun.text());
    let begun: Value = serde_json::from_slice(&begun.body)?;
    let path = format!("/api/turns/{}/events", begun["turn"].as_str().context("no id")?);
    let bob: Client = agent.client().with_token(token_of("bob"));
    refused(&bob.send(Ask::get(&path)).await?, 404, "turn")?;
    refused(&agent.client().send(Ask::get(&path)).await?, 401, "token")?;
    let own = agent.client().send(with(Ask::get(&path))).await?;
    ensure!(own.text().contains("turn.end"), "{}", own.text());
    agent.client().send(with(Ask::post("{}").to("/api/sign-out"))).await?;
    refused(&agent.client().send(with(Ask::get(&path))).await?, 401, "token")?;
    Ok(())
}

#[tokio::test]
async fn a_gateway_that_checks_no_tokens_vouches_for_nobody() -> Result<()> {
    let gateway =
        Gateway::start(&format!("{OPEN}\ntargets:\n  clock: {{ builtin: clock }}\n")).await?;
    let mut settings = through(&gateway.mcp_url(), "any");
    settings.push(("server/access", "token".to_owned()));
    let agent = Agent::start(&settings).await?;
    let issuer = Issuer::start().await?;
    let ann = agent.client().with_token(issuer.token(&SCOPES));
    refused(&ann.send(turn("hello")).await?, 503, "checks no tokens")?;
    let body = json!({ "token": issuer.token(&SCOPES) }).to_string();
    let signed = agent.client().send(Ask::post(body).to("/api/sign-in")).await?;
    refused(&signed, 503, "checks no tokens")?;
    ensure!(signed.header("set-cookie").is_none(), "{:?}", signed.headers);
    Ok(())
}

#[tokio::test]
async fn told_to_stop_it_ends_what_goes_on_and_then_itself() -> Result<()> {
    let script_ = json!([{ "replies": [{ "delta_ms": 200, "text": "one two three four" }] }]);
    let agent = script(script_, &[]).await?;
    let mut events = agent.stream("s1", "go").await?;
    while events.next_message().await?["type"] != "text" {}
    let stopping = tokio::spawn(agent.stop());
    let mut last = Value::Null;
    while last["type"] != "turn.end" {
        last = events.next_message().await?;
    }
    ensure!(last["reason"] == "answered", "{last}");
    let (status, _) = stopping.await??;
    ensure!(status.success(), "{status}");
    Ok(())
}
