//! `insights_query`: a query of CloudWatch Logs Insights.
//!
//! Enters: log groups, a query and two times. Leaves: rows, when the query is complete. Never: rows
//! of a query that did not come to its end; and a query that nobody waits for any more is stopped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::span;
use crate::aws::{Client, Service};
use crate::context::Context;
use crate::error::{Code, Source, ToolError, words};
use crate::tool::{About, Brief, Effect, Tool, clip};

pub(super) struct InsightsQuery(pub(super) Arc<Client>);

/// How long it is waited before the first look at a query, and at most between two.
const FIRST_LOOK: Duration = Duration::from_millis(200);
const LONGEST_LOOK: Duration = Duration::from_secs(2);
/// How long stopping a query may take.
const STOPPING: Duration = Duration::from_secs(5);
/// The longest value of a field, in characters.
const MOST_VALUE: usize = 4000;
/// All rows together, in bytes.
const MOST_BYTES: usize = 256 * 1024;
/// Rows that stand in the text.
const MOST_LINES: usize = 50;

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// The names of the log groups, as log_groups tells them.
    #[schemars(length(min = 1, max = 50), inner(length(min = 1, max = 512)))]
    log_groups: Vec<String>,
    /// The query, in the language of Logs Insights.
    #[schemars(length(min = 1, max = 10_000))]
    query: String,
    /// From when: `now-1h`, RFC 3339 with a zone, or seconds since 1970.
    #[schemars(length(min = 1, max = 64))]
    start: String,
    /// Until when; default `now`.
    #[schemars(length(min = 1, max = 64))]
    end: Option<String>,
    /// How many rows at most.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 1000))]
    limit: usize,
    /// How many seconds to wait for the query.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 60))]
    wait_seconds: u64,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// The id of the query.
    query_id: String,
    /// The rows, each with its fields by name.
    rows: Vec<BTreeMap<String, String>>,
    /// How many rows are here.
    count: usize,
    /// Whether there may be more; take a shorter time, or let the query count or group.
    truncated: bool,
    /// Events that fit the query.
    records_matched: f64,
    /// Events that were looked at.
    records_scanned: f64,
    /// Bytes that were looked at, which is what costs.
    bytes_scanned: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    query_id: String,
}

#[derive(Deserialize)]
struct Looked {
    status: String,
    #[serde(default)]
    results: Vec<Vec<Field>>,
    #[serde(default)]
    statistics: Statistics,
}

#[derive(Deserialize)]
struct Field {
    field: Option<String>,
    value: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Statistics {
    records_matched: f64,
    records_scanned: f64,
    bytes_scanned: f64,
}

/// A query that runs. Dropping it stops it.
struct Running {
    logs: Arc<Client>,
    id: Option<String>,
    context: Context,
}

const fn hundred() -> usize {
    100
}

const fn thirty() -> u64 {
    30
}

impl Tool for InsightsQuery {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "insights_query",
            title: "CloudWatch Logs Insights query",
            description: "Runs a query of CloudWatch Logs Insights and waits for its rows, for \
                example `fields @timestamp, @message | filter @message like /ERROR/ | sort \
                @timestamp desc`. What is looked at costs money: take short times.",
            effect: Effect::Reads,
            limit: Duration::from_secs(65),
            aliases: &[
                ("log_group_names", "log_groups"),
                ("query_string", "query"),
                ("start_time", "start"),
                ("end_time", "end"),
                ("max_timeout", "wait_seconds"),
            ],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        let (start, end) = span(&input.start, input.end.as_deref())?;
        let asked = json!({
            "logGroupNames": input.log_groups,
            "queryString": input.query,
            "startTime": Duration::from_secs_f64(start.floor()).as_secs(),
            "endTime": Duration::from_secs_f64(end.ceil()).as_secs(),
            "limit": input.limit,
        });
        let context = &context.within(Duration::from_secs(input.wait_seconds));
        let Started { query_id } = self.0.json("StartQuery", &asked, context).await?;
        let (logs, id) = (Arc::clone(&self.0), Some(query_id.clone()));
        let mut running = Running { logs, id, context: context.clone() };
        let looked = running.complete(&query_id).await?;
        Ok(output(query_id, looked, input.limit))
    }
}

