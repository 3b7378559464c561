//! `active_alarms`: which alarms ring.
//!
//! Enters: how names begin. Leaves: alarms in the state ALARM with the reason, a page at a time.
//! Never: no alarms where CloudWatch has failed.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::log_groups::put;
use crate::aws::Client;
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Brief, Effect, Tool, clip};

pub(super) struct ActiveAlarms(pub(super) Arc<Client>);

/// The longest description and reason, in characters.
const MOST_TEXT: usize = 500;

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Only alarms whose names begin like this.
    #[schemars(length(min = 1, max = 255))]
    prefix: Option<String>,
    /// How many at most.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 100))]
    limit: u32,
    /// Where to go on; `next` of the page before.
    #[schemars(length(min = 1, max = 4000))]
    next: Option<String>,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// The alarms of this page.
    alarms: Vec<Alarm>,
    /// How many are here.
    count: usize,
    /// Whether there are more pages.
    truncated: bool,
    /// What to give as `next` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Alarm {
    name: String,
    /// `metric` or `composite`.
    kind: &'static str,
    /// What it is for, in the words of who made it.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    description: String,
    /// Why it rings.
    reason: String,
    /// Since when, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<f64>,
    /// What it watches, as `namespace/metric`.
    #[serde(skip_serializing_if = "Option::is_none")]
    metric: Option<String>,
    /// Whether it tells anybody.
    actions_enabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answered {
    metric_alarms: Vec<Told>,
    #[serde(default)]
    composite_alarms: Vec<Told>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    alarm_name: String,
    alarm_description: Option<String>,
    state_reason: Option<String>,
    state_updated_timestamp: Option<f64>,
    namespace: Option<String>,
    metric_name: Option<String>,
    actions_enabled: Option<bool>,
}

const fn fifty() -> u32 {
    50
}

impl Tool for ActiveAlarms {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "active_alarms",
            title: "Active CloudWatch alarms",
            description: "Lists the CloudWatch alarms that ring now, with the reason and since \
                when. Use it first when something is wrong, then alarm_history and metric_data.",
            effect: Effect::Reads,
            limit: Duration::from_secs(30),
            aliases: &[("max_items", "limit")],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        let mut asked = json!({
            "StateValue": "ALARM",
            "AlarmTypes": ["MetricAlarm", "CompositeAlarm"],
            "MaxRecords": input.limit,
        });
        put(&mut asked, "AlarmNamePrefix", input.prefix);
        put(&mut asked, "NextToken", input.next);
        let answered: Answered = self.0.json("DescribeAlarms", &asked, context).await?;
        let Answered { metric_alarms, composite_alarms, next_token } = answered;
        let composite = composite_alarms.into_iter().map(|told| told.shown("composite"));
        let alarms = metric_alarms.into_iter().map(|told| told.shown("metric"));
        let alarms: Vec<Alarm> = alarms.chain(composite).collect();
        let (count, truncated) = (alarms.len(), next_token.is_some());
        Ok(Output { alarms, count, truncated, next: next_token })
    }
}

// === impl Told ===

impl Told {
    fn shown(self, kind: &'static str) -> Alarm {
        let text = |text: Option<String>| clip(&text.unwrap_or_default(), MOST_TEXT).into_owned();
        let metric = self.namespace.zip(self.metric_name);
        Alarm {
            name: self.alarm_name,
            kind,
            description: text(self.alarm_description),
            reason: text(self.state_reason),
            since: self.state_updated_timestamp,
            metric: metric.map(|(namespace, metric)| format!("{namespace}/{metric}")),
            actions_enabled: self.actions_enabled.unwrap_or(true),
        }
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        if self.alarms.is_empty() && !self.truncated {
            return "No alarm rings.".to_owned();
        }
        let more = if self.truncated { ", and there are more" } else { "" };
        let mut lines = vec![format!("{} alarms ring{more}", self.count)];
        lines.extend(self.alarms.iter().map(|alarm| format!("{}: {}", alarm.name, alarm.reason)));
        lines.join("\n")
    }
}
