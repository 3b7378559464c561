//! Each tool on answers as Prometheus writes them, on wrong arguments, and on a sick Prometheus.

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Config, toolset};
use crate::schema::only_known_words;
use crate::testing::{Asked, Fixture, Say, call, code, message, no_sickness_is_a_success};
use crate::toolset::Toolset;

fn tools(url: &str) -> Toolset {
    toolset(Config { url: url.to_owned(), credentials: None }).unwrap()
}

fn success(data: &Value) -> Say {
    Say::json(&json!({ "status": "success", "data": data }))
}

/// Answers as a small Prometheus would.
fn prometheus(asked: &Asked) -> Say {
    let up = |instance: &str| json!({ "__name__": "up", "instance": instance });
    match asked.path.trim_start_matches("/p/api/v1/") {
        "query" if asked.field("query").as_deref() == Some("scalar(up)") => {
            success(&json!({ "resultType": "scalar", "result": [1.5, "NaN"] }))
        }
        "query" => Say::json(&json!({
            "status": "success", "warnings": ["a warning"], "infos": ["an info"],
            "data": { "resultType": "vector", "result": [
                { "metric": up("a"), "value": [1700000000.123, "1"] },
                { "metric": up("b"), "value": [1700000000.123, "+Inf"] },
                { "metric": {}, "histogram": [1700000000.123, { "count": "2", "sum": "3" }] },
            ] },
        })),
        "query_range" => success(&json!({ "resultType": "matrix", "result": [
            { "metric": up("a"), "values": [[1, "1"], [2, "5"], [3, "-2"]] },
            { "metric": up("b"), "values": (0..7999).map(|n| json!([n, "0"])).collect::<Vec<_>>() },
        ] })),
        "labels" => success(&json!(["job", "__name__"])),
        "series" => success(&json!([up("a"), up("b")])),
        "metadata" => success(&json!({
            "up": [{ "type": "gauge", "help": "Whether it is up.", "unit": "" }],
        })),
        "status/buildinfo" => success(&json!({ "version": "3.5.0", "revision": "x" })),
        "status/runtimeinfo" => success(&json!({
            "startTime": "2026-01-01T00:00:00Z", "storageRetention": "15d",
        })),
        "label/__name__/values" => success(&json!(["up", "go_b", "go_a"])),
        "label/job/values" | "label/U__a_2e_b/values" => success(&json!(["node"])),
        path => Say::This(404, vec![], format!("no {path}")),
    }
}

async fn asked(tool: &str, arguments: Value) -> (Value, String, Asked) {
    let fixture = Fixture::start(prometheus).await;
    let reply = call(&tools(&format!("{}/p/", fixture.url)), tool, arguments).await;
    assert!(!reply.is_error(), "{}", reply.text());
    (reply.structured().clone(), reply.text().to_owned(), fixture.asked().remove(0))
}

