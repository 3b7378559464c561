//! What was told is known later, to whoever told it.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::client::{Ask, Client};

use super::{House, SCOPES, answer, ensure_ended, written};

#[tokio::test]
async fn what_was_told_is_known_in_another_session_and_after_a_power_cut() -> Result<()> {
    let house = House::start("", "").await?;
    let agent = house.agent(&[]).await?;
    agent.ask("one", "Our staging cluster is called blue-7.").await?;
    written(&agent).await?;
    let asked = agent.ask("two", "What is our staging cluster called?").await?;
    ensure!(answer(&asked)?.contains("blue-7"), "{asked}");
    let agent = agent.killed_and_back().await?;
    let asked = agent.ask("three", "What is our staging cluster called?").await?;
    ensure_ended(&asked, "answered", &[])?;
    ensure!(answer(&asked)?.contains("blue-7"), "{asked}");
    Ok(())
}

#[tokio::test]
async fn nobody_is_told_what_another_has_said() -> Result<()> {
    let house = House::start("", "").await?;
    let agent = house.agent(&[("server/access", "token".to_owned())]).await?;
    let token_of = |name: &str| {
        let mut claims = house.issuer.claims(&SCOPES);
        claims["sub"] = json!(name);
        house.issuer.mint(claims)
    };
    let said = agent.client().send(invocation("hello")).await?;
    assert_eq!(said.status, 401, "{}", said.text());
    assert_eq!(said.header("content-type").as_deref(), Some("application/problem+json"));
    let forged = agent.client().with_token("a.b.c").send(invocation("hello")).await?;
    assert_eq!(forged.status, 401, "{}", forged.text());
    let ann = agent.client().with_token(token_of("ann"));
    let bob = agent.client().with_token(token_of("../ann%00'; --"));
    ask(&ann, "Our staging cluster is called blue-7.").await?;
    written(&agent).await?;
    let known = ask(&ann, "What is our staging cluster called?").await?;
    ensure!(answer(&known)?.contains("blue-7"), "{known}");
    let unknown = ask(&bob, "What is our staging cluster called?").await?;
    ensure!(!answer(&unknown)?.contains("blue-7"), "{unknown}");
    let records = bob.send(Ask::get("/api/memory")).await?;
    ensure!(records.status == 200 && !records.text().contains("blue-7"), "{}", records.text());
    let sessions = ann.send(Ask::get("/api/sessions")).await?;
    ensure!(sessions.text().contains("shared"), "{}", sessions.text());
    Ok(())
}

/// Both in one session by name: a name gives nobody a right.
fn invocation(question: &str) -> Ask {
    let body = json!({ "prompt": question, "sessionId": "shared" }).to_string();
    Ask::post(body).to("/invocations")
}

async fn ask(client: &Client, question: &str) -> Result<Value> {
    let said = client.send(invocation(question)).await?;
    ensure!(said.status == 200, "{}: {}", said.status, said.text());
    Ok(serde_json::from_slice(&said.body)?)
}
