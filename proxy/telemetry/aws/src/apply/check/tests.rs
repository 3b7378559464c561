//! Each rule, broken alone.

use serde_json::{Value, json};

use super::{check_alarms, check_boards};
use crate::apply::Failed;
use crate::apply::alarm::Alarm;

fn rules(checked: Result<(), Failed>) -> Vec<String> {
    match checked {
        Ok(()) => Vec::new(),
        Err(Failed::Invalid(faults)) => faults.iter().map(ToString::to_string).collect(),
        Err(other) => panic!("{other}"),
    }
}

/// The one rule that is broken when a value is set in a good document.
fn broken(good: &Value, at: &str, value: &Value, check: impl Fn(&Value) -> Vec<String>) -> String {
    let mut wrong = good.clone();
    let (parent, key) = at.rsplit_once('/').unwrap();
    let place = wrong.pointer_mut(parent).unwrap();
    if let Some(list) = place.as_array_mut() {
        *list.get_mut(key.parse::<usize>().unwrap()).unwrap() = value.clone();
    } else if value.is_null() {
        place.as_object_mut().unwrap().remove(key);
    } else {
        place.as_object_mut().unwrap().insert(key.to_owned(), value.clone());
    }
    let found = check(&wrong);
    assert_eq!(found.len(), 1, "{at} = {value}: {found:?}");
    found.into_iter().next().unwrap()
}

fn one() -> Value {
    json!({
        "AlarmName": "T-One", "AlarmDescription": "It is so.", "Namespace": "N",
        "MetricName": "M", "Statistic": "Sum", "Period": 300, "EvaluationPeriods": 2,
        "DatapointsToAlarm": 2, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching", "AlarmActions": ["arn:aws:sns:r:1:t"],
    })
}

fn math() -> Value {
    let metric = json!({"Namespace": "N", "MetricName": "M"});
    json!({
        "AlarmName": "T-Math", "EvaluationPeriods": 1, "Threshold": 1,
        "ComparisonOperator": "LessThanThreshold", "Metrics": [
            {"Id": "m1", "ReturnData": false,
             "MetricStat": {"Metric": metric, "Period": 60, "Stat": "p99.9"}},
            {"Id": "m2", "ReturnData": true, "Expression": "FILL(m1, 0)"},
        ],
    })
}

fn alarm(json: &Value) -> Vec<String> {
    rules(check_alarms(&[Alarm::read(json).unwrap()]))
}

#[test]
fn good_alarms_break_no_rule() {
    assert_eq!(alarm(&one()), [""; 0]);
    assert_eq!(alarm(&math()), [""; 0]);
}

#[test]
fn every_rule_of_an_alarm_of_one_metric() {
    let long = "x".repeat(256);
    let cases = [
        ("/AlarmName", json!(long), "a name has 1 to 255"),
        ("/AlarmDescription", json!("x".repeat(1025)), "at most 1024 characters"),
        (
            "/AlarmActions",
            json!(["arn:1", "arn:2", "arn:3", "arn:4", "arn:5", "arn:6"]),
            "at most 5",
        ),
        ("/AlarmActions", json!(["topic"]), "an action is an ARN"),
        ("/ExtendedStatistic", json!("p95"), "exactly one of Statistic and ExtendedStatistic"),
        ("/Statistic", json!(null), "exactly one of Statistic and ExtendedStatistic"),
        ("/Statistic", json!("p95"), "Statistic is SampleCount"),
        ("/Namespace", json!(":N"), "no leading colon"),
        ("/Namespace", json!(null), "a namespace has"),
        ("/MetricName", json!(long), "a metric's name"),
        ("/Period", json!(null), "a metric has a Period"),
        ("/Period", json!(45), "multiple of 60"),
        ("/Period", json!(86_400), "a day at most"),
        ("/EvaluationPeriods", json!(1), "DatapointsToAlarm is from 1"),
        ("/DatapointsToAlarm", json!(0), "DatapointsToAlarm is from 1"),
        ("/Threshold", json!(null), "a finite number"),
        ("/ComparisonOperator", json!("Above"), "ComparisonOperator is one of four"),
        ("/TreatMissingData", json!("fine"), "TreatMissingData is"),
    ];
    for (at, value, rule) in cases {
        let said = broken(&one(), at, &value, alarm);
        assert!(said.contains(rule), "{at}: {said}");
    }
    let mut percentile = one();
    percentile["Statistic"] = Value::Null;
    for (statistic, fits) in [("p95", true), ("tm99.9", true), ("p101", false), ("q50", false)] {
        percentile["ExtendedStatistic"] = statistic.into();
        assert_eq!(alarm(&percentile).is_empty(), fits, "{statistic}");
    }
    assert!(Alarm::read(&json!({"AlarmNam": "x"})).is_err(), "a parameter that is not known");
}

