//! Each tool on answers as CloudWatch writes them, on wrong arguments, and on a sick CloudWatch.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{tools as of, toolset};
use crate::aws::{Config, tests::aws};
use crate::context::Context;
use crate::schema::only_known_words;
use crate::testing::no_sickness_is_a_success;
use crate::testing::{Asked, Fixture, Say, arguments, call, call_within, code, message};
use crate::toolset::Toolset;

fn tools(url: &str) -> Toolset {
    of(&aws(url))
}

fn operation(asked: &Asked) -> &str {
    asked.headers["x-amz-target"].to_str().unwrap().rsplit('.').next().unwrap()
}

fn body(asked: &Asked) -> Value {
    serde_json::from_str(&asked.body).unwrap()
}

/// Answers as CloudWatch would; queries are complete when they are looked at.
fn cloudwatch(asked: &Asked) -> Say {
    Say::json(&match operation(asked) {
        "DescribeLogGroups" => json!({
            "logGroups": [
                { "logGroupName": "/a", "retentionInDays": 14, "storedBytes": 5, "arn": "x" },
                { "logGroupName": "/b" },
            ],
            "nextToken": "t",
        }),
        "StartQuery" => json!({ "queryId": "q-1" }),
        "StopQuery" => json!({ "success": true }),
        "GetQueryResults" => rows("Complete", 3),
        "GetMetricData" => json!({ "MetricDataResults": [{
            "Id": "m", "Label": "Errors", "StatusCode": "Complete",
            "Timestamps": [1.7e9, 1_699_999_940], "Values": [2.5, 1],
        }], "Messages": [{ "Code": "a", "Value": "a remark" }] }),
        "DescribeAlarms" => json!({
            "MetricAlarms": [{
                "AlarmName": "m", "StateReason": "Threshold Crossed", "Namespace": "AWS/Lambda",
                "MetricName": "Errors", "StateUpdatedTimestamp": 1.7e9, "ActionsEnabled": false,
                "AlarmDescription": "for tests", "StateValue": "ALARM",
            }],
            "CompositeAlarms": [{ "AlarmName": "c", "AlarmRule": "ALARM(m)" }],
        }),
        "DescribeAlarmHistory" => json!({
            "AlarmHistoryItems": [{
                "AlarmName": "m", "Timestamp": 1.7e9, "HistoryItemType": "StateUpdate",
                "HistorySummary": "Alarm updated from OK to ALARM", "HistoryData": "{}",
            }],
            "NextToken": "t",
        }),
        other => panic!("{other}"),
    })
}

fn rows(status: &str, many: usize) -> Value {
    let row = |number: usize| {
        json!([{ "field": "@timestamp", "value": format!("2026-01-01 00:00:0{}", number % 10) },
               { "field": "@message", "value": "a line" }, { "field": "@ptr", "value": "Cm" }])
    };
    json!({
        "status": status, "results": (0..many).map(row).collect::<Vec<_>>(),
        "statistics": { "recordsMatched": 3, "recordsScanned": 10, "bytesScanned": 1000.0 },
    })
}

fn query() -> Value {
    json!({ "log_group_names": ["/a"], "query_string": "fields @message", "start": "now-1h" })
}

fn metric() -> Value {
    json!({ "namespace": "AWS/Lambda", "metric": "Errors", "start": "now-1h" })
}

async fn told(tool: &str, arguments: Value) -> (Value, Vec<Asked>) {
    let fixture = Fixture::start(cloudwatch).await;
    let reply = call(&tools(&fixture.url), tool, arguments).await;
    assert!(!reply.is_error(), "{}", reply.text());
    (reply.structured().clone(), fixture.asked())
}

#[tokio::test]
async fn log_groups_are_listed_a_page_at_a_time() {
    let given = json!({ "log_group_name_prefix": "/", "limit": 2, "next": "s" });
    let (found, asked) = told("log_groups", given).await;
    assert_eq!(body(&asked[0]), json!({ "limit": 2, "logGroupNamePrefix": "/", "nextToken": "s" }));
    let first = json!({ "name": "/a", "retention_days": 14, "stored_bytes": 5 });
    assert_eq!((&found["log_groups"][0], &found["next"]), (&first, &json!("t")));
    assert_eq!((&found["count"], &found["truncated"]), (&json!(2), &json!(true)));
}

#[tokio::test]
async fn a_query_is_started_looked_at_and_not_stopped_when_it_is_complete() {
    let (found, asked) = told("insights_query", query()).await;
    let row = json!({ "@timestamp": "2026-01-01 00:00:00", "@message": "a line" });
    assert_eq!((&found["rows"][0], &found["count"]), (&row, &json!(3)));
    assert_eq!((&found["bytes_scanned"], &found["truncated"]), (&json!(1000.0), &json!(false)));
    let operations: Vec<&str> = asked.iter().map(operation).collect();
    assert_eq!(operations, ["StartQuery", "GetQueryResults"]);
    let started = body(&asked[0]);
    assert_eq!(started["logGroupNames"], json!(["/a"]));
    let (start, end) = (started["startTime"].as_i64(), started["endTime"].as_i64());
    assert!((3600..=3602).contains(&(end.unwrap() - start.unwrap())), "{started}");
    let mut few = query();
    few["limit"] = json!(3);
    assert_eq!(told("insights_query", few).await.0["truncated"], true);
}

