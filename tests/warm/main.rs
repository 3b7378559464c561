//! What a warm call of a built-in tool takes, by the gateway's own ledger.
//!
//! In: how often to call. Out: the median and the 99th of a hundred of what the access log says of calls whose
//! upstream answers at once; an error when the latter is over its limit. The upstream's own time is in it.

use std::io::{self, Write as _};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde_json::{Value, json};
use toolgate_tests::client::Ask;
use toolgate_tests::gateway::{Gateway, parse_log};
use toolgate_tests::page::Page;
use toolgate_tests::wait::until;

/// The most that 99 of 100 calls may take, in milliseconds.
const LIMIT: f64 = 1.0;
/// Calls before those that count.
const WARM: usize = 200;
const VECTOR: &str = r#"{"status":"success","data":{"resultType":"vector","result":[
    {"metric":{"__name__":"up","job":"toolgate"},"value":[1795000000.5,"1"]}]}}"#;

#[derive(Debug, Parser)]
struct Args {
    /// How often it is called.
    #[arg(long, default_value_t = 2000)]
    calls: usize,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let page = Page::serve(200, VECTOR).await?;
    let config = format!(
        "auth: {{ anonymous: true }}\ntargets: {{ prom: {{ builtin: prometheus, url: \"{}\" }} }}\n",
        page.url()
    );
    let gateway = Gateway::start(&config).await?;
    let mut client = gateway.client().kept();
    let all = WARM + args.calls.max(1);
    for _ in 0..all {
        let answer = client.send(Ask::tool("prom___query", json!({ "query": "up" }))).await?;
        let is_good = answer.result()?.get("isError").and_then(Value::as_bool) == Some(false);
        ensure!(is_good, "{}", answer.text());
    }
    let lines = until("every call is in the log", async || {
        let lines = parse_log(&gateway.access_log())?;
        let calls =
            lines.iter().filter(|line| line.get("tool").is_some_and(|tool| tool == "query"));
        let calls: Vec<f64> = calls.filter_map(|line| line.get("duration_ms")?.as_f64()).collect();
        Ok((calls.len() == all).then_some(calls))
    })
    .await?;
    let mut took = lines.get(WARM..).context("no calls")?.to_vec();
    took.sort_unstable_by(f64::total_cmp);
    let at = |share: usize| took.get(took.len() * share / 100).copied().unwrap_or_default();
    let (median, p99) = (at(50), at(99));
    writeln!(io::stdout(), "{} calls: median {median:.3} ms, p99 {p99:.3} ms", took.len())?;
    ensure!(p99 <= LIMIT, "p99 is over {LIMIT} ms");
    Ok(())
}
