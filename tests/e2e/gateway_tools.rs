//! The tools of `gateway`: what an agent is told of the last calls, and who is told.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::client::{Answer, Ask, Client};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::sick::{Act, Era, Sick};
use toolgate_tests::wait::until;

const INVOKE: &str = "gateway/invoke";
const OBSERVE: &str = "gateway/observe";
/// What no answer may say.
const CANARY: &str = "c4n4ry";
/// Tools that read of everybody's calls.
const OBSERVING: [&str; 5] =
    ["me___find_calls", "me___top", "me___explain", "me___slowest", "me___errors"];

/// A gateway with its own tools as `me`, before one target.
struct House {
    gateway: Gateway,
    issuer: Issuer,
    sick: Sick,
}

impl House {
    async fn start() -> Result<Self> {
        let (issuer, sick) = (Issuer::start().await?, Sick::start(Era::Modern).await?);
        let (iss, url) = (issuer.url(), sick.url());
        let config = format!(
            "auth:\n  issuers:\n    \
             - {{ name: main, profile: cognito, issuer: \"{iss}\", clients: [{CLIENT_ID}] }}\n  \
             scopes: [{INVOKE}]\n\
             targets:\n  me: {{ builtin: gateway }}\n  \
             sick: {{ mcp: {{ url: \"{url}\" }}, timeout: 1s, retry: {{ attempts: 1 }} }}\n"
        );
        Ok(Self { gateway: Gateway::start(&config).await?, issuer, sick })
    }

    fn with(&self, scopes: &[&str]) -> Client {
        self.gateway.client().with_token(self.issuer.token(scopes))
    }
}

/// A call that carries a secret where secrets are.
fn secret(tool: &str) -> Ask {
    Ask::tool(tool, json!({ "password": CANARY })).header("x-secret", CANARY)
}

fn id(answer: &Answer) -> Result<String> {
    answer.header("x-request-id").context("no X-Request-Id")
}

/// What `explain` says of a call, once it has ended.
async fn explained(observer: &Client, id: &str) -> Result<(Value, String)> {
    until(format!("{id} is on record"), async || {
        let answer = observer.tool("me___explain", json!({ "request_id": id })).await?;
        let result = answer.result()?;
        if result["isError"] == true {
            ensure!(result["structuredContent"]["code"] == "not_found", "{result}");
            return Ok(None);
        }
        let text = result["content"][0]["text"].as_str().context("no text")?.to_owned();
        Ok(Some((result["structuredContent"]["calls"][0].clone(), text)))
    })
    .await
}