#[test]
fn every_rule_of_metric_math() {
    let line = json!({"Id": "m2", "ReturnData": true});
    let cases = [
        ("/Metrics/0/ReturnData", json!(true), "exactly one line has ReturnData"),
        ("/Metrics/1/ReturnData", json!(false), "exactly one line has ReturnData"),
        ("/Metrics/0/Id", json!("M1"), "an id begins with a small letter"),
        ("/Metrics/0/Id", json!("m2"), "is there once"),
        ("/Metrics/1", line, "exactly one of Expression and MetricStat"),
        ("/Metrics/1/Expression", json!("x".repeat(2049)), "at most 2048"),
        ("/Metrics/0/MetricStat/Stat", json!("p"), "Stat is a statistic"),
        ("/Metrics/0/MetricStat/Period", json!(61), "multiple of 60"),
        ("/Metrics/0/MetricStat/Metric/Namespace", json!(""), "a namespace has"),
        ("/Statistic", json!("Sum"), "belong to the lines"),
        ("/Period", json!(60), "belong to the lines"),
    ];
    for (at, value, rule) in cases {
        let said = broken(&math(), at, &value, alarm);
        assert!(said.contains(rule), "{at}: {said}");
    }
    let mut neither = math();
    neither["Metrics"] = json!([]);
    assert!(alarm(&neither)[0].contains("exactly one of MetricName and Metrics"));
    let mut many = math();
    let extra = |n: u32| json!({"Id": format!("e{n}"), "ReturnData": false, "Expression": "1"});
    many["Metrics"].as_array_mut().unwrap().extend((0..19).map(extra));
    assert!(alarm(&many)[0].contains("at most 20 lines"));
}

#[test]
fn every_rule_of_a_composite() {
    let composite = |rule: &str| {
        let both = [one(), json!({"AlarmName": "T-Both", "AlarmRule": rule})];
        rules(check_alarms(&both.map(|json| Alarm::read(&json).unwrap())))
    };
    assert_eq!(composite("ALARM(\"T-One\")"), [""; 0]);
    assert!(composite("ALARM(\"T-Two\")")[0].contains("T-Two: a rule names alarms that are there"));
    assert!(composite("TRUE")[0].contains("names 1 to 100"));
    let long = format!("ALARM(\"T-One\") AND {}", "x".repeat(10_240));
    assert!(composite(&long)[0].contains("10240"));
    let many = vec!["ALARM(\"T-One\")"; 101].join(" OR ");
    assert!(composite(&many)[0].contains("names 1 to 100"));
    let twice = [one(), one()].map(|json| Alarm::read(&json).unwrap());
    assert!(rules(check_alarms(&twice))[0].contains("the name is there twice"));
    let mut mixed = one();
    mixed["AlarmRule"] = "ALARM(\"T-One\")".into();
    assert!(alarm(&mixed)[0].contains("a rule or metrics, not both"));
}

fn board() -> Value {
    json!({"start": "-PT3H", "widgets": [
        {"type": "metric", "x": 12, "y": 0, "width": 12, "height": 6, "properties": {
            "region": "us-east-1", "view": "timeSeries", "period": 300, "metrics": [
                ["N", "M", "D", "v", {"id": "q1", "stat": "p95", "period": 60, "visible": false}],
                [{"id": "q2", "expression": "q1 * 2"}],
            ],
        }},
        {"type": "log", "x": 0, "y": 6, "width": 24, "height": 8, "properties": {
            "region": "us-east-1", "query": "SOURCE 'g' | limit 1",
        }},
        {"type": "text", "x": 0, "y": 14, "width": 24, "height": 2,
         "properties": {"markdown": "Hello"}},
    ]})
}

