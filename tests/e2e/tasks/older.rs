//! The tasks of 2025-11-25, as the reference server has them: for callers of both eras.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::client::Client;
use toolgate_tests::gateway::Gateway;
use toolgate_tests::wait::until;

use super::{TASKS, UNKNOWN, ask, listed};
use crate::expect::{OPEN, Refused};
use crate::peers::driver::{Driver, Era, Peer, installed, script_yaml};
use crate::peers::stage::Everything;

const TOOL: &str = "simulate-research-query";
const ONLY_AS_TASK: Refused = Refused::caller(400, -32021, "invalid_params", "as a task only");

/// The reference server over HTTP, or as a child.
async fn reference(over_http: bool) -> Result<(Gateway, Option<Everything>)> {
    installed()?;
    let server = if over_http { Some(Everything::start().await?) } else { None };
    let target = match &server {
        Some(server) => format!("mcp: {{ url: \"{}\" }}", server.url()),
        None => format!("stdio: {{ command: {} }}", script_yaml("everything-stdio")),
    };
    let gateway =
        Gateway::start(&format!("{OPEN}prefix: never\ntargets:\n  e: {{ {target} }}\n")).await?;
    listed(&gateway.client(), TOOL).await?;
    Ok((gateway, server))
}

/// What it is in the end.
async fn settled(client: &Client, id: &str) -> Result<Value> {
    until(format!("{id} ends"), async || {
        let answer = ask(client, "tasks/get", json!({ "taskId": id })).await?;
        let result = answer.message()?["result"].clone();
        ensure!(result["taskId"] == id && result["resultType"] == "complete", "{}", answer.text());
        ensure!(result.get("ttl").is_none() && result["ttlMs"].is_u64(), "{result}");
        Ok((result["status"] != "working").then_some(result))
    })
    .await
}

fn execution(gateway: &Gateway, list: &Value) -> Result<Option<Value>> {
    let tools = list["result"]["tools"].as_array().context("tools")?;
    let tool = tools.iter().find(|tool| tool["name"] == TOOL).context(gateway.stderr())?;
    Ok(tool.get("execution").cloned())
}

fn message_without_id(method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string()
}

#[tokio::test]
async fn a_modern_caller_has_them_in_the_extensions_words() -> Result<()> {
    let (gateway, _server) = reference(true).await?;
    let client = gateway.client();
    let about = ask(&client, "server/discover", json!({})).await?.message()?;
    assert_eq!(about["result"]["capabilities"]["extensions"], json!({ TASKS: {} }));
    let list = client.modern("tools/list", json!({})).await?.message()?;
    assert_eq!(execution(&gateway, &list)?, None);
    let answer = client.tool(TOOL, json!({ "topic": "x" })).await?;
    ONLY_AS_TASK.check(&gateway, &answer).await?;
    let call = json!({ "name": TOOL, "arguments": { "topic": "geese" } });
    let created = ask(&client, "tools/call", call.clone()).await?.message()?["result"].clone();
    let id = created["taskId"].as_str().context("an id")?;
    assert_eq!((&created["resultType"], &created["status"]), (&json!("task"), &json!("working")));
    assert_eq!((&created["ttlMs"], &created["pollIntervalMs"]), (&json!(300_000), &json!(1000)));
    let ended = settled(&client, id).await?;
    assert_eq!(ended["status"], "completed");
    let text = ended["result"]["content"][0]["text"].as_str().unwrap_or_default();
    ensure!(text.contains("Research Report: geese"), "{ended}");
    assert_eq!(ended["result"].get("_meta"), None, "it does not say whose it is");
    // One that is cancelled, and again; and one that never was.
    let other = ask(&client, "tools/call", call).await?.message()?;
    let other = other["result"]["taskId"].as_str().context("an id")?.to_owned();
    for method in ["tasks/update", "tasks/cancel", "tasks/cancel"] {
        let params = json!({ "taskId": other, "inputResponses": {} });
        let answer = ask(&client, method, params).await?.message()?;
        assert_eq!(answer["result"], json!({ "resultType": "complete" }), "{method} {answer}");
    }
    assert_eq!(settled(&client, &other).await?["status"], "cancelled");
    let strange = ask(&client, "tasks/get", json!({ "taskId": "strange" })).await?;
    UNKNOWN.check(&gateway, &strange).await?;
    gateway.books_agree().await
}