// === impl Running ===

impl Running {
    /// Looks at the query until it has come to its end.
    async fn complete(&mut self, id: &str) -> Result<Looked, ToolError> {
        let mut pause = FIRST_LOOK;
        loop {
            sleep(pause.min(self.context.for_upstream())).await;
            pause = pause.mul_f64(1.5).min(LONGEST_LOOK);
            let asked = json!({ "queryId": id });
            let looked: Looked = self.logs.json("GetQueryResults", &asked, &self.context).await?;
            let (code, message) = match looked.status.as_str() {
                "Complete" => {
                    self.id = None;
                    return Ok(looked);
                }
                "Scheduled" | "Running" if self.context.for_upstream() > FIRST_LOOK => continue,
                "Scheduled" | "Running" => (
                    Code::Timeout,
                    "the query is not complete yet and was stopped; take a shorter time, fewer log \
                     groups, or a longer wait",
                ),
                "Failed" => {
                    self.id = None;
                    (Code::UpstreamError, "the query has failed within CloudWatch Logs")
                }
                "Cancelled" => {
                    self.id = None;
                    (Code::Refused, "somebody has stopped the query")
                }
                "Timeout" => {
                    self.id = None;
                    (Code::Timeout, "CloudWatch Logs gave the query up; take a shorter time")
                }
                _ => (Code::UpstreamError, "CloudWatch Logs does not know how the query is"),
            };
            let message = format!("{message} (its state: {})", words(&looked.status));
            let service = Service::LOGS.name.to_owned();
            let source = Source { service, ..Source::default() };
            return Err(ToolError::new(code, message).caused_by(source));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let logs = Arc::clone(&self.logs);
        let correlation = Arc::clone(self.context.correlation());
        runtime.spawn(async move {
            let context = Context::new(Instant::now() + STOPPING, correlation);
            let asked = json!({ "queryId": id });
            // Nobody is there to be told; the query ends by itself after an hour.
            let _stopped = logs.json::<Value>("StopQuery", &asked, &context).await;
        });
    }
}

fn output(query_id: String, looked: Looked, limit: usize) -> Output {
    let total = looked.results.len();
    let mut bytes = 0;
    let rows: Vec<BTreeMap<String, String>> = looked
        .results
        .into_iter()
        .map(row)
        .take(limit)
        .take_while(|row| {
            bytes += row.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
            bytes <= MOST_BYTES
        })
        .collect();
    let count = rows.len();
    let Statistics { records_matched, records_scanned, bytes_scanned } = looked.statistics;
    let truncated = count < total || count >= limit;
    Output { query_id, rows, count, truncated, records_matched, records_scanned, bytes_scanned }
}

/// The fields of a row; `@ptr` leads to the whole event and says nothing by itself.
fn row(fields: Vec<Field>) -> BTreeMap<String, String> {
    let fields = fields.into_iter().filter_map(|field| Some((field.field?, field.value?)));
    let fields = fields.filter(|(name, _)| name != "@ptr");
    fields.map(|(name, value)| (name, clip(&value, MOST_VALUE).into_owned())).collect()
}

impl Brief for Output {
    fn brief(&self) -> String {
        let more = if self.truncated { ", and there may be more" } else { "" };
        let mut lines = vec![format!("{} rows{more}", self.count)];
        lines.extend(self.rows.iter().take(MOST_LINES).map(|row| {
            let fields =
                row.iter().map(|(name, value)| format!("{name}={}", clip(value.trim(), 300)));
            fields.collect::<Vec<_>>().join(" ")
        }));
        if self.count > MOST_LINES {
            lines.push(format!("… and {} more in the structured result", self.count - MOST_LINES));
        }
        lines.join("\n")
    }
}
