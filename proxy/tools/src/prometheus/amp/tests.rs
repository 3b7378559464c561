//! Amazon's Prometheus: workspaces, what is signed, and each tool when AWS is sick.

use std::time::Duration;

use aws_credential_types::Credentials;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::aws::{Aws, tests::aws};
use crate::context::Context;
use crate::prometheus::{AmpConfig, amp_tools, amp_toolset};
use crate::schema::only_known_words;
use crate::testing::{Asked, Fixture, Say, call, code, message, no_sickness_is_a_success};
use crate::toolset::Toolset;

const PROMQL: &str = r#"sum by (job) (rate(http_requests_total{path=~"/a.+|é b",x!="+"}[5m])) > 1"#;

fn tools(url: &str) -> Toolset {
    amp_tools(&aws(url), None)
}

fn workspace(id: &str, alias: &str) -> Value {
    json!({
        "workspaceId": id, "alias": alias, "arn": format!("arn:aws:aps:eu-test-1:1:workspace/{id}"),
        "status": { "statusCode": "ACTIVE" }, "createdAt": 1.7e9, "tags": {},
    })
}

/// Answers as the control plane and one workspace would.
fn amazon(asked: &Asked) -> Say {
    let host = asked.headers["host"].to_str().unwrap();
    let described = |id: &str, alias: &str, url: &str| {
        let mut one = workspace(id, alias);
        one["prometheusEndpoint"] = url.into();
        Say::json(&json!({ "workspace": one }))
    };
    match asked.path.as_str() {
        "/workspaces" if asked.field("nextToken").is_none() => Say::json(&json!({
            "workspaces": [workspace("ws-1", "Production"), workspace("ws-2", "twice")],
            "nextToken": "t +/=",
        })),
        "/workspaces" => {
            assert_eq!(asked.field("nextToken").as_deref(), Some("t +/="));
            Say::json(
                &json!({ "workspaces": [workspace("ws-3", "Twice"), workspace("ws-4", "TWICE")] }),
            )
        }
        "/workspaces/ws-1" => {
            described("ws-1", "Production", &format!("http://{host}/workspaces/ws-1/"))
        }
        "/workspaces/ws-5" => described("ws-5", "", ""),
        path if path.starts_with("/workspaces/ws-1/api/v1/label") => {
            Say::json(&json!({ "status": "success", "data": ["up"] }))
        }
        "/workspaces/ws-1/api/v1/query" => Say::json(&json!({
            "status": "success", "data": { "resultType": "scalar", "result": [1, "2"] },
        })),
        path => {
            let body = json!({ "__type": "ResourceNotFoundException", "message": path });
            Say::This(404, vec![], body.to_string())
        }
    }
}

#[tokio::test]
async fn a_query_is_signed_as_it_is_sent_and_its_workspace_is_looked_for_once() {
    let fixture = Fixture::start(amazon).await;
    let tools = tools(&fixture.url);
    for name in ["production", "production"] {
        let arguments = json!({ "query": PROMQL, "workspace": name });
        let reply = call(&tools, "query", arguments).await;
        assert_eq!(reply.structured()["series"][0]["values"], json!(["2"]), "{}", reply.text());
    }
    let asked = fixture.asked();
    let paths: Vec<&str> = asked.iter().map(|asked| asked.path.as_str()).collect();
    let query = "/workspaces/ws-1/api/v1/query";
    assert_eq!(paths, ["/workspaces", "/workspaces", "/workspaces/ws-1", query, query]);
    assert_eq!((asked[3].method.as_str(), asked[3].query.as_str()), ("POST", ""));
    assert_eq!(asked[3].field("query").as_deref(), Some(PROMQL));
    for asked in &asked {
        let shown = asked.headers["authorization"].to_str().unwrap();
        assert!(shown.contains("/eu-test-1/aps/aws4_request"), "{shown}");
    }
}

#[tokio::test]
async fn a_workspace_that_is_set_up_is_no_argument() {
    let fixture = Fixture::start(amazon).await;
    let tools = amp_tools(&aws(&fixture.url), Some("ws-1".into()));
    let reply = call(&tools, "labels", json!({ "name": "job", "match": "{a=\"b c\"}" })).await;
    assert_eq!(reply.structured()["names"], json!(["up"]), "{}", reply.text());
    let reply = call(&tools, "query", json!({ "query": "up", "workspace": "ws-2" })).await;
    assert!(message(&reply, "invalid_arguments").contains("no argument `workspace`"));
    let reply = call(&tools, "server_info", json!({})).await;
    assert_eq!(reply.structured()["workspace"]["status"], "ACTIVE");
}

