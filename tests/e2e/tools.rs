//! The tools that come with the gateway: as its own targets, and as an MCP server behind it.
//!
//! In: Debian's Prometheus, also behind a check of signatures; pages as a search engine and AWS write
//! them; ministack; nobody at all. Out: what a caller reads. No tool answers for somebody who did not.

mod agents;
mod aws;
mod contract;
mod follow;
mod kube;
mod kubeconfig;
mod sickness;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::client::Answer;
use toolgate_tests::gateway::{Gateway, free_address};
use toolgate_tests::page::Page;
use toolgate_tests::process::binary;
use toolgate_tests::prometheus::Prometheus;
use toolgate_tests::wait::until;

use crate::expect::OPEN;

const FOUND: &str = r#"<div class="result"><a class="result__a"
    href="//duckduckgo.com/l/?uddg=https%3A%2F%2Fexample.com%2F&amp;rut=1">An example</a>
    <a class="result__snippet">For <b>tests</b>.</a></div>"#;
const CAPTCHA: &str = r#"<form id="challenge-form"><div class="anomaly-modal"></div></form>"#;

/// What a tool says, which must not be a failure.
fn data(answer: &Answer) -> Result<Value> {
    let result = answer.result()?;
    ensure!(result["isError"] != true, "{result}");
    Ok(result["structuredContent"].clone())
}

/// The envelope of a tool's failure, which must be marked as one and stand in the text as well.
fn failure(answer: &Answer) -> Result<Value> {
    let result = answer.result()?;
    ensure!(result["isError"] == true, "{result}");
    let envelope = result["structuredContent"].clone();
    let message = envelope["message"].as_str().context("no message")?;
    ensure!(answer.content()?.contains(message), "{result}");
    Ok(envelope)
}

