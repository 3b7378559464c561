//! An HTTP API behind the gateway, by the document that it shows of itself.
//!
//! In: FastAPI's server and document. Out: tools that do what the API says, and nothing else.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use toolgate_tests::api::{Api, SECRET};
use toolgate_tests::client::{Answer, Client};
use toolgate_tests::gateway::Gateway;

use crate::expect::{OPEN, Refused};

struct House {
    api: Api,
    gateway: Gateway,
    client: Client,
}

impl House {
    async fn new(more: &str) -> Result<Self> {
        let api = Api::start().await?;
        let (document, url) = (api.document()?, api.url());
        let config = format!(
            "{OPEN}targets:\n  inventory:\n    openapi: {{ document: \"{document}\", url: \"{url}\", {more} }}\n    \
             credentials: {{ scheme: Bearer, secret: env:INVENTORY_TOKEN }}\n    \
             timeout: 2s\n    max_response: 1MiB\n    retry: {{ attempts: 1 }}\n    breaker: {{ failures: 1000 }}\n"
        );
        let gateway = Gateway::start_with(&config, &[("INVENTORY_TOKEN", SECRET)]).await?;
        let client = gateway.client();
        Ok(Self { api, gateway, client })
    }

    async fn call(&self, tool: &str, arguments: Value) -> Result<Answer> {
        self.client.tool(&format!("inventory___{tool}"), arguments).await
    }

    /// What a tool says, which must not be a failure.
    async fn data(&self, tool: &str, arguments: Value) -> Result<Value> {
        let result = self.call(tool, arguments).await?.result()?;
        ensure!(result["isError"] == false, "{result}");
        Ok(result["structuredContent"].clone())
    }

    /// What a tool says, which must be a failure.
    async fn refusal(&self, tool: &str, arguments: Value) -> Result<String> {
        let result = self.call(tool, arguments).await?.result()?;
        ensure!(result["isError"] == true, "{result}");
        let text = result["content"][0]["text"].as_str().context("no text")?;
        Ok(text.to_owned())
    }
}

#[tokio::test]
async fn operations_are_tools_and_arguments_arrive_as_they_were_meant() -> Result<()> {
    let house = House::new("").await?;
    let result = house.client.modern("tools/list", json!({})).await?.result()?;
    let tools = result["tools"].as_array().context("a list")?;
    let mut names: Vec<&str> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
    names.sort_unstable();
    let due = ["deleteItem", "getItem", "goWrong", "listItems", "logIn", "makeItem", "setCount"];
    ensure!(names == due.map(|name| format!("inventory___{name}")), "{names:?}");
    let make =
        tools.iter().find(|tool| tool["name"] == "inventory___makeItem").context("a tool")?;
    ensure!(make["inputSchema"]["required"] == json!(["name"]), "{make}");
    ensure!(make["inputSchema"]["properties"]["kind"]["enum"] == json!(["tool", "part"]), "{make}");
    ensure!(make["annotations"]["readOnlyHint"] == false, "{make}");

    let hostile = "a b/ü?x=1&y=2#z;%41";
    let told = house.data("getItem", json!({ "item": hostile, "verbose": true })).await;
    // FastAPI takes an encoded slash for one: then the path is another, which it does not have.
    ensure!(told.is_err(), "{told:?}");
    let hostile = "a b ü?x=1&y=2#z;%41+";
    let told = house.data("getItem", json!({ "item": hostile, "verbose": true })).await?;
    ensure!(told["item"] == hostile && told["verbose"] == true, "{told}");
    let tags = json!(["a&limit=99", "b c", ""]);
    let told =
        house.data("listItems", json!({ "tag": tags, "limit": 3, "x-tenant": "north" })).await?;
    ensure!(told["tag"] == tags && told["limit"] == 3 && told["tenant"] == "north", "{told}");
    let item = json!({ "name": "saw", "kind": "tool", "tags": ["x"],
                       "within": { "name": "box", "kind": "part", "tags": [], "within": null } });
    ensure!(house.data("makeItem", item.clone()).await? == item);
    let told = house.data("setCount", json!({ "item": "saw", "body": 7 })).await?;
    ensure!(told == json!({ "item": "saw", "count": 7 }), "{told}");
    let told = house.data("logIn", json!({ "user": "a=b&c", "words": "ü +%" })).await?;
    ensure!(told == json!({ "user": "a=b&c", "words": "ü +%" }), "{told}");
    let gone = house.call("deleteItem", json!({ "item": "saw" })).await?.result()?;
    ensure!(gone["content"][0]["text"] == "HTTP 204", "{gone}");
    house.gateway.books_agree().await
}