#[tokio::test]
async fn a_query_is_sent_as_a_form_and_its_values_stay_as_they_are() {
    let query = r#"up{job=~"a|b;c",path="/etc/ü + ö"} > 0 and on() vector(1)"#;
    let arguments = json!({ "query": query, "time": "1700000000", "limit": 2 });
    let (found, text, asked) = asked("query", arguments).await;
    assert_eq!((asked.method.as_str(), asked.query.as_str()), ("POST", ""));
    assert_eq!(asked.field("query").as_deref(), Some(query));
    assert_eq!(asked.field("time").as_deref(), Some("1700000000.000"));
    assert!(asked.field("timeout").unwrap().ends_with("ms"));
    assert_eq!((&found["total"], &found["truncated"]), (&json!(3), &json!(true)));
    assert_eq!(found["series"][1]["values"], json!(["+Inf"]));
    assert_eq!(found["warnings"], json!(["a warning", "an info"]));
    assert!(text.contains(r#"up{instance="b"} +Inf"#), "{text}");
}

#[tokio::test]
async fn a_scalar_and_a_histogram_are_results_too() {
    let (found, ..) = asked("query", json!({ "query": "scalar(up)" })).await;
    assert_eq!(found["series"], json!([{ "metric": {}, "times": [1.5], "values": ["NaN"] }]));
    let (found, ..) = asked("query", json!({ "query": "up" })).await;
    assert_eq!(found["series"][2]["values"], json!([r#"{"count":"2","sum":"3"}"#]));
}

#[tokio::test]
async fn a_range_has_a_step_and_whole_series() {
    let arguments = json!({ "query": "up", "start": "1000", "end": "4600" });
    let (found, text, asked) = asked("range_query", arguments).await;
    assert_eq!(asked.field("step").as_deref(), Some("30.000"));
    assert_eq!(found["step"], "30s");
    assert_eq!((&found["total"], &found["truncated"]), (&json!(2), &json!(true)));
    assert_eq!(found["series"].as_array().unwrap().len(), 1);
    assert!(text.contains("3 points, 1, -2, 5, -2"), "{text}");
}

#[tokio::test]
async fn names_come_in_pages() {
    let (found, _, asked_for) = asked("list_metrics", json!({ "prefix": "go_", "limit": 1 })).await;
    assert_eq!(
        found,
        json!({ "total": 2, "names": ["go_a"], "truncated": true, "next_offset": 1 })
    );
    assert_eq!(asked_for.path, "/p/api/v1/label/__name__/values");
    let arguments = json!({ "match": "{job=\"a b\"}", "offset": 2 });
    let (found, _, asked_for) = asked("list_metrics", arguments).await;
    assert_eq!(found, json!({ "total": 3, "names": ["up"], "truncated": false }));
    assert_eq!(asked_for.field("match[]").as_deref(), Some("{job=\"a b\"}"));
    let (found, ..) = asked("labels", json!({})).await;
    assert_eq!(found["names"], json!(["__name__", "job"]));
    for name in ["job", "a.b"] {
        let (found, ..) = asked("labels", json!({ "name": name })).await;
        assert_eq!(found["names"], json!(["node"]));
    }
}

#[tokio::test]
async fn series_metadata_and_the_server_are_told() {
    let (found, text, asked_for) = asked("series", json!({ "match": ["up"], "limit": 1 })).await;
    assert_eq!((&found["count"], &found["truncated"]), (&json!(1), &json!(true)));
    assert_eq!(asked_for.field("limit").as_deref(), Some("2"));
    assert!(text.contains(r#"up{instance="a"}"#), "{text}");
    let (found, ..) = asked("metadata", json!({ "metric": "up" })).await;
    assert_eq!(
        found["metrics"],
        json!([{ "name": "up", "kind": "gauge", "help": "Whether it is up." }])
    );
    let (found, ..) = asked("server_info", json!({})).await;
    assert_eq!((&found["version"], &found["retention"]), (&json!("3.5.0"), &json!("15d")));
}

#[tokio::test]
async fn prometheus_own_errors_keep_their_kind_and_their_words() {
    for (status, kind, wanted) in [
        (400, "bad_data", "invalid_arguments"),
        (422, "execution", "refused"),
        (503, "timeout", "timeout"),
        (503, "unavailable", "upstream_error"),
        (500, "internal", "upstream_error"),
        (404, "not_found", "not_found"),
        (429, "too_many_requests", "rate_limited"),
    ] {
        let body =
            json!({ "status": "error", "errorType": kind, "error": "parse error at char 4" });
        let say = Say::This(status, vec![], body.to_string());
        let fixture = Fixture::saying(say).await;
        let reply = call(&tools(&fixture.url), "query", json!({ "query": "up{" })).await;
        let said = message(&reply, wanted);
        assert!(said.contains("parse error at char 4"), "{said}");
        assert_eq!(reply.structured()["upstream"]["status"], status);
    }
}

#[tokio::test]
async fn bad_arguments_are_refused_before_prometheus_is_asked() {
    let fixture = Fixture::start(prometheus).await;
    let tools = tools(&fixture.url);
    for (tool, wrong, told) in [
        ("query", json!({}), "`query` is missing"),
        ("query", json!({ "query": "up", "time": "yesterday" }), "`time` must be a time"),
        ("query", json!({ "query": "up", "limit": 0 }), "from 1 to 1000"),
        ("query", json!({ "query": "up", "workspace": "x" }), "no argument `workspace`"),
        ("range_query", json!({ "query": "up" }), "`start` is missing"),
        (
            "range_query",
            json!({ "query": "up", "start": "now", "end": "now-1h" }),
            "`start` is after `end`",
        ),
        (
            "range_query",
            json!({ "query": "up", "start": "now-30d", "step": "15s" }),
            "take at least `5m` (`6h` is usually fine)",
        ),
        ("range_query", json!({ "query": "up", "start": "-1h", "step": "0" }), "`step` must be"),
        ("list_metrics", json!({ "limit": 5000 }), "from 1 to 2000"),
        ("labels", json!({ "label": "job" }), "no argument `label`"),
        ("series", json!({ "match": "up" }), "put it in square brackets"),
        ("series", json!({ "match": [] }), "1 to 10 items"),
        ("series", json!({ "match": [""] }), "`match[0]`"),
        ("metadata", json!({ "metric": "" }), "`metric`"),
        ("server_info", json!({ "verbose": true }), "it takes none"),
    ] {
        let reply = call(&tools, tool, wrong.clone()).await;
        let said = message(&reply, "invalid_arguments");
        assert!(said.contains(told), "{tool} {wrong}: {said}");
    }
    assert!(fixture.asked().is_empty());
}

#[tokio::test]
async fn no_sick_prometheus_gives_a_result() {
    let calls = [
        ("query", json!({ "query": "up" })),
        ("range_query", json!({ "query": "up", "start": "now-1h" })),
        ("list_metrics", json!({})),
        ("labels", json!({})),
        ("series", json!({ "match": ["up"] })),
        ("metadata", json!({})),
        ("server_info", json!({})),
    ];
    no_sickness_is_a_success(tools, &calls).await;
}

#[tokio::test]
async fn a_success_of_the_wrong_shape_is_none() {
    for data in [json!(null), json!({}), json!({ "resultType": "vector", "result": {} })] {
        let fixture = Fixture::saying(success(&data)).await;
        let reply = call(&tools(&fixture.url), "query", json!({ "query": "up" })).await;
        assert_eq!(code(&reply), "garbled");
    }
}

#[tokio::test]
async fn credentials_are_shown_to_prometheus_and_in_no_error() {
    let fixture = Fixture::saying(Say::status(401)).await;
    let mut secret = HeaderValue::from_static("Bearer s3cret");
    secret.set_sensitive(true);
    let credentials = Some((HeaderName::from_static("authorization"), secret));
    let tools = toolset(Config { url: fixture.url.clone(), credentials }).unwrap();
    let reply = call(&tools, "query", json!({ "query": "up" })).await;
    assert_eq!(code(&reply), "denied");
    assert!(!reply.into_result().to_string().contains("s3cret"));
    assert_eq!(fixture.asked()[0].headers["authorization"], "Bearer s3cret");
}

#[test]
fn every_constraint_on_display_is_enforced() {
    only_known_words(&tools("http://127.0.0.1:9"));
}

proptest! {
    /// What is signed and what is read are the same bytes: only unreserved ones stand for themselves.
    #[test]
    fn any_promql_comes_through_a_form(query in "[ -~\\n\\tä-ü€😀]{1,80}") {
        let form = crate::upstream::form(&[("query", &query), ("time", "1")]);
        prop_assert!(form.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%=&".contains(&b)));
        let value = form.strip_prefix("query=").unwrap().strip_suffix("&time=1").unwrap();
        prop_assert_eq!(crate::upstream::decoded(value), query);
    }
}