/// The state that each look sees, and then what a query comes to.
async fn looked(states: &'static [&'static str]) -> (String, Vec<String>) {
    let looks = std::sync::atomic::AtomicUsize::new(0);
    let fixture = Fixture::start(move |asked| {
        if operation(asked) != "GetQueryResults" {
            return cloudwatch(asked);
        }
        let look = looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Say::json(&rows(states[look.min(states.len() - 1)], 1))
    })
    .await;
    let mut asked = query();
    asked["wait_seconds"] = json!(2);
    let reply = call(&tools(&fixture.url), "insights_query", asked).await;
    let outcome = if reply.is_error() { code(&reply) } else { "rows".to_owned() };
    if outcome != "rows" && !["Failed", "Cancelled", "Timeout"].contains(states.last().unwrap()) {
        until_stopped(&fixture).await;
    }
    let operations = fixture.asked().iter().map(|asked| operation(asked).to_owned()).collect();
    (outcome, operations)
}

async fn until_stopped(fixture: &Fixture) {
    let end = Instant::now() + Duration::from_secs(10);
    while !fixture.asked().iter().any(|asked| operation(asked) == "StopQuery") {
        assert!(Instant::now() < end, "the query was not stopped");
        tokio::task::yield_now().await;
    }
    let asked = fixture.asked();
    let stop = asked.iter().find(|asked| operation(asked) == "StopQuery").unwrap();
    assert_eq!(body(stop), json!({ "queryId": "q-1" }));
}

#[tokio::test]
async fn every_state_of_a_query_comes_to_something() {
    for (states, outcome, is_stopped) in [
        (&["Scheduled", "Running", "Complete"][..], "rows", false),
        (&["Failed"][..], "upstream_error", false),
        (&["Running", "Cancelled"][..], "refused", false),
        (&["Timeout"][..], "timeout", false),
        (&["Unknown"][..], "upstream_error", true),
        (&["Running"][..], "timeout", true),
    ] {
        let (came_to, operations) = looked(states).await;
        assert_eq!(came_to, outcome, "{states:?}");
        assert_eq!(operations.iter().any(|one| one == "StopQuery"), is_stopped, "{states:?}");
    }
}

#[tokio::test]
async fn a_query_whose_caller_is_gone_is_stopped() {
    let fixture = Fixture::start(|asked| match operation(asked) {
        "GetQueryResults" => Say::Nothing,
        _ => cloudwatch(asked),
    })
    .await;
    let context = Context::new(Instant::now() + Duration::from_secs(60), "call-1".into());
    let tools = tools(&fixture.url);
    let running = tools.call("insights_query", arguments(query()), context).unwrap();
    let calling = tokio::spawn(running);
    let end = Instant::now() + Duration::from_secs(10);
    while fixture.asked().len() < 2 {
        assert!(Instant::now() < end, "the query was not looked at");
        tokio::task::yield_now().await;
    }
    calling.abort();
    until_stopped(&fixture).await;
}

#[tokio::test]
async fn points_come_in_order_of_time_with_their_period() {
    let mut asked = metric();
    asked["dimensions"] = json!([{ "name": "FunctionName", "value": "é f" }]);
    asked["statistic"] = json!("p99");
    let (found, asked) = told("metric_data", asked).await;
    assert_eq!(found["times"], json!([1_699_999_940.0, 1.7e9]));
    assert_eq!((&found["values"], &found["period"]), (&json!([1.0, 2.5]), &json!("1m")));
    assert_eq!((&found["truncated"], &found["messages"][0]), (&json!(false), &json!("a remark")));
    let asked = body(&asked[0]);
    let stat = &asked["MetricDataQueries"][0]["MetricStat"];
    assert_eq!((&stat["Period"], &stat["Stat"]), (&json!(60), &json!("p99")));
    assert_eq!(stat["Metric"]["Dimensions"], json!([{ "Name": "FunctionName", "Value": "é f" }]));
    assert_eq!(asked["StartTime"].as_f64().unwrap() % 60.0, 0.0);
}

#[tokio::test]
async fn a_metric_without_points_is_told_and_a_failure_within_a_success_is_one() {
    let result = |state: &str, more: Value| {
        let mut one = json!({ "Id": "m", "Label": "x", "Timestamps": [], "Values": [],
                              "StatusCode": state });
        one.as_object_mut().unwrap().extend(arguments(more));
        json!({ "MetricDataResults": [one] })
    };
    for (says, wanted) in [
        (result("Complete", json!({})), None),
        (result("InternalError", json!({})), Some("upstream_error")),
        (result("Forbidden", json!({})), Some("denied")),
        (result("Complete", json!({ "Timestamps": [1] })), Some("garbled")),
        (json!({ "MetricDataResults": [] }), Some("garbled")),
    ] {
        let fixture = Fixture::saying(Say::json(&says)).await;
        let reply = call(&tools(&fixture.url), "metric_data", metric()).await;
        assert_eq!(reply.is_error().then(|| code(&reply)).as_deref(), wanted, "{says}");
    }
    let partial = result("PartialData", json!({ "Timestamps": [1], "Values": [2] }));
    let fixture = Fixture::saying(Say::json(&partial)).await;
    let reply = call(&tools(&fixture.url), "metric_data", metric()).await;
    assert_eq!(reply.structured()["truncated"], true);
}

