//! The alarms of CloudWatch as a CloudFormation template.
//!
//! Enters: alarms. Leaves: JSON; which topics are told is left to its parameters. Never: an alarm
//! that tells twice: of a composite, the parts are silent.

use serde_json::{Map, Value, json};

use crate::alert::PREFIX;
use crate::cloudwatch::{Resource, resources};
use crate::{Severity, Unfit};

/// The template.
///
/// # Errors
/// The alarm whose question makes no sense, or that CloudWatch cannot ask.
pub fn template() -> Result<Value, Unfit> {
    let resources: Map<_, _> =
        resources()?.iter().map(|resource| (resource.id.clone(), templated(resource))).collect();
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

fn templated(resource: &Resource) -> Value {
    let mut properties = Map::new();
    let name = json!({"Fn::Sub": format!("${{Prefix}}-{}", resource.id)});
    properties.insert("AlarmName".into(), name);
    properties.extend(resource.settings.clone());
    let mut kind = "AWS::CloudWatch::Alarm";
    // The reference makes CloudFormation create the parts first.
    if let Some(rule) = resource.rule(|id| format!("${{{id}}}")) {
        kind = "AWS::CloudWatch::CompositeAlarm";
        properties.insert("AlarmRule".into(), json!({"Fn::Sub": rule}));
    }
    if let Some(severity) = resource.tells {
        let (condition, topic) = match severity {
            Severity::Page => ("HasPageTopic", "PageTopicArn"),
            Severity::Ticket | Severity::Info => ("HasTicketTopic", "TicketTopicArn"),
        };
        let actions = json!({"Fn::If": [condition, [{"Ref": topic}], {"Ref": "AWS::NoValue"}]});
        properties.insert("AlarmActions".into(), actions.clone());
        properties.insert("OKActions".into(), actions);
    }
    json!({"Type": kind, "Properties": properties})
}
