//! What a client on standard input cannot say in headers, and messages that come together.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::client::{message, with_meta};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::herald::{Era, Herald, tool};
use toolgate_tests::upstream::Upstream;
use toolgate_tests::wait::until;

use super::CLOCK;
use super::child::{Front, INITIALIZED, legacy, modern};
use crate::expect::OPEN;

#[tokio::test]
async fn a_modern_client_calls_tools_that_want_their_arguments_in_headers() -> Result<()> {
    for elsewhere in [false, true] {
        let herald = Herald::start(Era::Modern).await?;
        let region = json!({ "type": "string", "x-mcp-header": "Region" });
        herald.lists(json!([tool("echo", &json!({ "region": region }))]));
        let url = herald.url();
        let config = format!("{OPEN}targets:\n  herald: {{ mcp: {{ url: \"{url}\" }} }}\n");
        let gateway = Gateway::start(&config).await?;
        let mut front = match elsewhere {
            true => Front::before(&gateway.mcp_url(), &[])?,
            false => Front::start(&config, &[])?,
        };
        for (n, value) in ["eu", "gr\u{fc}n", " us"].into_iter().enumerate() {
            let call = modern("1", "herald___echo", &json!({ "region": value }));
            let answer = front.ask(call).await?;
            ensure!(answer["result"].is_object(), "{elsewhere} {value:?}: {answer}");
            let heard = herald.until_heard("tools/call", n + 1).await?;
            ensure!(heard.body["params"]["arguments"]["region"] == value, "{:?}", heard.body);
        }
        let sent = herald.heard("tools/call");
        let told: Vec<_> = sent.iter().map(|heard| heard.header("mcp-param-region")).collect();
        let wanted = ["eu", "=?base64?Z3LDvG4=?=", "=?base64?IHVz?="].map(Some);
        assert_eq!(told, wanted, "{elsewhere}");
        if !elsewhere {
            // The first call was refused for its headers, unseen by the target; then it was known.
            let is_refused = |line: &&Value| line["reason"] == "header_mismatch";
            front.logged(|line| line["method"] == "tools/list").await?;
            let refused = front.log()?.iter().filter(is_refused).count();
            assert_eq!(refused, 1, "the other calls have their headers from the start");
        }
        // What no list helps with is told as it is.
        let absent = modern("2", "herald___absent", &json!({}));
        assert_eq!(front.ask(absent).await?["error"]["code"], -32602);
    }
    Ok(())
}

#[tokio::test]
async fn a_subscription_without_an_end_does_not_keep_the_process() -> Result<()> {
    for end in ["closed", "terminated"] {
        // Long enough that waiting for the grace period would be noticed.
        let config = format!("{OPEN}shutdown: {{ grace: 5m }}\n{CLOCK}");
        let mut front = Front::start(&config, &[])?;
        let filter = json!({ "notifications": { "toolsListChanged": true } });
        for id in ["1", "\"two\""] {
            let listen = message(id, "subscriptions/listen", &with_meta(filter.clone()));
            let first = front.ask(listen).await?;
            ensure!(first["method"] == "notifications/subscriptions/acknowledged", "{first}");
        }
        front.say(modern("3", "clock___sleep", &json!({ "ms": 100 }))).await?;
        if end == "closed" {
            front.close();
        } else {
            until("the call is counted", async || {
                let calls = front.metrics().await?.sum("toolgate_requests_active", &[]);
                Ok((calls >= 3.0).then_some(()))
            })
            .await?;
            front.terminate()?;
        }
        let rest = front.rest().await?.join("\n");
        ensure!(rest.contains(r#""id":3"#), "the call in flight is answered: {rest}");
        assert_eq!(front.ended().await?.code(), Some(0), "{end}: {}", front.stderr());
    }
    Ok(())
}

#[tokio::test]
async fn answers_of_a_client_may_come_together() -> Result<()> {
    let upstream = Upstream::asks("legacy").await?;
    let config = format!("{OPEN}targets:\n  q: {{ mcp: {{ url: \"{}\" }} }}\n", upstream.url());
    let mut front = Front::start(&config, &[])?;
    let params = json!({
        "protocolVersion": "2025-03-26",
        "capabilities": { "sampling": {} },
        "clientInfo": { "name": "e2e", "version": "1" },
    });
    front.ask(message("0", "initialize", &params.to_string())).await?;
    front.say(INITIALIZED).await?;
    front.say(legacy("1", "q___ask", &json!({ "kind": "sampling" }))).await?;
    let question = loop {
        let heard = front.hear().await?;
        if heard["method"] != "notifications/tools/list_changed" {
            break heard;
        }
    };
    ensure!(question["method"] == "sampling/createMessage", "{question}");
    let text = json!({ "type": "text", "text": "thought" });
    let result = json!({ "role": "assistant", "content": text, "model": "m" });
    let response = json!({ "jsonrpc": "2.0", "id": question["id"], "result": result });
    let late = json!({ "jsonrpc": "2.0", "id": "nobody", "result": {} });
    front.say(json!([response, late]).to_string()).await?;
    let answer = front.hear().await?;
    assert_eq!(answer["id"], 1, "nothing comes back for answers: {answer}");
    let said = answer.pointer("/result/content/0/text").and_then(Value::as_str);
    ensure!(said.context("a text")?.contains("thought"), "{answer}");
    Ok(())
}
