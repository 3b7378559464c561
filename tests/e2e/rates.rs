//! Who calls too often is told when to come again, and nobody else notices.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::gateway::{Gateway, parse_log};
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::process::Scratch;
use toolgate_tests::sick::{Era, Sick};

use crate::expect::{OPEN, Refused};

const LIMITED: Refused = Refused {
    status: 429,
    code: 429,
    says: "this caller's limit of 3 calls in 3600s is used up; nothing was sent, call again in",
    reason: "rate_limited",
    blame: "caller",
    retry_safe: true,
};

#[tokio::test]
async fn a_caller_over_its_rate_is_refused_alone_and_the_refusal_is_on_record() -> Result<()> {
    let (issuer, sick) = (Issuer::start().await?, Sick::start(Era::Modern).await?);
    let scratch = Scratch::new()?;
    let (log, url) = (scratch.path().join("audit.jsonl"), sick.url());
    let gateway = Gateway::start(&format!(
        "auth: {{ issuers: [{{ name: main, profile: cognito, issuer: \"{}\", clients: [{CLIENT_ID}] }}] }}\n\
         limits: {{ rates: [{{ per: principal, calls: 3, every: 1h, tool: sick___read }}] }}\n\
         audit: {{ file: \"{}\" }}\ntargets: {{ sick: {{ mcp: {{ url: \"{url}\" }} }} }}\n",
        issuer.url(),
        log.display(),
    ))
    .await?;
    let as_subject = |subject: &str| {
        let mut claims = issuer.claims(&[]);
        claims["sub"] = json!(subject);
        gateway.client().with_token(issuer.mint(claims))
    };
    let (eager, other) = (as_subject("eager"), as_subject("other"));
    for _ in 0..3 {
        eager.tool("sick___read", json!({})).await?.result()?;
    }
    let before = sick.calls("read");
    let answer = eager.tool("sick___read", json!({})).await?;
    let error = LIMITED.check(&gateway, &answer).await?;
    ensure!(sick.calls("read") == before, "it was sent");
    let seconds: u64 = answer.header("retry-after").context("no Retry-After")?.parse()?;
    let millis = error["data"]["retry_after_ms"].as_u64().context("no retry_after_ms")?;
    ensure!(
        (1190..=1200).contains(&seconds) && millis.div_ceil(1000) == seconds,
        "{seconds} {millis}"
    );
    other.tool("sick___read", json!({})).await?.result()?;
    eager.tool("sick___write", json!({})).await?.result()?;
    let metrics = gateway.metrics().await?;
    ensure!(metrics.sum("toolgate_rate_limited_total", &[("scope", "principal")]) == 1.0);
    gateway.stop().await?;
    let records = parse_log(&std::fs::read_to_string(log)?)?;
    let denied: Vec<&Value> = records.iter().filter(|one| one["kind"] == "deny").collect();
    ensure!(denied.len() == 1, "{denied:?}");
    let told = (&denied[0]["reason"], &denied[0]["rule"], &denied[0]["subject"]);
    ensure!(told == (&json!("rate_limited"), &json!("rates"), &json!("eager")), "{}", denied[0]);
    Ok(())
}

/// The target of an agent that goes round in circles hears of it only as often as it must.
#[tokio::test]
async fn a_caller_that_goes_round_in_circles_is_stopped_in_words_and_others_are_not() -> Result<()>
{
    const STOPPED: Refused = Refused {
        status: 429,
        code: 429,
        says: "was called 3 times in a row with exactly these arguments, and the answer was the same",
        reason: "rate_limited",
        blame: "caller",
        retry_safe: false,
    };
    let (sick, scratch) = (Sick::start(Era::Modern).await?, Scratch::new()?);
    let log = scratch.path().join("audit.jsonl");
    let gateway = Gateway::start(&format!(
        "{OPEN}limits: {{ loops: {{ slow_after: 3, stop_after: 3, forget_after: 1h }} }}\n\
         audit: {{ file: \"{}\" }}\n\
         targets: {{ sick: {{ mcp: {{ url: \"{}\" }} }}, clock: {{ builtin: clock }} }}\n",
        log.display(),
        sick.url(),
    ))
    .await?;
    let client = gateway.client();
    let same = json!({ "city": "Bern" });
    for _ in 0..3 {
        client.tool("sick___read", same.clone()).await?.result()?;
    }
    let before = sick.calls("read");
    let answer = client.tool("sick___read", same).await?;
    STOPPED.check(&gateway, &answer).await?;
    ensure!(answer.header("retry-after").is_some() && sick.calls("read") == before);
    // Other arguments are another call, and an answer that is new is progress.
    client.tool("sick___read", json!({ "city": "Basel" })).await?.result()?;
    for _ in 0..5 {
        client.tool("clock___now", json!({})).await?.result()?;
    }
    let stopped = [("outcome", "stopped")];
    ensure!(gateway.metrics().await?.sum("toolgate_repeated_calls_total", &stopped) == 1.0);
    gateway.stop().await?;
    let records = parse_log(&std::fs::read_to_string(log)?)?;
    let rules: Vec<&Value> =
        records.iter().filter(|one| one["kind"] == "deny").map(|one| &one["rule"]).collect();
    ensure!(rules == ["loops"], "{rules:?}");
    Ok(())
}
