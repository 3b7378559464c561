//! The alarms of CloudWatch as a CloudFormation template.
//!
//! Enters: alarms. Leaves: JSON; which topics are told is left to its parameters. Never: an alarm
//! that tells twice: of a composite, the parts are silent.

use serde_json::{Map, Value, json};
use toolgate_telemetry_catalog::NAMESPACE;
use toolgate_telemetry_catalog::query::{CloudAlarm, CloudMetric, Comparison};

use crate::alert::PREFIX;
use crate::cloud_alarms::{CloudPart, CloudRule, Missing};
use crate::{Severity, Unfit, cloud_rules};

/// The template.
///
/// # Errors
/// The alarm whose question makes no sense, or that CloudWatch cannot ask.
pub fn template() -> Result<Value, Unfit> {
    let mut resources = Map::new();
    for rule in cloud_rules() {
        add(&rule, &mut resources)?;
    }
    Ok(json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Alarms of Toolgate. Made from the catalogue and alarms/src; do not edit.",
        "Parameters": {
            "Prefix": {
                "Type": "String", "Default": PREFIX, "AllowedPattern": "[A-Za-z0-9_-]+",
                "Description": "What the names of the alarms begin with.",
            },
            "PageTopicArn": topic("The SNS topic that wakes somebody; empty for none."),
            "TicketTopicArn": topic("The SNS topic that is read on working days; empty for none."),
        },
        "Conditions": {
            "HasPageTopic": {"Fn::Not": [{"Fn::Equals": [{"Ref": "PageTopicArn"}, ""]}]},
            "HasTicketTopic": {"Fn::Not": [{"Fn::Equals": [{"Ref": "TicketTopicArn"}, ""]}]},
        },
        "Resources": resources,
    }))
}

fn topic(description: &str) -> Value {
    json!({"Type": "String", "Default": "", "Description": description})
}

fn add(rule: &CloudRule, resources: &mut Map<String, Value>) -> Result<(), Unfit> {
    if let [group] = &rule.any[..]
        && let [part] = &group[..]
    {
        let mut alarm = alarm(rule, rule.id, part)?;
        tell(rule, &mut alarm);
        resources.insert(rule.id.to_owned(), json!({"Type": ALARM, "Properties": alarm}));
        return Ok(());
    }
    let mut groups = Vec::new();
    for group in &rule.any {
        let mut names = Vec::new();
        for part in group {
            let id = format!("{}Over{}Minutes", rule.id, part.period / 60);
            let alarm = alarm(rule, &id, part)?;
            names.push(format!("ALARM(${{{id}}})"));
            resources.insert(id, json!({"Type": ALARM, "Properties": alarm}));
        }
        groups.push(format!("({})", names.join(" AND ")));
    }
    let mut both = Map::new();
    both.insert("AlarmName".into(), name(rule.id));
    both.insert("AlarmDescription".into(), description(rule));
    both.insert("AlarmRule".into(), json!({"Fn::Sub": groups.join(" OR ")}));
    tell(rule, &mut both);
    let composite = json!({"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": both});
    resources.insert(rule.id.to_owned(), composite);
    Ok(())
}

const ALARM: &str = "AWS::CloudWatch::Alarm";

fn alarm(rule: &CloudRule, id: &str, part: &CloudPart) -> Result<Map<String, Value>, Unfit> {
    let asked = part.query.cloudwatch_alarm(part.period);
    let asked = asked.map_err(|wrong| Unfit::of(id, &wrong))?;
    let mut alarm = Map::new();
    alarm.insert("AlarmName".into(), name(id));
    alarm.insert("AlarmDescription".into(), description(rule));
    alarm.insert("ComparisonOperator".into(), json!(operator(id, asked.comparison)?));
    alarm.insert("Threshold".into(), json!(rounded(asked.threshold)));
    alarm.insert("EvaluationPeriods".into(), json!(part.times));
    alarm.insert("DatapointsToAlarm".into(), json!(part.times));
    let missing = match part.missing {
        Missing::Fine => "notBreaching",
        Missing::Alarming => "breaching",
    };
    alarm.insert("TreatMissingData".into(), json!(missing));
    ask(&asked, &mut alarm);
    Ok(alarm)
}

/// One metric is asked for as such, several as metric math.
fn ask(asked: &CloudAlarm, alarm: &mut Map<String, Value>) {
    if let [CloudMetric::Stat { published, stat, period }] = &asked.query.metrics[..] {
        let percentile = stat.starts_with('p');
        let key = if percentile { "ExtendedStatistic" } else { "Statistic" };
        alarm.insert("Namespace".into(), json!(NAMESPACE));
        alarm.insert("MetricName".into(), json!(published.name));
        alarm.insert(key.into(), json!(stat));
        alarm.insert("Period".into(), json!(period));
        return;
    }
    let last = asked.query.metrics.len();
    let metrics = asked.query.metrics.iter().zip(1..).map(|(metric, number)| {
        let (id, shown) = (format!("m{number}"), number == last);
        match metric {
            CloudMetric::Stat { published, stat, period } => json!({
                "Id": id, "ReturnData": shown,
                "MetricStat": {
                    "Metric": {"Namespace": NAMESPACE, "MetricName": published.name},
                    "Period": period, "Stat": stat,
                },
            }),
            CloudMetric::Expression(expression) => json!({
                "Id": id, "ReturnData": shown, "Expression": expression,
            }),
        }
    });
    alarm.insert("Metrics".into(), metrics.collect());
}

fn tell(rule: &CloudRule, alarm: &mut Map<String, Value>) {
    let (condition, topic) = match rule.severity {
        Severity::Page => ("HasPageTopic", "PageTopicArn"),
        Severity::Ticket | Severity::Info => ("HasTicketTopic", "TicketTopicArn"),
    };
    let actions = json!({"Fn::If": [condition, [{"Ref": topic}], {"Ref": "AWS::NoValue"}]});
    alarm.insert("AlarmActions".into(), actions.clone());
    alarm.insert("OKActions".into(), actions);
}

fn name(id: &str) -> Value {
    json!({"Fn::Sub": format!("${{Prefix}}-{id}")})
}

fn description(rule: &CloudRule) -> Value {
    json!(format!("{} Runbook: alarms/runbooks/{PREFIX}{}.md", rule.summary, rule.id))
}

fn operator(id: &str, comparison: Comparison) -> Result<&'static str, Unfit> {
    match comparison {
        Comparison::Above => Ok("GreaterThanThreshold"),
        Comparison::Below => Ok("LessThanThreshold"),
        Comparison::Equal => {
            Err(Unfit { rule: id.to_owned(), why: "CloudWatch has no such comparison".to_owned() })
        }
    }
}

/// Without the last digits, which are noise of the arithmetic.
fn rounded(number: f64) -> f64 {
    (number * 1e9).round() / 1e9
}