#[tokio::test]
async fn a_real_prometheus_answers_through_the_gateway() -> Result<()> {
    let watched =
        Gateway::start(&format!("{OPEN}targets: {{ clock: {{ builtin: clock }} }}\n")).await?;
    let prometheus = Prometheus::start(&watched).await?;
    let url = prometheus.url();
    let config = format!("{OPEN}targets: {{ prom: {{ builtin: prometheus, url: \"{url}\" }} }}\n");
    let gateway = Gateway::start(&config).await?;
    let client = gateway.client();
    until("the gateway was scraped", async || {
        let query = json!({ "query": r#"up{job=~"tool.+|x y",instance!=""} == bool 1"# });
        let told = data(&client.tool("prom___query", query).await?)?;
        Ok((told["series"][0]["values"] == json!(["1"])).then_some(()))
    })
    .await?;
    let range = json!({ "query": "up", "start": "now-1h", "step": "1s", "limit": 1 });
    let told = data(&client.tool("prom___range_query", range).await?)?;
    ensure!(told["step"] == "1s" && told["total"] == 1, "{told}");
    let told = data(&client.tool("prom___list_metrics", json!({ "prefix": "up" })).await?)?;
    ensure!(told["names"][0] == "up", "{told}");
    let values = json!({ "name": "job", "match": "up" });
    let told = data(&client.tool("prom___labels", values).await?)?;
    ensure!(told["names"] == json!(["toolgate"]), "{told}");
    let told = data(&client.tool("prom___series", json!({ "match": ["up"], "limit": 1 })).await?)?;
    ensure!(told["series"][0]["job"] == "toolgate", "{told}");
    let told = data(&client.tool("prom___metadata", json!({ "limit": 1 })).await?)?;
    ensure!(told["count"] == 1, "{told}");
    let told = data(&client.tool("prom___server_info", json!({})).await?)?;
    ensure!(told["url"] == url && told["version"].is_string(), "{told}");
    let wrong = client.tool("prom___query", json!({ "query": "up{" })).await?;
    let told = failure(&wrong)?;
    ensure!(told["code"] == "invalid_arguments" && told["retryable"] == false, "{told}");
    ensure!(told["message"].as_str().is_some_and(|said| said.contains("parse error")), "{told}");
    gateway.books_agree().await
}

#[tokio::test]
async fn ten_megabytes_of_a_range_cost_less_than_twice_their_size() -> Result<()> {
    let point = |at: u32| format!("[{}.5,\"{}.25\"]", 1_795_000_000 + at, at);
    let points = (0..11_000).map(point).collect::<Vec<_>>().join(",");
    let one = |at: u32| format!("{{\"metric\":{{\"at\":\"{at}\"}},\"values\":[{points}]}}");
    let answer = |series: u32| {
        let all = (0..series).map(one).collect::<Vec<_>>().join(",");
        format!(
            "{{\"status\":\"success\",\"data\":{{\"resultType\":\"matrix\",\"result\":[{all}]}}}}"
        )
    };
    let text = answer(40);
    let size = u64::try_from(text.len())?;
    ensure!(size > 10_000_000, "{size} bytes");
    let (page, small) =
        (Page::serve(200, text.leak()).await?, Page::serve(200, answer(1).leak()).await?);
    let config = format!(
        "{OPEN}targets:\n  prom: {{ builtin: prometheus, url: \"{}\" }}\n  \
         small: {{ builtin: prometheus, url: \"{}\" }}\n",
        page.url(),
        small.url()
    );
    let gateway = Gateway::start(&config).await?;
    let client = gateway.client();
    let range = json!({ "query": "up", "start": "now-1h", "limit": 1000 });
    // What is made at a first call, and what the same result takes from a small answer, is not the range's.
    data(&client.tool("small___range_query", range.clone()).await?)?;
    let before = gateway.peak()?;
    let told = data(&client.tool("prom___range_query", range).await?)?;
    ensure!(told["total"] == 40 && told["truncated"] == true, "{}", told["total"]);
    ensure!(told["series"][0]["values"].as_array().map(Vec::len) == Some(11_000), "{told}");
    let cost = gateway.peak()? - before;
    println!("{size} bytes of a range cost {cost} bytes of memory at the most");
    ensure!(cost <= 2 * size, "{size} bytes cost {cost}");
    gateway.books_agree().await
}

#[tokio::test]
async fn the_web_is_searched_and_a_captcha_is_no_empty_result() -> Result<()> {
    let (found, captcha) = (Page::serve(200, FOUND).await?, Page::serve(202, CAPTCHA).await?);
    let config = format!(
        "{OPEN}targets:\n  search: {{ builtin: web_search, url: \"{}\" }}\n  \
         blocked: {{ builtin: web_search, url: \"{}\" }}\n",
        found.url(),
        captcha.url()
    );
    let gateway = Gateway::start(&config).await?;
    let client = gateway.client();
    let told = data(&client.tool("search___web_search", json!({ "keywords": "a b" })).await?)?;
    let wanted = json!([{
        "rank": 1, "title": "An example", "url": "https://example.com/", "snippet": "For tests.",
    }]);
    ensure!(told["results"] == wanted, "{told}");
    let answer = client.tool("blocked___web_search", json!({ "query": "a" })).await?;
    let told = failure(&answer)?;
    ensure!(told["code"] == "blocked" && told["upstream"]["status"] == 202, "{told}");
    let line = gateway.line_of(&answer).await?;
    ensure!(told["correlation_id"] == line["request_id"], "{told} {line}");
    gateway.books_agree().await
}

#[tokio::test]
async fn nobody_answers_and_every_tool_says_so_in_both_eras() -> Result<()> {
    let nobody = free_address()?;
    let tools = binary("toolgate-tools", "toolgate-tools")?;
    let config = format!(
        "{OPEN}targets:\n  prom: {{ builtin: prometheus, url: \"http://{nobody}\" }}\n  \
         own: {{ stdio: {{ command: [\"{}\", serve, --stdio, --prometheus, \"http://{nobody}\"] }} }}\n",
        tools.display()
    );
    let gateway = Gateway::start(&config).await?;
    let behind = "own___prometheus___query";
    until("both are listed", async || {
        let names = gateway.client().tools().await?;
        let has = |wanted: &str| names.iter().any(|name| name == wanted);
        Ok((has("prom___query") && has(behind)).then_some(()))
    })
    .await?;
    let session = gateway.client().session().await?;
    for name in ["prom___query", behind] {
        let query = json!({ "query": "up" });
        for answer in
            [gateway.client().tool(name, query.clone()).await?, session.tool(name, query).await?]
        {
            let told = failure(&answer)?;
            ensure!(told["code"] == "unreachable" && told["retryable"] == true, "{name}: {told}");
        }
    }
    gateway.books_agree().await
}
