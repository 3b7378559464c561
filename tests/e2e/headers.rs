//! Arguments that stand in headers as well (`x-mcp-header`).

use anyhow::Result;
use serde_json::{Value, json};
use toolgate_tests::client::Ask;
use toolgate_tests::gateway::Gateway;
use toolgate_tests::herald::{Era, Herald, tool};

use crate::expect::{OPEN, Refused, fine};

type Headers<'a> = &'a [(&'a str, &'a str)];

fn headed() -> Value {
    let region = json!({ "type": "string", "x-mcp-header": "Region" });
    let count = json!({ "type": "integer", "x-mcp-header": "Count" });
    let deep = json!({ "type": "object", "properties": { "count": count } });
    tool("echo", &json!({ "region": region, "deep": deep }))
}

fn odd() -> Value {
    tool("odd", &json!({ "ratio": { "type": "number", "x-mcp-header": "Ratio" } }))
}

async fn before(herald: &Herald, listed: &[&str]) -> Result<Gateway> {
    let (url, lasting) = (herald.url(), "defaults: { list_ttl: 1h, retry: { attempts: 1 } }");
    let config = format!("{OPEN}{lasting}\ntargets:\n  herald: {{ mcp: {{ url: \"{url}\" }} }}\n");
    let gateway = Gateway::start(&config).await?;
    gateway.client().until_listed(listed).await?;
    Ok(gateway)
}

fn calling(arguments: Value, headers: Headers<'_>) -> Ask {
    let ask = Ask::tool("herald___echo", arguments);
    headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value))
}

#[tokio::test]
async fn headers_of_a_modern_caller_must_agree_with_its_arguments() -> Result<()> {
    let herald = Herald::start(Era::Modern).await?;
    herald.lists(json!([headed(), odd()]));
    let gateway = before(&herald, &["herald___echo"]).await?;
    let metrics = gateway.metrics().await?;
    let left_out = [("target", "herald")];
    assert!(metrics.sum("toolgate_target_tools_left_out_total", &left_out) >= 1.0);
    let bad: [(Value, Headers<'_>, &'static str); 6] = [
        (json!({ "region": "eu" }), &[], "mcp-param-region is missing"),
        (json!({ "region": "eu" }), &[("Mcp-Param-Region", "us")], "mcp-param-region differs"),
        (
            json!({ "region": "eu" }),
            &[("Mcp-Param-Region", "eu"), ("mcp-param-region", "eu")],
            "mcp-param-region comes twice",
        ),
        (
            json!({ "region": "eu" }),
            &[("Mcp-Param-Region", "=?base64?!?=")],
            "mcp-param-region is not valid Base64",
        ),
        (json!({}), &[("Mcp-Param-Region", "eu")], "mcp-param-region says what"),
        (json!({ "deep": { "count": 7 } }), &[("Mcp-Param-Count", "8")], "mcp-param-count differs"),
    ];
    for (arguments, headers, says) in bad {
        let answer = gateway.client().send(calling(arguments, headers)).await?;
        let expected = Refused::caller(400, -32020, "header_mismatch", says);
        expected.check(&gateway, &answer).await?;
    }
    assert!(herald.heard("tools/call").is_empty(), "nothing of it was sent");
    let arguments = json!({ "region": "gr\u{fc}n", "deep": { "count": 42 } });
    let encoded = "=?base64?Z3LDvG4=?=";
    let headers = [
        ("Mcp-Param-Region", encoded),
        ("Mcp-Param-Count", "42.0"),
        ("Mcp-Param-Unknown", "passes"),
    ];
    let answer = gateway.client().send(calling(arguments, &headers)).await?;
    fine(&gateway, &answer).await?;
    let heard = herald.until_heard("tools/call", 1).await?;
    assert_eq!(heard.header("mcp-param-region"), Some(encoded));
    assert_eq!(heard.header("mcp-param-count"), Some("42"));
    assert_eq!(heard.header("mcp-param-unknown"), Some("passes"));
    gateway.books_agree().await
}

#[tokio::test]
async fn a_modern_target_finds_in_headers_what_an_older_caller_has_no_headers_for() -> Result<()> {
    let herald = Herald::start(Era::Modern).await?;
    herald.lists(json!([headed()]));
    let gateway = before(&herald, &["herald___echo"]).await?;
    let session = gateway.client().session().await?;
    let arguments = json!({ "region": " eu", "deep": { "count": null } });
    assert_eq!(session.tool("herald___echo", arguments).await?.status, 200);
    let heard = herald.until_heard("tools/call", 1).await?;
    assert_eq!(heard.header("mcp-param-region"), Some("=?base64?IGV1?="), "not plain enough");
    assert_eq!(heard.header("mcp-param-count"), None, "null is left out");
    Ok(())
}

#[tokio::test]
async fn an_old_list_is_fetched_again_when_a_target_misses_a_header() -> Result<()> {
    let herald = Herald::start(Era::Modern).await?;
    let gateway = before(&herald, &["herald___echo"]).await?;
    herald.lists(json!([headed()]));
    herald.wants("mcp-param-region", "eu");
    let session = gateway.client().session().await?;
    let answer = session.tool("herald___echo", json!({ "region": "eu" })).await?;
    assert_eq!(answer.result()?["content"][0]["text"], "done");
    let sent = herald.heard("tools/call");
    let regions: Vec<_> = sent.iter().map(|heard| heard.header("mcp-param-region")).collect();
    assert_eq!(regions, [None, Some("eu")]);
    // A target that does not take what its own list asks for is not asked again.
    herald.wants("mcp-param-region", "us");
    let answer = session.tool("herald___echo", json!({ "region": "eu" })).await?;
    let error = answer.message()?["error"].clone();
    assert_eq!(
        (&error["code"], &error["data"]["reason"]),
        (&json!(-32603), &json!("upstream_protocol"))
    );
    assert_eq!(herald.heard("tools/call").len(), 3);
    Ok(())
}

#[tokio::test]
async fn an_older_target_has_no_such_headers_but_its_schemas_bind_modern_callers() -> Result<()> {
    let herald = Herald::start(Era::Legacy).await?;
    herald.lists(json!([headed(), odd()]));
    let gateway = before(&herald, &["herald___echo", "herald___odd"]).await?;
    let refused = gateway.client().send(calling(json!({ "region": "eu" }), &[])).await?;
    assert_eq!(refused.status, 400);
    let headers = [("Mcp-Param-Region", "eu")];
    let answer = gateway.client().send(calling(json!({ "region": "eu" }), &headers)).await?;
    fine(&gateway, &answer).await?;
    let heard = herald.until_heard("tools/call", 1).await?;
    assert_eq!(heard.header("mcp-param-region"), None);
    let odd = gateway.client().tool("herald___odd", json!({ "ratio": 0.5 })).await?;
    fine(&gateway, &odd).await?;
    Ok(())
}