#[tokio::test]
async fn workspaces_are_listed_and_found_and_never_guessed() {
    let fixture = Fixture::start(amazon).await;
    let tools = tools(&fixture.url);
    let reply = call(&tools, "list_workspaces", json!({ "limit": 2 })).await;
    let found = reply.structured();
    assert_eq!((&found["count"], &found["next"]), (&json!(2), &json!("t +/=")));
    let reply = call(&tools, "list_workspaces", json!({ "next": found["next"] })).await;
    assert_eq!(reply.structured()["truncated"], false);
    for name in ["ws-1", "PRODUCTION"] {
        let reply = call(&tools, "find_workspace", json!({ "alias": name })).await;
        assert_eq!(reply.structured()["workspace"]["workspace_id"], "ws-1", "{}", reply.text());
    }
    for (name, wanted, told) in [
        ("prod", "not_found", "there are ws-1 (Production)"),
        ("tWICE", "invalid_arguments", "ws-2 (twice), ws-3 (Twice), ws-4 (TWICE)"),
        ("ws-9", "not_found", "/workspaces/ws-9"),
        ("ws-5", "garbled", "does not say where"),
        ("ws-../x", "not_found", "no workspace is called"),
    ] {
        let reply = call(&tools, "find_workspace", json!({ "workspace": name })).await;
        let said = message(&reply, wanted);
        assert!(said.contains(told), "{name}: {said}");
    }
    let reply = call(&tools, "query", json!({ "query": "up" })).await;
    assert!(message(&reply, "invalid_arguments").contains("list_workspaces"));
}

#[tokio::test]
async fn a_workspace_that_is_asked_in_the_clear_is_not_asked() {
    // The control plane is AWS itself here; what it names must have TLS.
    let aws = Aws::fixed("https://aps.example", Credentials::new("A", "b", None, None, "test"));
    let amp = super::Amp::new(&aws, None);
    let context = Context::new(Instant::now() + Duration::from_secs(5), "test".into());
    let told = || super::Told {
        workspace_id: "ws-1".into(),
        alias: String::new(),
        status: super::Status { status_code: "ACTIVE".into() },
        arn: String::new(),
        prometheus_endpoint: None,
    };
    for (url, is_good) in
        [("http://aps.example/w/", false), ("https://aps.example/w/", true), ("", false)]
    {
        let told = super::Told { prometheus_endpoint: Some(url.into()), ..told() };
        assert_eq!(amp.usable(told, &context).await.is_ok(), is_good, "{url}");
    }
}

#[tokio::test]
async fn no_sick_amazon_gives_a_result() {
    let calls = [
        ("query", json!({ "query": "up", "workspace": "ws-1" })),
        ("range_query", json!({ "query": "up", "start": "now-1h", "workspace": "a" })),
        ("list_metrics", json!({ "workspace": "ws-1" })),
        ("labels", json!({ "workspace": "ws-1" })),
        ("series", json!({ "match": ["up"], "workspace": "ws-1" })),
        ("metadata", json!({ "workspace": "ws-1" })),
        ("server_info", json!({ "workspace": "ws-1" })),
        ("list_workspaces", json!({})),
        ("find_workspace", json!({ "workspace": "a" })),
    ];
    no_sickness_is_a_success(tools, &calls).await;
}

#[tokio::test]
async fn bad_arguments_are_refused_before_anybody_is_asked() {
    let fixture = Fixture::start(amazon).await;
    let tools = tools(&fixture.url);
    for (tool, wrong, told) in [
        ("query", json!({ "query": "up", "workspace": "" }), "1 to 128 characters"),
        ("query", json!({ "query": "up", "workspace": "  " }), "`workspace` is missing"),
        ("list_workspaces", json!({ "limit": 0 }), "from 1 to 1000"),
        ("list_workspaces", json!({ "region": "x" }), "no argument `region`"),
        ("find_workspace", json!({}), "`workspace` is missing"),
        ("find_workspace", json!({ "workspace": "a", "alias": "b" }), "are the same"),
    ] {
        let reply = call(&tools, tool, wrong.clone()).await;
        let said = message(&reply, "invalid_arguments");
        assert!(said.contains(told), "{tool} {wrong}: {said}");
    }
    assert!(fixture.asked().is_empty());
    assert_eq!(
        code(&call(&tools, "find_workspace", json!({ "workspace": "zz" })).await),
        "not_found"
    );
}

#[test]
fn every_constraint_on_display_is_enforced() {
    only_known_words(&amp_toolset(AmpConfig::default()).unwrap());
}
