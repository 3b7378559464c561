//! Lambda functions behind the gateway, by the contract of AgentCore Gateway.
//!
//! In: a Lambda of our own that starts the real `toolgate-tools` as its functions. Out: what a caller reads, what the
//! function was told, and what the books say: a function that broke is never a tool that said no.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};
use toolgate_tests::client::{Answer, Ask, Client};
use toolgate_tests::emulator::{CREDENTIALS, Emulator};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::lambda::{Function, Lambda, REGION};
use toolgate_tests::page::Page;
use toolgate_tests::process::{Scratch, binary};

use crate::expect::{OPEN, Refused, fine};

const FOUND: &str = r#"<div class="result"><a class="result__a"
    href="//duckduckgo.com/l/?uddg=https%3A%2F%2Fexample.com%2F&amp;rut=1">An <b>example</b> é</a>
    <a class="result__snippet">For tests.</a></div>"#;
const TOOLS: &str = r#"[{ "name": "web_search", "inputSchema": { "type": "object" } }]"#;
const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:search";

struct House {
    lambda: Lambda,
    gateway: Gateway,
    page: Page,
    _scratch: Scratch,
}

impl House {
    /// A gateway with the function `fn`, which searches the web and may take so long; with more keys of the
    /// target, and more of the file.
    async fn new(timeout: Duration, of_target: &str, more: &str) -> Result<Self> {
        let (lambda, page, scratch) =
            (Lambda::start().await?, Page::serve(200, FOUND).await?, Scratch::new()?);
        let url = page.url();
        let env = [("TOOLGATE_WEB_SEARCH", "duckduckgo"), ("TOOLGATE_WEB_SEARCH_URL", &*url)];
        let program = binary("toolgate-tools", "toolgate-tools")?;
        lambda.deploy("search", Function::program(program, &env, timeout));
        let tools = scratch.write("tools.json", TOOLS)?;
        let config = format!(
            "{OPEN}aws: {{ region: {REGION}, endpoint: \"{}\" }}\n{more}targets:\n  fn:\n    \
             lambda: {{ function: \"{ARN}\", qualifier: live, tools: \"{}\" }}\n    \
             breaker: {{ failures: 1000 }}\n    {of_target}\n",
            lambda.url(),
            tools.display()
        );
        let gateway = Gateway::start_with(&config, &CREDENTIALS).await?;
        Ok(Self { lambda, gateway, page, _scratch: scratch })
    }

    async fn call(&self, arguments: Value) -> Result<Answer> {
        self.gateway.client().tool("fn___web_search", arguments).await
    }

    async fn count(&self, name: &str) -> Result<f64> {
        Ok(self.gateway.metrics().await?.sum(name, &[("target", "fn")]))
    }
}

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_function_is_told_what_agentcore_tells_it_and_its_start_is_in_the_books() -> Result<()> {
    let house = House::new(LONG, "", "").await?;
    let arguments = json!({ "query": "a b", "max_results": 3 });
    let answer = house.call(arguments.clone()).await?;
    let result = fine(&house.gateway, &answer).await?;
    ensure!(result["structuredContent"]["results"][0]["url"] == "https://example.com/", "{result}");
    ensure!(house.lambda.refused().is_empty(), "{:?}", house.lambda.refused());
    let line = house.gateway.line_of(&answer).await?;
    let seen = house.lambda.seen();
    let [seen] = seen.as_slice() else { anyhow::bail!("{seen:?}") };
    let path =
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Asearch";
    ensure!(seen.target == format!("{path}/invocations?Qualifier=live"), "{}", seen.target);
    let event: Value = serde_json::from_slice(&seen.payload)?;
    ensure!(event == arguments, "{event}");
    let message = answer.message()?["id"].clone();
    let message = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
    let told = json!({
        "bedrockAgentCoreMessageVersion": "1.0",
        "bedrockAgentCoreAwsRequestId": line["request_id"],
        "bedrockAgentCoreMcpMessageId": message,
        "bedrockAgentCoreGatewayId": "toolgate",
        "bedrockAgentCoreTargetId": "fn",
        "bedrockAgentCoreToolName": "fn___web_search",
    });
    ensure!(seen.context == json!({ "custom": told }), "{}", seen.context);
    let (trace, own) = (seen.trace.clone().context("no trace")?, line["trace_id"].as_str());
    let (time, rest) = own.and_then(|own| own.split_at_checked(8)).context("no trace id")?;
    let root = format!("Root=1-{time}-{rest};Parent=");
    ensure!(trace.starts_with(&root) && trace.contains(";Sampled="), "{trace} {root}");

    let (ran, init) = (line["function_ms"].as_f64(), line["function_init_ms"].as_f64());
    ensure!(ran.is_some_and(|ms| ms < 20_000.0) && init.is_some_and(|ms| ms > 0.0), "{line}");
    let warm = house.call(json!({ "query": "c" })).await?;
    let line = house.gateway.line_of(&warm).await?;
    ensure!(line["function_ms"].is_number() && line["function_init_ms"].is_null(), "{line}");
    ensure!(house.count("toolgate_target_function_duration_seconds_count").await? == 2.0);
    ensure!(house.count("toolgate_target_function_init_duration_seconds_count").await? == 1.0);
    let calls = house.gateway.admin("/debug/calls?target=fn").await?;
    let inits = calls.text().matches("function_init_ms").count();
    ensure!(inits == 1, "{}", calls.text());
    house.gateway.books_agree().await
}

