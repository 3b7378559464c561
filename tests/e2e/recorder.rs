//! The flight recorder: the last calls, read back from the admin port and from a file.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use toolgate_tests::client::{Answer, Ask, Client};
use toolgate_tests::collector::Collector;
use toolgate_tests::gateway::{Gateway, parse_log};
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::sick::{Act, Era, Pace, Sick};
use toolgate_tests::wait::until;

const SCOPE: &str = "gateway/invoke";
/// More good calls than the recorder has room for.
const FLOOD: usize = 2_000;
/// Callers at once.
const CALLERS: usize = 8;
/// What no record may say.
const CANARY: &str = "c4n4ry";

/// A gateway that takes tokens, before one target; slow is what takes longer than 250 ms.
struct House {
    gateway: Gateway,
    issuer: Issuer,
    sick: Sick,
    _collector: Collector,
}

impl House {
    async fn start() -> Result<Self> {
        let (issuer, sick) = (Issuer::start().await?, Sick::start(Era::Modern).await?);
        let collector = Collector::start().await?;
        let (iss, url, otlp) = (issuer.url(), sick.url(), collector.url());
        let config = format!(
            "auth:\n  issuers:\n    \
             - {{ name: main, profile: cognito, issuer: \"{iss}\", clients: [{CLIENT_ID}] }}\n  \
             scopes: [{SCOPE}]\n\
             traces: {{ sample: 0, slow: 250ms, otlp: {{ endpoint: \"{otlp}\" }} }}\n\
             targets:\n  sick: {{ mcp: {{ url: \"{url}\" }} }}\n"
        );
        let gateway = Gateway::start(&config).await?;
        Ok(Self { gateway, issuer, sick, _collector: collector })
    }

    fn caller(&self) -> (Client, String) {
        let token = self.issuer.token(&[SCOPE]);
        (self.gateway.client().with_token(&token), token)
    }

    /// The record of the call that was answered so, once it has ended.
    async fn record_of(&self, answer: &Answer) -> Result<Value> {
        let id = answer.header("x-request-id").context("no X-Request-Id")?;
        let page = format!("/debug/calls/{id}");
        until(format!("the recorder has {id}"), async || {
            let answer = self.gateway.admin(&page).await?;
            if answer.status != 200 {
                return Ok(None);
            }
            let mut found: Value = serde_json::from_str(&answer.text())?;
            Ok(Some(found["calls"][0].take()))
        })
        .await
    }

    async fn calls(&self, query: &str) -> Result<Vec<Value>> {
        let answer = self.gateway.admin(&format!("/debug/calls{query}")).await?;
        ensure!(answer.status == 200, "{query}: {} {}", answer.status, answer.text());
        let found: Value = serde_json::from_str(&answer.text())?;
        Ok(found["calls"].as_array().context("no calls")?.clone())
    }
}

/// A call that carries secrets where secrets are.
fn secret(tool: &str) -> Ask {
    Ask::tool(tool, json!({ "password": CANARY })).header("x-secret", CANARY)
}

async fn flood(client: &Client) -> Result<()> {
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let client = client.clone();
        callers.spawn(async move {
            for _ in 0..FLOOD / CALLERS {
                client.send(secret("sick___read")).await?.result()?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    Ok(())
}

#[tokio::test]
async fn the_last_calls_can_be_read_back_and_a_flood_leaves_what_matters() -> Result<()> {
    let house = House::start().await?;
    let (client, token) = house.caller();
    client.send(secret("sick___read")).await?.result()?;
    client.send(secret("sick___write")).await?.result()?;
    let good = client.send(secret("sick___read")).await?;
    house.sick.then([
        Act::page("503 Service Unavailable", "text/plain", CANARY),
        Act::page("503 Service Unavailable", "text/plain", CANARY),
        Act::Slow(Pace::Drip(Duration::from_millis(5))),
    ]);
    // The first failure of its kind is kept as such, the second as a failure.
    let first = client.send(secret("sick___write")).await?;
    let failed = client.send(secret("sick___write")).await?;
    let slow = client.send(secret("sick___write")).await?;
    let stranger = house.gateway.client().with_token(format!("{CANARY}{CANARY}"));
    let denied = stranger.send(secret("sick___read")).await?;
    assert_eq!(denied.status, 401);

    let record = house.record_of(&good).await?;
    assert_eq!((&record["outcome"], &record["kept"]), (&json!("ok"), &Value::Null), "{record}");
    flood(&client).await?;

    for (answer, kept, reason) in [
        (&first, "first", json!("upstream_5xx")),
        (&failed, "failed", json!("upstream_5xx")),
        (&slow, "slow", Value::Null),
        (&denied, "caller", json!("unauthenticated")),
    ] {
        let record = house.record_of(answer).await?;
        assert_eq!((&record["kept"], &record["reason"]), (&json!(kept), &reason), "{record}");
        agrees(&record, &house.gateway.line_of(answer).await?)?;
    }
    let gone = house.gateway.admin("/debug/calls/no-such-call").await?;
    assert_eq!(gone.status, 404);

    let failures = house.calls("?blame=target&tool=write").await?;
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert_eq!(failures[0]["tries"][0]["reason"], "upstream_5xx");
    assert!(failures[0]["course"].as_array().is_some_and(|course| course.len() > 3));
    let slower = house.calls("?slower_ms=250&target=sick&limit=500").await?;
    assert!(slower.iter().any(|call| call["request_id"] == *slow.header("x-request-id").unwrap()));
    assert_eq!(house.calls("?limit=3").await?.len(), 3);
    let wrong = house.gateway.admin("/debug/calls?resaon=dns").await?;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("reason, blame"), "{}", wrong.text());
    let all = house.gateway.admin("/debug/calls?limit=500").await?.text();
    nothing_secret(&all, &token)
}

#[tokio::test]
async fn a_signal_writes_the_records_to_a_file() -> Result<()> {
    let house = House::start().await?;
    let (client, token) = house.caller();
    let good = client.send(secret("sick___read")).await?;
    house.sick.then([Act::page("503 Service Unavailable", "text/plain", CANARY)]);
    let failed = client.send(secret("sick___read")).await?;
    house.record_of(&good).await?;
    let record = house.record_of(&failed).await?;
    house.gateway.signal(Signal::USR1)?;
    let path = until("the file is named", async || {
        let said = house.gateway.stderr();
        let named = said.split("the records of the last calls are in ").nth(1);
        Ok(named.and_then(|rest| Some(rest.split_once('\n')?.0.to_owned())))
    })
    .await?;
    let text = std::fs::read_to_string(&path)?;
    let lines = parse_log(&text)?;
    assert!(lines.contains(&record), "{text}");
    assert!(lines.iter().any(|line| line["request_id"] == *good.header("x-request-id").unwrap()));
    nothing_secret(&text, &token)?;
    // It goes on as before.
    client.send(secret("sick___read")).await?.result()?;
    Ok(())
}

/// What both say, they say alike.
fn agrees(record: &Value, line: &Value) -> Result<()> {
    let line = line.as_object().context("a line is an object")?;
    for (field, said) in line {
        let elsewhere = ["level", "msg", "rpc_id"].contains(&field.as_str());
        ensure!(elsewhere || record[field] == *said, "{field}: {record} is not {said}");
    }
    Ok(())
}

fn nothing_secret(text: &str, token: &str) -> Result<()> {
    ensure!(!text.contains(CANARY), "a secret got out: {text}");
    for piece in token.split('.') {
        ensure!(piece.len() < 20 || !text.contains(piece), "a token got out: {text}");
    }
    Ok(())
}
