//! The tools of AWS: its documentation, its Prometheus, CloudWatch, and who the gateway is there.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::amazon::{Amazon, WORKSPACE};
use toolgate_tests::client::{Ask, Client};
use toolgate_tests::emulator::{CREDENTIALS, Emulator};
use toolgate_tests::gateway::{Gateway, free_address};
use toolgate_tests::page::Page;
use toolgate_tests::process::binary;
use toolgate_tests::prometheus::Prometheus;
use toolgate_tests::wait::until;

use super::{data, failure};
use crate::expect::OPEN;

pub(super) const PAGE: &str = "<html><head><title>Made up</title></head><body><nav>Menu</nav><main><h1>Made \
    up</h1><p>Use <code>put</code>, see <a href='b.html'>there</a>.</p></main></body></html>";
pub(super) const FOUND: &str = r#"{"suggestions":[{"textExcerptSuggestion":{
    "link":"https://docs.aws.amazon.com/a.html","title":"A","summary":"about a"}}]}"#;

pub(super) fn region(endpoint: &str) -> String {
    format!("{OPEN}aws: {{ region: us-east-1, endpoint: \"{endpoint}\" }}\n")
}

#[tokio::test]
async fn the_documentation_is_searched_and_read_and_nothing_else_is() -> Result<()> {
    let (page, found) = (Page::serve(200, PAGE).await?, Page::serve(200, FOUND).await?);
    let config = format!(
        "{OPEN}targets:\n  docs: {{ builtin: aws_docs, url: \"{}\" }}\n  \
         list: {{ builtin: aws_docs, url: \"{}\" }}\n",
        page.url(),
        found.url()
    );
    let gateway = Gateway::start(&config).await?;
    let client = gateway.client();
    let told = data(&client.tool("list___search", json!({ "query": "a" })).await?)?;
    ensure!(told["results"][0]["extract"] == "about a", "{told}");
    let url = "https://docs.aws.amazon.com/x/a.html";
    let told = data(&client.tool("docs___read", json!({ "url": url })).await?)?;
    let wanted = "# Made up\n\nUse `put`, see [there](https://docs.aws.amazon.com/x/b.html).";
    ensure!(told["content"] == wanted && told["truncated"] == false, "{told}");
    let elsewhere = json!({ "url": "https://docs.aws.amazon.com.evil.example/a.html" });
    let told = failure(&client.tool("docs___read", elsewhere).await?)?;
    ensure!(told["code"] == "invalid_arguments", "{told}");
    let told = failure(&client.tool("docs___search", json!({ "query": "a" })).await?)?;
    ensure!(told["code"] == "garbled", "{told}");
    gateway.books_agree().await
}