#[tokio::test]
async fn a_tool_gives_the_same_through_all_three_fronts() -> Result<()> {
    let (lambda, page, scratch) =
        (Lambda::start().await?, Page::serve(200, FOUND).await?, Scratch::new()?);
    let (url, program) = (page.url(), binary("toolgate-tools", "toolgate-tools")?);
    let env = [("TOOLGATE_WEB_SEARCH", "duckduckgo"), ("TOOLGATE_WEB_SEARCH_URL", &*url)];
    lambda.deploy("search", Function::program(program.clone(), &env, LONG));
    let tools =
        scratch.write("tools.json", &manifest("web-search", &program).await?.to_string())?;
    let config = format!(
        "{OPEN}aws: {{ region: {REGION}, endpoint: \"{}\" }}\ntargets:\n  \
         own: {{ builtin: web_search, url: \"{url}\" }}\n  \
         served: {{ stdio: {{ command: [\"{}\", serve, --stdio, --web-search, duckduckgo, --web-search-url, \"{url}\"] }} }}\n  \
         fn: {{ lambda: {{ function: search, tools: \"{}\" }} }}\n",
        lambda.url(),
        program.display(),
        tools.display()
    );
    let gateway = Gateway::start_with(&config, &CREDENTIALS).await?;
    let client = gateway.client();
    let names = ["own___web_search", "served___search___web_search", "fn___web_search"];
    client.until_listed(&names).await?;
    let listed = client.modern("tools/list", json!({})).await?.result()?;
    let listed = listed["tools"].as_array().context("a list")?;
    let definition = |name: &str| {
        let found = listed.iter().find(|tool| tool["name"] == name);
        let found = found.and_then(Value::as_object).cloned().unwrap_or_default();
        let parts = ["description", "inputSchema", "outputSchema", "annotations"];
        parts.map(|part| found.get(part).map(ToString::to_string).unwrap_or_default())
    };
    ensure!(definition(names[0]) == definition(names[2]), "{:?}", definition(names[2]));
    for (arguments, is_error) in [
        (json!({ "query": "a b" }), false),
        (json!({ "keywords": "é", "max_results": 1 }), false),
        (json!({ "query": "" }), true),
        (json!({ "query": "a", "operation": "b" }), true),
        (json!({}), true),
    ] {
        let mut said = Vec::new();
        for name in names {
            let result = client.tool(name, arguments.clone()).await?.result()?;
            ensure!(result["isError"] == is_error, "{name} {arguments}: {result}");
            let mut data = result["structuredContent"].clone();
            if let Some(data) = data.as_object_mut().filter(|_| is_error) {
                let id = data.shift_remove("correlation_id").context("no correlation id")?;
                ensure!(id.as_str().is_some_and(|id| !id.is_empty()), "{id}");
            }
            said.push((result["content"].to_string(), data.to_string()));
        }
        ensure!(said.iter().all(|one| *one == said[0]), "{arguments}: {said:#?}");
    }
    gateway.books_agree().await
}