#[tokio::test]
async fn an_agent_is_told_where_the_time_went_and_whose_fault_it_was() -> Result<()> {
    let house = House::start().await?;
    let (caller, observer) = (house.with(&[INVOKE]), house.with(&[INVOKE, OBSERVE]));
    caller.send(secret("sick___read")).await?.result()?;
    house.sick.then([Act::Hang]);
    let late = id(&caller.send(secret("sick___read")).await?)?;
    house.sick.then([Act::page("503 Service Unavailable", "text/plain", CANARY)]);
    let failed = id(&caller.send(secret("sick___write")).await?)?;
    let stranger = house.gateway.client().with_token(format!("{CANARY}{CANARY}"));
    let denied = id(&stranger.send(secret("sick___read")).await?)?;

    let (call, text) = explained(&observer, &late).await?;
    let summary = call["call"]["summary"].as_str().context("no summary")?;
    ensure!(summary.starts_with("sick___read: 1.0 s, "), "{summary}");
    ensure!(summary.contains("waiting for the target's first byte"), "{summary}");
    ensure!(summary.ends_with("timeout_first_byte; blame target"), "{summary}");
    ensure!(text.starts_with(summary) && text.contains("Whoever runs the target"), "{text}");
    let line = house.gateway.line(&late).await?;
    assert_eq!(call["call"]["trace_id"], line["trace_id"]);
    assert_eq!(call["caller"]["hash"], line["subject_hash"]);
    let spent = |phase: &str| {
        let phases = call["phases"].as_array().into_iter().flatten();
        phases.filter(|one| one["phase"] == phase).find_map(|one| one["ms"].as_f64())
    };
    ensure!(spent("wait").is_some_and(|ms| ms > 900.0), "{call}");
    let sum: f64 =
        call["phases"].as_array().into_iter().flatten().filter_map(|p| p["ms"].as_f64()).sum();
    let wall = call["call"]["duration_ms"].as_f64().context("no duration")?;
    ensure!((sum - wall).abs() <= wall * 0.01, "{sum} is not {wall}");

    let (call, _) = explained(&observer, &denied).await?;
    assert_eq!(call["decision"], json!({ "verdict": "refused", "rule": "authentication" }));
    let (call, _) = explained(&observer, &failed).await?;
    assert_eq!(
        (&call["call"]["reason"], &call["call"]["blame"]),
        (&json!("upstream_5xx"), &json!("target"))
    );
    assert_eq!(call["attempts"].as_array().map(Vec::len), Some(1));

    let ask = async |tool: &str, arguments: Value| {
        let result = observer.tool(tool, arguments).await?.result()?;
        ensure!(result["isError"] == false, "{result}");
        let text = result["content"][0]["text"].as_str().unwrap_or_default().to_owned();
        ensure!(!result.to_string().contains(CANARY), "a secret got out: {result}");
        anyhow::Ok((result["structuredContent"].clone(), text))
    };
    let (slowest, _) = ask("me___slowest", json!({ "target": "sick", "limit": 1 })).await?;
    assert_eq!(slowest["calls"][0]["request_id"], json!(late));
    assert_eq!(slowest["truncated"], true);
    let (errors, text) = ask("me___errors", json!({ "blame": "target" })).await?;
    assert_eq!(errors["failed"], 2);
    ensure!(text.contains("sick___read: 1 × timeout_first_byte; blame target"), "{text}");
    let (top, _) = ask("me___top", json!({ "target": "sick" })).await?;
    assert_eq!(top["groups"][0]["name"], "sick___read");
    assert_eq!(top["groups"][0]["failed_by"], json!({ "target": 1 }));
    let hash = line["subject_hash"].as_str().context("no hash")?;
    let (found, _) = ask("me___find_calls", json!({ "caller": hash, "outcome": "failed" })).await?;
    let ids = found["calls"].as_array().context("no calls")?;
    let ids: Vec<_> = ids.iter().filter_map(|call| call["request_id"].as_str()).collect();
    assert_eq!(ids, [failed.as_str(), late.as_str()]);
    assert_eq!(found["coverage"]["complete"], true);
    Ok(())
}

#[tokio::test]
async fn whoever_lacks_the_scope_neither_sees_nor_calls_them() -> Result<()> {
    let house = House::start().await?;
    let (caller, observer) = (house.with(&[INVOKE]), house.with(&[INVOKE, OBSERVE]));
    until("they are listed to whoever may", async || {
        let seen = observer.tools().await?;
        Ok(OBSERVING.iter().all(|tool| seen.iter().any(|seen| seen == tool)).then_some(()))
    })
    .await?;
    let seen = caller.tools().await?;
    ensure!(seen.contains(&"me___status".to_owned()), "{seen:?}");
    ensure!(!OBSERVING.iter().any(|tool| seen.iter().any(|seen| seen == tool)), "{seen:?}");
    for tool in OBSERVING {
        let refused = caller.tool(tool, json!({ "request_id": "x" })).await?;
        let message = refused.message()?;
        ensure!(refused.status != 200 || message.get("error").is_some(), "{message}");
        ensure!(message.get("result").is_none(), "{message}");
    }
    Ok(())
}

#[tokio::test]
async fn records_that_were_pushed_out_are_not_passed_over_in_silence() -> Result<()> {
    let house = House::start().await?;
    let (caller, observer) = (house.with(&[INVOKE]), house.with(&[INVOKE, OBSERVE]));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let caller = caller.clone();
        callers.spawn(async move {
            for _ in 0..200 {
                caller.tool("me___status", json!({})).await?.result()?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    until("the records are not complete any more", async || {
        let result = observer.tool("me___top", json!({})).await?.result()?;
        let coverage = &result["structuredContent"]["coverage"];
        if coverage["complete"] == true {
            return Ok(None);
        }
        ensure!(coverage["complete_since"].is_string(), "{coverage}");
        let text = result["content"][0]["text"].as_str().unwrap_or_default();
        ensure!(text.contains("Not all calls are held"), "{text}");
        Ok(Some(()))
    })
    .await?;
    Ok(())
}
