//! Tools found by what they are for: the same decision, the same records, fewer words.
//!
//! In: questions of callers with different scopes, in both eras. Out: what they find and call, beside
//! lists, records and metrics.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::client::Client;
use toolgate_tests::gateway::{Gateway, parse_log};
use toolgate_tests::herald::{Era, Herald};
use toolgate_tests::issuer::{CLIENT_ID, Issuer};
use toolgate_tests::process::Scratch;
use toolgate_tests::wait::{until, until_within};

const SCOPE: &str = "gateway/invoke";
const SECRET: &str = "ops/secret";
/// The index is made by the least important thread of a busy machine.
const LONG: Duration = Duration::from_secs(45);
const SEARCH: &str = "x_amz_bedrock_agentcore_search";
const CALL: &str = "toolgate_call_tool";

/// Tools of an ordinary estate: name | description | parameters.
const ESTATE: &str = include_str!("../../proxy/search/eval/tools.txt");

/// A gateway that can be searched, and whose server `few` has two tools on its list.
struct House {
    gateway: Gateway,
    issuer: Issuer,
    herald: Herald,
    scratch: Scratch,
}

impl House {
    /// A few tools: what they mean is soon worked out.
    async fn start() -> Result<Self> {
        Self::of(few().collect()).await
    }

    async fn of(tools: Vec<Value>) -> Result<Self> {
        let (issuer, herald) = (Issuer::start().await?, Herald::start(Era::Modern).await?);
        let scratch = Scratch::new()?;
        herald.lists(json!(tools));
        let config = format!(
            "auth:
  issuers: [{{ name: pool, profile: cognito, issuer: \"{}\", clients: [{CLIENT_ID}] }}]
  scopes: [{SCOPE}]
search: beside
audit: {{ file: \"{}/audit.jsonl\" }}
targets:
  clock: {{ builtin: clock }}
  one: {{ mcp: {{ url: \"{}\" }} }}
tools:
  one___cloudflare_purge_cache: {{ scopes: [{SECRET}] }}
servers:
  few: {{ targets: [clock, one], search: only }}
  plain: {{ targets: [clock, one], search: off }}
",
            issuer.url(),
            scratch.path().display(),
            herald.url(),
        );
        let gateway = Gateway::start(&config).await?;
        // The tool that searches is listed once there is something to be found.
        let caller = gateway.client().with_token(issuer.token(&[SCOPE]));
        until("the tool that searches is listed", async || {
            Ok(caller.tools().await?.iter().any(|name| name == SEARCH).then_some(()))
        })
        .await?;
        Ok(Self { gateway, issuer, herald, scratch })
    }

    fn with(&self, scopes: &[&str]) -> Client {
        self.gateway.client().with_token(self.issuer.token(scopes))
    }

    fn audited(&self) -> Result<Vec<Value>> {
        parse_log(&fs::read_to_string(self.scratch.path().join("audit.jsonl"))?)
    }
}

fn estate() -> impl Iterator<Item = Value> {
    let lines = ESTATE.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let mut parts = line.split('|').map(str::trim);
        let (name, description) = (parts.next(), parts.next());
        let parameters = parts.next().unwrap_or_default().split(", ").filter(|p| !p.is_empty());
        let properties = parameters.map(|name| (name.to_owned(), json!({ "type": "string" })));
        let properties = properties.collect::<serde_json::Map<_, _>>();
        json!({
            "name": name,
            "description": description,
            "inputSchema": { "type": "object", "properties": properties },
        })
    })
}

fn few() -> impl Iterator<Item = Value> {
    let some = ["cloudflare_", "linux_", "dns_"];
    estate().filter(move |tool| {
        tool["name"].as_str().is_some_and(|name| some.iter().any(|some| name.starts_with(some)))
    })
}

fn names(found: &Value) -> Result<Vec<String>> {
    let tools = found["structuredContent"]["tools"].as_array().context("no tools")?.iter();
    Ok(tools.filter_map(|tool| Some(tool["name"].as_str()?.to_owned())).collect())
}

/// Asks until what all tools mean is worked out.
async fn found(client: &Client, question: &str) -> Result<Vec<String>> {
    until_within(LONG, "the meaning of all tools", async || {
        let found = client.tool(SEARCH, json!({ "query": question })).await?.result()?;
        let how = &found["_meta"]["toolgate/search"];
        let ready = how == &json!({ "by": "meaning", "waiting": 0 });
        let found = names(&found)?;
        ensure!(found.len() <= 10, "{found:?}");
        Ok(ready.then_some(found))
    })
    .await
}

#[tokio::test]
async fn a_paraphrase_finds_the_tool_and_nobody_finds_what_they_may_not_call() -> Result<()> {
    const PURGE: &str = "one___cloudflare_purge_cache";
    let house = House::start().await?;
    let (trusted, other) = (house.with(&[SCOPE, SECRET]), house.with(&[SCOPE]));
    for place in ["/mcp", "/mcp/few"] {
        let question = "visitors still see the old stylesheet";
        let seen = found(&trusted.at(place), question).await?;
        ensure!(seen.contains(&PURGE.to_owned()), "{seen:?}");
        for question in [question, "purge cached files at the edge", PURGE] {
            let seen = found(&other.at(place), question).await?;
            ensure!(!seen.contains(&PURGE.to_owned()), "{place} {question}: {seen:?}");
        }
        let session = other.at(place).session().await?;
        let older = session.tool(SEARCH, json!({ "query": "purge cached files" })).await?;
        let older = older.result()?;
        ensure!(older.get("resultType").is_none() && !names(&older)?.contains(&PURGE.to_owned()));
    }
    ensure!(other.tools().await?.contains(&SEARCH.to_owned()), "beside the others");
    let session = other.session().await?;
    let listed = session.request("tools/list", json!({})).await?.result()?;
    ensure!(listed["tools"][0]["name"] == SEARCH, "in both eras: {listed}");
    let plain = other.at("/mcp/plain");
    ensure!(!plain.tools().await?.contains(&SEARCH.to_owned()), "not where it is off");
    let never = plain.tool(SEARCH, json!({ "query": "a" })).await?.message()?;
    ensure!(never["error"]["code"] == -32602, "{never}");
    house.gateway.books_agree().await
}

#[tokio::test]
async fn what_is_called_by_another_tool_is_on_record_as_if_called_by_its_name() -> Result<()> {
    let house = House::start().await?;
    let few = house.with(&[SCOPE]).at("/mcp/few");
    few.until_listed(&[SEARCH, CALL]).await?;
    let named = |name: &str| json!({ "name": name, "arguments": {} });
    let good = few.tool(CALL, named("clock___now")).await?;
    ensure!(good.result()?["isError"] != true);
    let line = house.gateway.line_of(&good).await?;
    ensure!(line["target"] == "clock" && line["tool"] == "now", "{line}");

    for hidden in ["one___cloudflare_purge_cache", "one___no_such_tool"] {
        let (direct, meant) =
            (few.tool(hidden, json!({})).await?, few.tool(CALL, named(hidden)).await?);
        let [direct_says, says] = [&direct, &meant].map(|answer| answer.message());
        let (direct_says, says) = (direct_says?, says?);
        ensure!(direct.status == meant.status, "{hidden}");
        ensure!(direct_says["error"]["code"] == says["error"]["code"], "{direct_says} {says}");
        ensure!(
            direct_says["error"]["message"] == says["error"]["message"],
            "{direct_says} {says}"
        );
    }
    let session = few.session().await?;
    ensure!(session.tool(CALL, named("clock___now")).await?.result()?["isError"] != true);
    let wrong = few.tool(CALL, json!({ "tool": "clock___now" })).await?.result()?;
    ensure!(wrong["isError"] == true, "{wrong}");

    let metrics = house.gateway.metrics().await?;
    let of_clock = [("target", "clock"), ("gen_ai_tool_name", "now")];
    let calls = metrics.sum("toolgate_tool_calls_total", &of_clock);
    ensure!(calls == 2.0, "{calls} calls of the clock");
    let audited = house.audited()?;
    let of = |tool: &str| {
        audited.iter().filter(|record| record["kind"] == "allow" && record["tool"] == tool).count()
    };
    ensure!(of("now") == 2, "{audited:#?}");
    house.gateway.books_agree().await
}

#[tokio::test]
async fn another_list_is_searched_without_a_restart() -> Result<()> {
    let house = House::start().await?;
    let caller = house.with(&[SCOPE]);
    ensure!(found(&caller, "brew a pot of tea").await?.iter().all(|name| name != "one___kettle"));
    let kettle = json!({
        "name": "kettle",
        "description": "Boils water for hot drinks.",
        "inputSchema": { "type": "object" },
    });
    house.herald.lists(json!(few().chain([kettle]).collect::<Vec<_>>()));
    house.herald.changed();
    until("the kettle to be found", async || {
        let found = found(&caller, "brew a pot of tea").await?;
        Ok(found.contains(&"one___kettle".to_owned()).then_some(()))
    })
    .await?;
    house.gateway.books_agree().await
}

#[tokio::test]
async fn two_tools_on_the_list_cost_a_tenth_of_all_of_them_at_most() -> Result<()> {
    let house = House::of(estate().collect()).await?;
    let caller = house.with(&[SCOPE]);
    let [all, few] = ["/mcp/plain", "/mcp/few"].map(|place| caller.at(place));
    until("all tools are listed", async || Ok((all.tools().await?.len() > 150).then_some(())))
        .await?;
    let mut sizes = [0; 2];
    for (client, size) in [all, few].iter().zip(&mut sizes) {
        let list = client.modern("tools/list", json!({})).await?.result()?;
        *size = list["tools"].to_string().len();
    }
    let [all, few] = sizes;
    // A token of JSON is about four bytes.
    println!(
        "definitions: {all} bytes (about {} tokens); with search alone {few} ({})",
        all / 4,
        few / 4
    );
    ensure!(few * 10 <= all, "{few} of {all} bytes");
    Ok(())
}