#[tokio::test]
async fn what_a_task_asks_is_refused_and_the_task_goes_on() -> Result<()> {
    let (gateway, _) = reference(false).await?;
    let client = gateway.client();
    let call = json!({ "name": TOOL, "arguments": { "topic": "python", "ambiguous": true } });
    let created = ask(&client, "tools/call", call).await?.message()?;
    let id = created["result"]["taskId"].as_str().context("an id")?;
    let ended = settled(&client, id).await?;
    assert_eq!(ended["status"], "completed", "{ended}");
    gateway.books_agree().await
}

#[tokio::test]
async fn an_older_caller_has_them_as_they_are_under_its_own_ids() -> Result<()> {
    let (gateway, _server) = reference(true).await?;
    let session = gateway.client().session().await?;
    let list = session.request("tools/list", json!({})).await?.message()?;
    let required = json!({ "taskSupport": "required" });
    assert_eq!(execution(&gateway, &list)?, Some(required));
    let call = json!({ "name": TOOL, "arguments": { "topic": "x" }, "task": { "ttl": 60_000 } });
    let created = session.request("tools/call", call.clone()).await?.message()?;
    let task = &created["result"]["task"];
    let id = task["taskId"].as_str().context("an id")?.to_owned();
    ensure!(id.starts_with("tt1.") && task.get("ttl").is_some(), "{created}");
    let got = session.request("tasks/get", json!({ "taskId": id })).await?.message()?;
    assert_eq!(
        (&got["result"]["taskId"], &got["result"]["status"]),
        (&json!(id), &json!("working"))
    );
    let cancelled = session.request("tasks/cancel", json!({ "taskId": id })).await?.message()?;
    assert_eq!(cancelled["result"]["status"], "cancelled", "{cancelled}");
    // Another one, and whoever waits for it changes its mind.
    let created = session.request("tools/call", call.clone()).await?.message()?;
    let id = created["result"]["task"]["taskId"].as_str().context("an id")?.to_owned();
    let never_mind = message_without_id("notifications/cancelled", &json!({ "requestId": 7 }));
    let waited = tokio::select! {
        waited = session.request("tasks/result", json!({ "taskId": id })) => waited?.message()?,
        other = until("it is cancelled", async || {
            session.send(never_mind.clone()).await?;
            Ok(None::<()>)
        }) => anyhow::bail!("it goes on: {other:?}"),
    };
    assert_eq!(waited["error"]["data"]["reason"], "client_cancelled", "{waited}");
    // Another one, until it is done: what it comes to says by the same id whose it is.
    let created = session.request("tools/call", call).await?.message()?;
    let id = created["result"]["task"]["taskId"].as_str().context("an id")?;
    let done = session.request("tasks/result", json!({ "taskId": id })).await?.message()?;
    let related = &done["result"]["_meta"]["io.modelcontextprotocol/related-task"];
    assert_eq!(*related, json!({ "taskId": id }), "{done}");
    for (method, code) in [("tasks/list", -32601), ("tasks/update", -32601), ("tasks/get", -32602)]
    {
        let answer = session.request(method, json!({ "taskId": "strange" })).await?;
        assert_eq!(answer.message()?["error"]["code"], code, "{method}");
    }
    gateway.books_agree().await
}

#[tokio::test]
async fn clients_that_others_wrote_wait_for_them_in_both_eras() -> Result<()> {
    let (gateway, _server) = reference(true).await?;
    let peers =
        [(Peer::Rmcp, Era::Modern), (Peer::TsSdk, Era::Modern), (Peer::TsSdkV1, Era::Legacy)];
    for (peer, era) in peers {
        let driver = Driver::new(peer, era, gateway.mcp_url());
        let args = ["--tasks", "--call", TOOL, r#"{"topic":"geese"}"#].map(str::to_owned);
        let report = driver.report(&args).await?;
        let [call] = &report.calls[..] else { anyhow::bail!("one call: {report:?}") };
        let good = call.is_task() && !call.is_error && call.text.contains("Report: geese");
        ensure!(good, "{peer:?}: {call:?}");
    }
    gateway.books_agree().await
}