/// The definitions of the tools of a function, as the binary itself prints them.
async fn manifest(function: &str, program: &std::path::Path) -> Result<Value> {
    let mut command = tokio::process::Command::new(program);
    let printed = command.args(["manifest", "--output", "json"]).output().await?;
    let functions: Value = serde_json::from_slice(&printed.stdout)?;
    let functions = functions.as_array().context("a list")?;
    let found = functions.iter().find(|one| one["name"] == function);
    Ok(found.with_context(|| format!("no {function}"))?["tools"].clone())
}

#[tokio::test]
async fn a_function_that_broke_or_took_too_long_is_no_answer_and_not_called_again() -> Result<()> {
    // Each is retried, if that may be done.
    let more = "retry: { attempts: 3, base: 1ms, max: 5ms }";
    let house = House::new(Duration::from_secs(2), more, "").await?;
    let function = |signal| house.lambda.befall("search", signal);
    let arguments = json!({ "query": "a" });
    function(Signal::KILL)?;
    let answer = house.call(arguments.clone()).await?;
    Refused::target("upstream_5xx", "target", false, "broke while it worked on this")
        .check(&house.gateway, &answer)
        .await?;
    let line = house.gateway.line_of(&answer).await?;
    ensure!(
        line["attempts"] == 1 && line["detail"].to_string().contains("Runtime.ExitError"),
        "{line}"
    );
    function(Signal::STOP)?;
    let answer = house.call(arguments.clone()).await?;
    Refused::target("timeout_total", "target", false, "took all the time it may take")
        .check(&house.gateway, &answer)
        .await?;
    let line = house.gateway.line_of(&answer).await?;
    ensure!(
        line["attempts"] == 1 && line["detail"].to_string().contains("timed out after 2.00"),
        "{line}"
    );
    ensure!(house.lambda.seen().len() == 2, "{:?}", house.lambda.seen());
    // Another process takes the next call.
    let answer = house.call(arguments).await?;
    fine(&house.gateway, &answer).await?;
    let line = house.gateway.line_of(&answer).await?;
    ensure!(line["function_init_ms"].is_number(), "{line}");
    house.gateway.books_agree().await
}

#[tokio::test]
async fn a_tool_that_says_no_is_a_result_with_the_id_that_logs_know() -> Result<()> {
    let house = House::new(LONG, "", "").await?;
    drop(house.page);
    let answer = house.gateway.client().tool("fn___web_search", json!({ "query": "a" })).await?;
    let result = answer.result()?;
    let (error, line) = (&result["structuredContent"], house.gateway.line_of(&answer).await?);
    ensure!(result["isError"] == true && error["code"] == "unreachable", "{result}");
    ensure!(
        error["correlation_id"] == line["request_id"] && line["reason"] == "tool_error",
        "{line}"
    );
    house.gateway.books_agree().await
}

#[tokio::test]
async fn no_room_is_tried_again_and_counted_and_in_the_end_said() -> Result<()> {
    let more = "retry: { attempts: 3, base: 1ms, max: 5ms, budget: 1 }";
    let house = House::new(LONG, more, "").await?;
    house.lambda.throttle(2);
    let answer = house.call(json!({ "query": "a" })).await?;
    fine(&house.gateway, &answer).await?;
    ensure!(house.gateway.line_of(&answer).await?["attempts"] == 3);
    ensure!(house.lambda.seen().len() == 1, "it ran once");
    let metrics = house.gateway.metrics().await?;
    let won =
        metrics.sum("toolgate_retries_total", &[("target", "fn"), ("reason", "upstream_429")]);
    ensure!(won == 2.0, "{won}");
    house.lambda.throttle(usize::MAX);
    let answer = house.call(json!({ "query": "a" })).await?;
    Refused::target("upstream_429", "target", true, "has no room for another call")
        .check(&house.gateway, &answer)
        .await?;
    ensure!(house.gateway.line_of(&answer).await?["attempts"] == 3);
    ensure!(house.lambda.seen().len() == 1, "it ran no more");
    house.gateway.books_agree().await
}