fn dashboard(body: &Value) -> Vec<String> {
    rules(check_boards(&[("Board".to_owned(), body.clone())]))
}

#[test]
fn every_rule_of_a_dashboard() {
    assert_eq!(dashboard(&board()), [""; 0]);
    let cases = [
        ("/colour", json!("red"), "`colour` is no key there"),
        ("/widgets/0/z", json!(1), "`z` is no key there"),
        ("/widgets/0/x", json!(13), "stay within 24 columns"),
        ("/widgets/0/x", json!(30), "stay within 24 columns"),
        ("/widgets/0/y", json!(-1), "y is a whole number"),
        ("/widgets/0/height", json!(0), "height is from 1 to 1000"),
        ("/widgets/0/height", json!(1001), "height is from 1 to 1000"),
        ("/widgets/0/type", json!("metrics"), "type is metric"),
        ("/widgets/0/properties", json!(null), "a widget has properties"),
        ("/widgets/0/properties/region", json!(null), "names its region"),
        ("/widgets/0/properties/color", json!(1), "`color` is no key there"),
        ("/widgets/0/properties/view", json!("lines"), "view is timeSeries"),
        ("/widgets/0/properties/period", json!(45), "multiple of 60"),
        ("/widgets/0/properties/metrics", json!([]), "shows metrics, or an alarm"),
        ("/widgets/0/properties/metrics/1", json!(["N"]), "pairs of dimensions"),
        ("/widgets/0/properties/metrics/1", json!(["N", "M", "D"]), "pairs of dimensions"),
        ("/widgets/0/properties/metrics/1", json!(["N", ""]), "a list of texts"),
        ("/widgets/0/properties/metrics/0/4/period", json!(7), "multiple of 60"),
        ("/widgets/0/properties/metrics/0/4/stat", json!("median"), "stat is a statistic"),
        ("/widgets/0/properties/metrics/0/4/id", json!("q2"), "an id is there once"),
        ("/widgets/0/properties/metrics/0/4/id", json!("Q"), "begins with a small letter"),
        ("/widgets/0/properties/metrics/1/0/visible", json!(false), "at least is visible"),
        ("/widgets/1/properties/query", json!(""), "has a query"),
        ("/widgets/1/properties/region", json!(null), "names its region"),
        ("/widgets/2/properties/markdown", json!(null), "has markdown"),
        ("/widgets/2", json!(7), "a widget is an object"),
        ("/widgets", json!(7), "an object with a list of widgets"),
    ];
    for (at, value, rule) in cases {
        let said = broken(&board(), at, &value, dashboard);
        assert!(said.contains(rule) && said.starts_with("Board"), "{at}: {said}");
    }
    let mut wide = board();
    wide["widgets"][0]["width"] = 25.into();
    assert!(dashboard(&wide).iter().any(|said| said.contains("width is from 1 to 24")));
    assert!(rules(check_boards(&[("a b".to_owned(), board())]))[0].contains("a name has 1 to 255"));
}

#[test]
fn a_dashboard_has_its_limits() {
    let full = |widgets: usize, metrics: usize| {
        let row = json!(["N", "M"]);
        let properties = json!({"region": "r", "metrics": vec![row; metrics]});
        let widget = json!({"type": "metric", "x": 0, "y": 0, "width": 1, "height": 1,
                            "properties": properties});
        dashboard(&json!({"widgets": vec![widget; widgets]}))
    };
    assert_eq!(full(500, 5), [""; 0]);
    assert!(full(501, 1)[0].contains("at most 500 widgets"));
    assert!(full(1, 501)[0].contains("at most 500 metrics"));
    assert!(full(6, 500)[0].contains("at most 2500 metrics"));
}
