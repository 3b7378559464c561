//! Whose question it is: nobody answers another's.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use toolgate_tests::client::{Ask, Client, message};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::issuer::{CLIENT_ID, Issuer, OTHER_CLIENT};
use toolgate_tests::upstream::Upstream;

use crate::asks::scene::{able, answers, request};
use crate::expect::OPEN;

const SCOPE: &str = "gateway/invoke";

/// A gateway that takes tokens of two clients, and one with the token of each.
async fn house(issuer: &Issuer, upstream: &Upstream) -> Result<(Gateway, Client, Client)> {
    let config = format!(
        "auth:
  issuers:
    - {{ name: pool, profile: cognito, issuer: \"{}\", clients: [{CLIENT_ID}, {OTHER_CLIENT}] }}
  scopes: [{SCOPE}]
targets:
  q: {{ mcp: {{ url: \"{}\" }} }}
",
        issuer.url(),
        upstream.url()
    );
    let gateway = Gateway::start(&config).await?;
    let one = gateway.client().with_token(issuer.token(&[SCOPE]));
    let other = gateway.client().with_token(issuer.others_token(&[SCOPE]));
    Ok((gateway, one, other))
}

#[tokio::test]
async fn a_caller_answers_only_what_it_was_asked_itself() -> Result<()> {
    let (issuer, upstream) = tokio::try_join!(Issuer::start(), Upstream::asks("legacy"))?;
    let (_gateway, one, other) = house(&issuer, &upstream).await?;
    let (form, can) = (json!({ "kind": "form" }), able());
    let asked = one.send(request("ask", &form, &can, None)).await?.result()?;
    let retry = answers(&asked)?;
    let stolen = other.send(request("ask", &form, &can, Some(retry.clone()))).await?;
    let error = stolen.message()?["error"].clone();
    ensure!(error["code"] == -32602 && error.to_string().contains("start anew"), "{error}");
    let last = one.send(request("ask", &form, &can, Some(retry))).await?;
    ensure!(last.content()?.contains("Ada"), "it is still there for its owner: {}", last.text());

    let session = one.able_session(&can).await?;
    let params = json!({ "name": "q___ask", "arguments": form }).to_string();
    let mut call = session.open(message("7", "tools/call", &params)).await?;
    let question = call.next_message().await?;
    let result = json!({ "action": "accept", "content": { "name": "Eve" } });
    let response = json!({ "jsonrpc": "2.0", "id": question["id"], "result": result }).to_string();
    let stolen = other.send(Ask::on_session(&session.id, response)).await?;
    ensure!(stolen.status == 404, "a session is its owner's: {}", stolen.text());
    let result = json!({ "action": "accept", "content": { "name": "Ada" } });
    let response = json!({ "jsonrpc": "2.0", "id": question["id"], "result": result });
    ensure!(session.send(response.to_string()).await?.status == 202);
    let said = call.next_message().await?;
    let text = said.pointer("/result/content/0/text").and_then(serde_json::Value::as_str);
    ensure!(text.context("a text")?.contains("Ada"), "{said}");
    Ok(())
}

#[tokio::test]
async fn what_is_asked_at_one_server_is_not_answered_at_another() -> Result<()> {
    let upstream = Upstream::asks("legacy").await?;
    let config = format!(
        "{OPEN}targets:\n  q: {{ mcp: {{ url: \"{}\" }} }}\nservers:\n  a: {{ targets: [q] }}\n  \
         b: {{ targets: [q] }}\n  c: {{ targets: [q], tools: {{ deny: [q___ask] }} }}\n",
        upstream.url()
    );
    let gateway = Gateway::start(&config).await?;
    let at = |server: &str| gateway.client().at(&format!("/mcp{server}"));
    let (form, can) = (json!({ "kind": "form" }), able());
    for (own, others) in [("/a", ["", "/b", "/c"]), ("", ["/a", "/b", "/c"])] {
        let asked = at(own).send(request("ask", &form, &can, None)).await?.result()?;
        let retry = answers(&asked)?;
        for other in others {
            let stolen = at(other).send(request("ask", &form, &can, Some(retry.clone()))).await?;
            let error = stolen.message()?["error"].clone();
            ensure!(error["code"] == -32602, "{own} at {other}: {error}");
            let hidden = error.to_string().contains("unknown tool");
            ensure!(hidden == (other == "/c"), "{own} at {other}: {error}");
        }
        let last = at(own).send(request("ask", &form, &can, Some(retry))).await?;
        ensure!(last.content()?.contains("Ada"), "it is still there at its own: {}", last.text());
    }
    Ok(())
}