#[tokio::test]
async fn nothing_of_the_caller_and_no_second_place_is_reached() -> Result<()> {
    let house = House::new("").await?;
    let told = house.data("listItems", json!({})).await?;
    let headers = told["headers"].as_object().context("headers")?;
    for own in ["x-request-id", "traceparent", "user-agent", "accept"] {
        ensure!(headers.contains_key(own), "no {own}: {told}");
    }
    for callers in ["mcp-method", "mcp-name", "mcp-protocol-version", "cookie"] {
        ensure!(!headers.contains_key(callers), "{callers} went on: {told}");
    }
    for bad in ["..", "../login", "..%2flogin", "%2e%2e", "a\\..\\..", ""] {
        let said = house.refusal("getItem", json!({ "item": bad })).await?;
        ensure!(said.contains("`item`"), "{bad}: {said}");
    }
    let said = house.refusal("listItems", json!({ "x-tenant": "a\r\nX-Admin: 1" })).await?;
    ensure!(said.contains("one line"), "{said}");
    let said = house.refusal("listItems", json!({ "admin": true })).await?;
    ensure!(said.contains("there is no argument `admin`"), "{said}");
    Ok(())
}

#[tokio::test]
async fn what_the_api_says_no_to_and_what_breaks_are_told_apart() -> Result<()> {
    let mut house = House::new("").await?;
    let said = house.refusal("getItem", json!({ "item": "gone" })).await?;
    ensure!(said == r#"HTTP 404: {"detail":"no such item"}"#, "{said}");
    let said = house.refusal("listItems", json!({ "limit": 1000 })).await?;
    ensure!(said.starts_with("HTTP 422: ") && said.contains("less than or equal to 100"), "{said}");
    let text = house.call("goWrong", json!({ "how": "text" })).await?.result()?;
    ensure!(text["content"][0]["text"] == "plain words", "{text}");
    for (how, refused) in [
        ("broken", Refused::target("upstream_5xx", "target", true, "failed")),
        ("busy", Refused::target("upstream_429", "target", true, "is asked too often")),
        ("redirect", Refused::target("upstream_protocol", "target", true, "redirects")),
        ("garbage", Refused::target("upstream_protocol", "target", true, "cannot be read")),
        ("large", Refused::target("upstream_protocol", "target", true, "more than 1048576 bytes")),
        ("slow", Refused::target("timeout_first_byte", "target", true, "did not answer")),
    ] {
        let answer = house.call("goWrong", json!({ "how": how })).await?;
        refused.check(&house.gateway, &answer).await.context(how)?;
    }
    house.api.kill().await?;
    let answer = house.call("getItem", json!({ "item": "x" })).await?;
    let gone = Refused::target("connect_refused", "network", true, "refused the connection");
    gone.check(&house.gateway, &answer).await?;
    house.gateway.books_agree().await
}

#[tokio::test]
async fn only_what_is_chosen_is_offered() -> Result<()> {
    let house = House::new("include: [\"tag:read\", \"PUT *\"], exclude: [listItems]").await?;
    house.client.until_listed(&["inventory___getItem", "inventory___setCount"]).await?;
    let answer = house.call("deleteItem", json!({ "item": "x" })).await?;
    ensure!(answer.text().contains("inventory___deleteItem"), "{}", answer.text());
    Ok(())
}

#[tokio::test]
async fn a_secret_that_is_wrong_is_the_gateways_and_not_the_callers() -> Result<()> {
    let api = Api::start().await?;
    let (document, url) = (api.document()?, api.url());
    let config = format!(
        "{OPEN}targets:\n  inventory:\n    openapi: {{ document: \"{document}\", url: \"{url}\" }}\n"
    );
    let gateway = Gateway::start(&config).await?;
    let answer = gateway.client().tool("inventory___listItems", json!({})).await?;
    let refused = Refused::target(
        "upstream_4xx",
        "target",
        true,
        "does not accept the gateway's credentials",
    );
    refused.check(&gateway, &answer).await?;
    Ok(())
}