#[tokio::test]
async fn what_is_too_large_or_no_json_or_could_not_start_is_told_apart() -> Result<()> {
    let house = House::new(LONG, "", "limits: { body: 16MiB }\n").await?;
    let large = house.call(json!({ "query": "a".repeat(6 * 1024 * 1024) })).await?.result()?;
    let text = large["content"][0]["text"].as_str().context("no text")?;
    ensure!(large["isError"] == true && text.contains("more than 6 MiB"), "{text}");
    ensure!(house.lambda.seen().is_empty(), "it was not sent");
    let program = binary("toolgate-tools", "toolgate-tools")?;
    let unable = Function::program(program, &[("TOOLGATE_WEB_SEARCH", "searxng")], LONG);
    for (function, reason, says) in [
        (Function::canned("<html>", None), "upstream_protocol", "cannot be read"),
        (Function::canned("", None), "upstream_protocol", "cannot be read"),
        (Function::canned(r#"{"errorType":"E"}"#, Some("Handled")), "upstream_5xx", "broke"),
        (unable, "upstream_5xx", "broke"),
    ] {
        house.lambda.deploy("search", function);
        let answer = house.call(json!({ "query": "a" })).await?;
        let refused = Refused::target(reason, "target", false, says);
        refused.check(&house.gateway, &answer).await?;
    }
    let failed = r#"{"statusCode":502,"body":"{\"error\":\"no upstream\"}"}"#;
    house.lambda.deploy("search", Function::canned(failed, None));
    let result = house.call(json!({ "query": "a" })).await?.result()?;
    ensure!(result["isError"] == true, "an error in the shape of API Gateway is one: {result}");
    house.gateway.books_agree().await
}

#[tokio::test]
async fn definitions_may_lie_in_ssm_and_a_wrong_signature_is_the_gateways() -> Result<()> {
    let (emulator, lambda) = (Emulator::ministack().await?, Lambda::start().await?);
    lambda.deploy("orders", Function::canned(r#"{"found":1}"#, None));
    let body = json!({ "Name": "/toolgate/orders", "Type": "String", "Value": TOOLS });
    let scope = format!("Credential=x/20260101/{REGION}/ssm/aws4_request");
    let signature = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=x");
    let ask = Ask::post(body.to_string()).to("/").header("x-amz-target", "AmazonSSM.PutParameter");
    let ask = ask.instead("content-type", "application/x-amz-json-1.1");
    let put = Client::new(emulator.address()).send(ask.header("authorization", &signature)).await?;
    ensure!(put.status == 200, "{}", put.text());
    let config = format!(
        "{OPEN}aws: {{ region: {REGION}, endpoint: \"{}\" }}\ntargets:\n  \
         fn: {{ lambda: {{ function: orders, tools: \"ssm:/toolgate/orders\", endpoint: \"{}\" }} }}\n  \
         far: {{ lambda: {{ function: orders, tools: \"ssm:/toolgate/orders\", endpoint: \"{1}\", region: eu-west-1 }} }}\n",
        emulator.url(),
        lambda.url()
    );
    let gateway = Gateway::start_with(&config, &CREDENTIALS).await?;
    let result = gateway.client().tool("fn___web_search", json!({})).await?.result()?;
    ensure!(result["structuredContent"] == json!({ "found": 1 }), "{result}");
    let answer = gateway.client().tool("far___web_search", json!({})).await?;
    let refused = Refused::target(
        "upstream_4xx",
        "target",
        false,
        "does not accept the gateway's credentials",
    );
    refused.check(&gateway, &answer).await?;
    gateway.books_agree().await
}