#[tokio::test]
async fn amazons_prometheus_takes_the_signature_of_any_promql() -> Result<()> {
    let watched =
        Gateway::start(&format!("{OPEN}targets: {{ clock: {{ builtin: clock }} }}\n")).await?;
    let prometheus = Prometheus::start(&watched).await?;
    let amazon = Amazon::before(&prometheus.url()).await?;
    let (id, alias) = WORKSPACE;
    let config = format!(
        "{}targets:\n  amp: {{ builtin: amp }}\n  shop: {{ builtin: amp, workspace: {alias} }}\n  \
         far: {{ builtin: amp, workspace: {alias}, region: eu-west-1 }}\n",
        region(&amazon.url())
    );
    let gateway = Gateway::start_with(&config, &CREDENTIALS).await?;
    let client = gateway.client();
    until("the gateway was scraped", async || {
        let query = r#"count by (job) (up{job=~"tool.+|x y;`",instance!="é + ü%20&=/"}) == bool 1"#;
        let told = data(&client.tool("shop___query", json!({ "query": query })).await?)?;
        Ok((told["series"][0]["values"] == json!(["1"])).then_some(()))
    })
    .await?;
    let range = json!({ "query": "up", "start": "now-1h", "step": "1s", "workspace": id });
    let told = data(&client.tool("amp___range_query", range).await?)?;
    ensure!(told["total"] == 1, "{told}");
    let values = json!({ "name": "job", "match": r#"up{job!="a b+é"}"# });
    let told = data(&client.tool("shop___labels", values).await?)?;
    ensure!(told["names"] == json!(["toolgate"]), "{told}");
    let told = data(&client.tool("shop___series", json!({ "match": ["up"] })).await?)?;
    ensure!(told["count"] == 1, "{told}");
    let told = data(&client.tool("amp___list_workspaces", json!({})).await?)?;
    ensure!(told["workspaces"][0]["alias"] == alias, "{told}");
    let named = json!({ "workspace": alias.to_uppercase() });
    let told = data(&client.tool("amp___find_workspace", named).await?)?;
    ensure!(told["workspace"]["workspace_id"] == id, "{told}");
    let told = data(&client.tool("shop___server_info", json!({})).await?)?;
    ensure!(told["workspace"]["status"] == "ACTIVE", "{told}");
    let wrong = client.tool("shop___query", json!({ "query": "up{" })).await?;
    let told = failure(&wrong)?;
    ensure!(told["code"] == "invalid_arguments", "{told}");
    ensure!(amazon.refused().is_empty(), "{:?}", amazon.refused());
    let told = failure(&client.tool("far___query", json!({ "query": "up" })).await?)?;
    ensure!(told["code"] == "denied", "{told}");
    ensure!(amazon.refused().len() == 1, "{:?}", amazon.refused());
    gateway.books_agree().await
}

/// An operation of CloudWatch (Logs), to make something that there is to see.
async fn put(emulator: &Emulator, operation: &str, input: Value) -> Result<()> {
    let service = if operation.starts_with("Logs") { "logs" } else { "monitoring" };
    let scope = format!("Credential=x/20260101/us-east-1/{service}/aws4_request");
    let signature = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=x");
    let ask = Ask::post(input.to_string())
        .to("/")
        .instead("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", operation)
        .header("authorization", &signature);
    let answer = Client::new(emulator.address()).send(ask).await?;
    ensure!(answer.status == 200, "{operation}: {}", answer.text());
    Ok(())
}

/// ministack has no such service and stands still for seconds when it is asked for the first time, for
/// everybody: longer than a service has to say that it is there.
async fn ask_for_what_is_not_there(emulator: &Emulator) -> Result<()> {
    let scope = "Credential=x/20260101/us-east-1/aps/aws4_request";
    let signature = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=x");
    let ask = Ask::get("/workspaces").header("authorization", &signature);
    let answer = Client::new(emulator.address()).send(ask).await?;
    ensure!(answer.text().contains("Unsupported service: aps"), "{}", answer.text());
    Ok(())
}

/// A log group with two lines, a metric, and an alarm that rings.
pub(super) async fn furnish(emulator: &Emulator) -> Result<()> {
    let group = json!({ "logGroupName": "/shop" });
    put(emulator, "Logs_20140328.CreateLogGroup", group).await?;
    let stream = json!({ "logGroupName": "/shop", "logStreamName": "s" });
    put(emulator, "Logs_20140328.CreateLogStream", stream).await?;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_millis();
    let now = u64::try_from(now)?;
    let events = json!({ "logGroupName": "/shop", "logStreamName": "s", "logEvents": [
        { "timestamp": now - 2000, "message": "all is well" },
        { "timestamp": now - 1000, "message": "it is broken" },
    ] });
    put(emulator, "Logs_20140328.PutLogEvents", events).await?;
    let metrics = json!({ "Namespace": "Shop", "MetricData": [
        { "MetricName": "Orders", "Value": 3.0, "Dimensions": [{ "Name": "Kind", "Value": "a b" }] },
    ] });
    put(emulator, "GraniteServiceVersion20100801.PutMetricData", metrics).await?;
    let alarm = json!({
        "AlarmName": "orders", "Namespace": "Shop", "MetricName": "Orders", "Statistic": "Sum",
        "Period": 60, "EvaluationPeriods": 1, "Threshold": 1000.0,
        "ComparisonOperator": "GreaterThanThreshold",
    });
    put(emulator, "GraniteServiceVersion20100801.PutMetricAlarm", alarm).await?;
    let rings = json!({ "AlarmName": "orders", "StateValue": "ALARM", "StateReason": "told to" });
    put(emulator, "GraniteServiceVersion20100801.SetAlarmState", rings).await?;
    Ok(())
}

#[tokio::test]
async fn cloudwatch_tells_logs_metrics_and_alarms() -> Result<()> {
    let emulator = Emulator::ministack().await?;
    furnish(&emulator).await?;
    ask_for_what_is_not_there(&emulator).await?;
    let config = format!(
        "{}targets:\n  cloud: {{ builtin: cloudwatch }}\n  core: {{ builtin: aws_core }}\n",
        region(&emulator.url())
    );
    let gateway = Gateway::start_with(&config, &CREDENTIALS).await?;
    let client = gateway.client();
    let told = data(&client.tool("cloud___log_groups", json!({ "prefix": "/sh" })).await?)?;
    ensure!(told["log_groups"][0]["name"] == "/shop", "{told}");
    let query = "fields @timestamp, @message | filter @message like /broken/";
    let query = |group: &str| json!({ "log_groups": [group], "query": query, "start": "now-1h" });
    let told = data(&client.tool("cloud___insights_query", query("/shop")).await?)?;
    ensure!(told["rows"][0]["@message"] == "it is broken" && told["count"] == 1, "{told}");
    let told = failure(&client.tool("cloud___insights_query", query("/none")).await?)?;
    ensure!(told["code"] == "not_found", "{told}");
    let metric = json!({
        "namespace": "Shop", "metric": "Orders", "statistic": "Sum", "start": "now-30m",
        "dimensions": [{ "name": "Kind", "value": "a b" }],
    });
    let told = data(&client.tool("cloud___metric_data", metric).await?)?;
    ensure!(told["values"] == json!([3.0]) && told["period"] == "1m", "{told}");
    let told = data(&client.tool("cloud___active_alarms", json!({})).await?)?;
    ensure!(told["alarms"][0]["name"] == "orders", "{told}");
    ensure!(told["alarms"][0]["reason"] == "told to", "{told}");
    let told = data(&client.tool("cloud___alarm_history", json!({ "alarm": "orders" })).await?)?;
    ensure!(told["count"].as_u64().is_some_and(|count| count > 0), "{told}");
    let told = data(&client.tool("core___aws_context", json!({})).await?)?;
    ensure!(told["account"] == "000000000000" && told["region"] == "us-east-1", "{told}");
    let told = data(&client.tool("core___system_status", json!({})).await?)?;
    let states: Vec<&Value> = (0..3).map(|at| &told["services"][at]["state"]).collect();
    ensure!(states.iter().all(|state| **state == "answers"), "{told}");
    gateway.books_agree().await
}

#[tokio::test]
async fn aws_is_not_there_and_every_tool_says_so() -> Result<()> {
    let nobody = format!("http://{}", free_address()?);
    let tools = binary("toolgate-tools", "toolgate-tools")?;
    let config = format!(
        "{}targets:\n  cloud: {{ builtin: cloudwatch }}\n  core: {{ builtin: aws_core }}\n  \
         amp: {{ builtin: amp, workspace: ws-1 }}\n  docs: {{ builtin: aws_docs, url: \"{nobody}\" }}\n  \
         own: {{ stdio: {{ command: [\"{}\", serve, --stdio, --aws-docs, --aws-docs-url, \"{nobody}\", \
         --aws-core, --aws-region, us-east-1], env: {{ AWS_ENDPOINT_URL: \"{nobody}\", \
         AWS_ACCESS_KEY_ID: A, AWS_SECRET_ACCESS_KEY: b }} }} }}\n",
        region(&nobody),
        tools.display()
    );
    let gateway = Gateway::start_with(&config, &CREDENTIALS).await?;
    let client = gateway.client();
    until("the child is listed", async || {
        let names = client.tools().await?;
        Ok(names.iter().any(|name| name == "own___aws_core___aws_context").then_some(()))
    })
    .await?;
    for (tool, arguments) in [
        ("cloud___active_alarms", json!({})),
        ("core___aws_context", json!({})),
        ("core___system_status", json!({})),
        ("amp___query", json!({ "query": "up" })),
        ("docs___search", json!({ "query": "a" })),
        ("own___aws_core___aws_context", json!({})),
        ("own___aws_docs___search", json!({ "query": "a" })),
    ] {
        let told = failure(&client.tool(tool, arguments).await?)?;
        ensure!(told["code"] == "unreachable" && told["retryable"] == true, "{tool}: {told}");
    }
    gateway.books_agree().await
}
