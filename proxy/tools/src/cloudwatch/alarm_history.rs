//! `alarm_history`: what became of an alarm.
//!
//! Enters: its name and perhaps two times. Leaves: what happened, the newest first, a page at a time.
//! Never: a page that does not say whether it is the last.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::log_groups::put;
use super::span;
use crate::aws::Client;
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Brief, Effect, Tool, clip};

pub(super) struct AlarmHistory(pub(super) Arc<Client>);

/// The longest summary, in characters.
const MOST_TEXT: usize = 500;

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// The alarm.
    #[schemars(length(min = 1, max = 255))]
    alarm: String,
    /// From when; default `now-1d`. CloudWatch keeps 30 days.
    #[serde(default = "yesterday")]
    #[schemars(length(min = 1, max = 64))]
    start: String,
    /// Until when; default `now`.
    #[schemars(length(min = 1, max = 64))]
    end: Option<String>,
    /// What kind of happenings.
    #[serde(default)]
    kind: Kind,
    /// How many at most.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 100))]
    limit: u32,
    /// Where to go on; `next` of the page before.
    #[schemars(length(min = 1, max = 4000))]
    next: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
enum Kind {
    #[default]
    StateUpdate,
    ConfigurationUpdate,
    Action,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// The alarm.
    alarm: String,
    /// What happened, the newest first.
    items: Vec<Item>,
    /// How many are here.
    count: usize,
    /// Whether there are more pages.
    truncated: bool,
    /// What to give as `next` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Item {
    /// When, in seconds since 1970.
    time: f64,
    /// What happened.
    summary: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answered {
    alarm_history_items: Vec<Told>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    timestamp: f64,
    history_summary: Option<String>,
}

fn yesterday() -> String {
    "now-1d".to_owned()
}

const fn fifty() -> u32 {
    50
}

impl Tool for AlarmHistory {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "alarm_history",
            title: "History of a CloudWatch alarm",
            description: "Tells when a CloudWatch alarm began and ceased to ring, when it was \
                changed, or whom it told, the newest first.",
            effect: Effect::Reads,
            limit: Duration::from_secs(30),
            aliases: &[
                ("alarm_name", "alarm"),
                ("start_time", "start"),
                ("end_time", "end"),
                ("history_item_type", "kind"),
                ("max_items", "limit"),
            ],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        let (start, end) = span(&input.start, input.end.as_deref())?;
        let mut asked = json!({
            "AlarmName": input.alarm,
            "AlarmTypes": ["MetricAlarm", "CompositeAlarm"],
            "HistoryItemType": input.kind,
            "StartDate": start,
            "EndDate": end,
            "MaxRecords": input.limit,
            "ScanBy": "TimestampDescending",
        });
        put(&mut asked, "NextToken", input.next);
        let answered: Answered = self.0.json("DescribeAlarmHistory", &asked, context).await?;
        let Answered { alarm_history_items, next_token } = answered;
        let items = alarm_history_items.into_iter().map(|told| Item {
            time: told.timestamp,
            summary: clip(&told.history_summary.unwrap_or_default(), MOST_TEXT).into_owned(),
        });
        let items: Vec<Item> = items.collect();
        let (count, truncated) = (items.len(), next_token.is_some());
        Ok(Output { alarm: input.alarm, items, count, truncated, next: next_token })
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        let more = if self.truncated { ", and there are more" } else { "" };
        let mut lines = vec![format!("{}: {} happenings{more}", self.alarm, self.count)];
        lines.extend(self.items.iter().map(|item| format!("{:.0} {}", item.time, item.summary)));
        lines.join("\n")
    }
}
