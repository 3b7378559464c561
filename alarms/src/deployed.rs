//! The alarms of CloudWatch as its API takes them.
//!
//! Enters: a prefix and the topics. Leaves: for each alarm the parameters of `PutMetricAlarm` or
//! `PutCompositeAlarm`, under the names of the API. Never: anything that the template has not.

use serde_json::{Map, Value, json};

use crate::alert::PREFIX;
use crate::cloudwatch::{Resource, resources};
use crate::{Severity, Unfit};

/// Where alarms go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// What their names begin with; a hyphen follows.
    pub prefix: String,
    /// The ARN of the SNS topic that wakes somebody.
    pub page_topic: Option<String>,
    /// The ARN of the SNS topic that is read on working days.
    pub ticket_topic: Option<String>,
}

// === impl Deployment ===

impl Default for Deployment {
    /// Under the usual prefix; nobody is told.
    fn default() -> Self {
        Self { prefix: PREFIX.to_owned(), page_topic: None, ticket_topic: None }
    }
}

impl Deployment {
    /// What stands in the description of an alarm that was put there by this deployment, and in no
    /// other, not even in a copy of it: by it they are found again.
    #[must_use]
    pub fn mark(&self, name: &str) -> String {
        format!("Put here by `toolgate alarms apply` as {name}, prefix {}.", self.prefix)
    }

    /// Every alarm; composites, which have an `AlarmRule`, after their parts.
    ///
    /// # Errors
    /// The alarm whose question makes no sense, or that CloudWatch cannot ask.
    pub fn alarms(&self) -> Result<Vec<Value>, Unfit> {
        Ok(resources()?.iter().map(|resource| self.alarm(resource)).collect())
    }

    fn alarm(&self, resource: &Resource) -> Value {
        let mut alarm = Map::new();
        let named = |id: &str| format!("{}-{id}", self.prefix);
        let name = named(&resource.id);
        alarm.insert("AlarmName".into(), json!(name));
        alarm.extend(resource.settings.clone());
        let says = alarm.get("AlarmDescription").and_then(Value::as_str).unwrap_or_default();
        let says = format!("{says} {}", self.mark(&name));
        alarm.insert("AlarmDescription".into(), json!(says));
        if let Some(rule) = resource.rule(|id| format!("\"{}\"", named(id))) {
            alarm.insert("AlarmRule".into(), json!(rule));
        }
        let topic = match resource.tells {
            Some(Severity::Page) => &self.page_topic,
            Some(Severity::Ticket | Severity::Info) => &self.ticket_topic,
            None => &None,
        };
        if let Some(topic) = topic {
            alarm.insert("AlarmActions".into(), json!([topic]));
            alarm.insert("OKActions".into(), json!([topic]));
        }
        Value::Object(alarm)
    }
}