#[tokio::test]
async fn alarms_that_ring_are_listed_of_both_kinds() {
    let (found, asked) = told("active_alarms", json!({ "max_items": 10 })).await;
    assert_eq!(
        found["alarms"],
        json!([
            { "name": "m", "kind": "metric", "description": "for tests", "since": 1.7e9,
              "reason": "Threshold Crossed", "metric": "AWS/Lambda/Errors",
              "actions_enabled": false },
            { "name": "c", "kind": "composite", "reason": "", "actions_enabled": true },
        ])
    );
    let asked = body(&asked[0]);
    assert_eq!((&asked["StateValue"], &asked["MaxRecords"]), (&json!("ALARM"), &json!(10)));
}

#[tokio::test]
async fn the_history_of_an_alarm_is_told() {
    let given = json!({ "alarm_name": "m", "kind": "StateUpdate", "start": "now-2h", "next": "s" });
    let (found, asked) = told("alarm_history", given).await;
    let item = json!({ "time": 1.7e9, "summary": "Alarm updated from OK to ALARM" });
    assert_eq!((&found["items"], &found["next"]), (&json!([item]), &json!("t")));
    let asked = body(&asked[0]);
    assert_eq!((&asked["AlarmName"], &asked["NextToken"]), (&json!("m"), &json!("s")));
}

#[tokio::test]
async fn bad_arguments_are_refused_before_anybody_is_asked() {
    let fixture = Fixture::start(cloudwatch).await;
    let tools = tools(&fixture.url);
    let with = |mut base: Value, name: &str, value: Value| {
        base[name] = value;
        base
    };
    for (tool, wrong, told) in [
        ("log_groups", json!({ "limit": 51 }), "from 1 to 50"),
        ("log_groups", json!({ "region": "x" }), "no argument `region`"),
        ("insights_query", json!({}), "`log_groups` is missing"),
        ("insights_query", with(query(), "log_group_names", json!([])), "1 to 50 items"),
        ("insights_query", with(query(), "limit", json!(0)), "from 1 to 1000"),
        ("insights_query", with(query(), "wait_seconds", json!(600)), "from 1 to 60"),
        ("insights_query", with(query(), "start", json!("2026-01-01T00:00:00")), "`start` must be"),
        ("insights_query", with(query(), "end", json!("now-2h")), "`start` is not before `end`"),
        ("metric_data", json!({ "namespace": "x", "start": "now-1h" }), "`metric` is missing"),
        ("metric_data", with(metric(), "statistic", json!("Mean")), "\"Average\""),
        ("metric_data", with(metric(), "dimensions", json!({ "a": "b" })), "a list"),
        ("metric_data", with(metric(), "period", json!("45s")), "`period` is none of"),
        ("metric_data", with(metric(), "points", json!(5000)), "from 1 to 1440"),
        ("active_alarms", json!({ "limit": 101 }), "from 1 to 100"),
        ("alarm_history", json!({}), "`alarm` is missing"),
        ("alarm_history", json!({ "alarm": "a", "kind": "Other" }), "\"StateUpdate\""),
    ] {
        let reply = call(&tools, tool, wrong.clone()).await;
        let said = message(&reply, "invalid_arguments");
        assert!(said.contains(told), "{tool} {wrong}: {said}");
    }
    assert!(fixture.asked().is_empty());
}

#[tokio::test]
async fn no_sick_cloudwatch_gives_a_result() {
    let calls = [
        ("log_groups", json!({})),
        ("insights_query", query()),
        ("metric_data", metric()),
        ("active_alarms", json!({})),
        ("alarm_history", json!({ "alarm": "a" })),
    ];
    no_sickness_is_a_success(tools, &calls).await;
}

#[tokio::test]
async fn a_query_that_cannot_be_looked_at_is_no_result() {
    for say in [Say::status(500), Say::json(&json!({})), Say::Nothing] {
        let fixture = Fixture::start(move |asked| match operation(asked) {
            "GetQueryResults" => say.clone(),
            _ => cloudwatch(asked),
        })
        .await;
        let time = Duration::from_secs(2);
        let reply = call_within(&tools(&fixture.url), "insights_query", query(), time).await;
        assert!(reply.is_error());
        until_stopped(&fixture).await;
    }
}

#[test]
fn every_constraint_on_display_is_enforced() {
    only_known_words(&toolset(Config::default()).unwrap());
}
