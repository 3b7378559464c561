//! `metric_data`: the course of a metric.
//!
//! Enters: a metric, a statistic and two times. Leaves: points in order of time. Never: points whose
//! period is not told, or none where CloudWatch has failed.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::period::period;
use super::span;
use crate::aws::{Client, Service};
use crate::context::Context;
use crate::error::{Code, Source, ToolError, words};
use crate::tool::{About, Brief, Effect, Tool};
use crate::when;

pub(super) struct MetricData(pub(super) Arc<Client>);

/// Points that are asked for: as many as are passed on, and the periods in which the time begins and ends.
const MOST_ASKED: u32 = 1442;
/// Messages that are passed on.
const MOST_MESSAGES: usize = 10;

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// The namespace, such as `AWS/Lambda`.
    #[schemars(length(min = 1, max = 255))]
    namespace: String,
    /// The metric, such as `Errors`.
    #[schemars(length(min = 1, max = 255))]
    metric: String,
    /// Its dimensions, all of them; a metric is another one with others.
    #[serde(default)]
    #[schemars(length(max = 30))]
    dimensions: Vec<Dimension>,
    /// What is told of each period.
    #[serde(default)]
    statistic: Statistic,
    /// From when: `now-1h`, RFC 3339 with a zone, or seconds since 1970.
    #[schemars(length(min = 1, max = 64))]
    start: String,
    /// Until when; default `now`.
    #[schemars(length(min = 1, max = 64))]
    end: Option<String>,
    /// Time between two points, such as `5m`. Without it, one that fits `points`.
    #[schemars(length(min = 1, max = 32))]
    period: Option<String>,
    /// About how many points, when `period` is not given.
    #[serde(default = "sixty")]
    #[schemars(range(min = 1, max = 1440))]
    points: u32,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Dimension {
    /// Its name, such as `FunctionName`.
    #[schemars(length(min = 1, max = 255))]
    name: String,
    /// Its value.
    #[schemars(length(min = 1, max = 1024))]
    value: String,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
enum Statistic {
    #[default]
    Average,
    Sum,
    Maximum,
    Minimum,
    SampleCount,
    #[serde(rename = "p50")]
    P50,
    #[serde(rename = "p90")]
    P90,
    #[serde(rename = "p95")]
    P95,
    #[serde(rename = "p99")]
    P99,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// What CloudWatch calls it.
    label: String,
    /// What is told of each period.
    statistic: Statistic,
    /// Time between two points.
    period: String,
    /// Seconds since 1970 at which each period begins, one for each value.
    times: Vec<f64>,
    /// The values.
    values: Vec<f64>,
    /// How many there are. None: CloudWatch has nothing of this metric with these very dimensions in
    /// that time.
    count: usize,
    /// Whether CloudWatch has more than are here; take a shorter time.
    truncated: bool,
    /// What CloudWatch remarks.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    messages: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answered {
    metric_data_results: Vec<Found>,
    next_token: Option<String>,
    #[serde(default)]
    messages: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    #[serde(default)]
    label: String,
    #[serde(default)]
    timestamps: Vec<f64>,
    #[serde(default)]
    values: Vec<f64>,
    status_code: Option<String>,
    #[serde(default)]
    messages: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    value: Option<String>,
}

const fn sixty() -> u32 {
    60
}

impl Tool for MetricData {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "metric_data",
            title: "CloudWatch metric",
            description: "Tells the course of one CloudWatch metric between two moments. All its \
                dimensions have to be given; leave `period` out unless the detail matters.",
            effect: Effect::Reads,
            limit: Duration::from_secs(30),
            aliases: &[
                ("metric_name", "metric"),
                ("start_time", "start"),
                ("end_time", "end"),
                ("target_datapoints", "points"),
            ],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        let (start, end) = span(&input.start, input.end.as_deref())?;
        let period = period((start, end), when::now(), input.period.as_deref(), input.points)?;
        // Periods begin at multiples of their length.
        let (start, end) = ((start / period).floor() * period, (end / period).ceil() * period);
        let dimensions = input.dimensions.iter();
        let dimensions = dimensions.map(|one| json!({ "Name": one.name, "Value": one.value }));
        let asked = json!({
            "MetricDataQueries": [{
                "Id": "m",
                "ReturnData": true,
                "MetricStat": {
                    "Metric": {
                        "Namespace": input.namespace,
                        "MetricName": input.metric,
                        "Dimensions": dimensions.collect::<Vec<_>>(),
                    },
                    "Period": Duration::from_secs_f64(period).as_secs(),
                    "Stat": input.statistic,
                },
            }],
            "StartTime": start,
            "EndTime": end,
            "ScanBy": "TimestampAscending",
            "MaxDatapoints": MOST_ASKED,
        });
        let answered: Answered = self.0.json("GetMetricData", &asked, context).await?;
        output(answered, input.statistic, period)
    }
}

fn output(answered: Answered, statistic: Statistic, period: f64) -> Result<Output, ToolError> {
    let fault = |code: Code, message: String| {
        let service = Service::CLOUDWATCH.name.to_owned();
        ToolError::new(code, message).caused_by(Source { service, ..Source::default() })
    };
    let Answered { metric_data_results, next_token, messages } = answered;
    let Some(found) = metric_data_results.into_iter().next() else {
        return Err(fault(Code::Garbled, "CloudWatch answered with no result".into()));
    };
    let said = messages.into_iter().chain(found.messages).filter_map(|message| message.value);
    let messages: Vec<String> = said.take(MOST_MESSAGES).map(|said| words(&said)).collect();
    let told = messages.join("; ");
    let state = found.status_code.as_deref().unwrap_or("Complete");
    match state {
        "Complete" | "PartialData" => {}
        "Forbidden" => {
            let message = format!("CloudWatch does not allow this gateway that metric: {told}");
            return Err(fault(Code::Denied, message));
        }
        other => {
            let message = format!("CloudWatch has failed ({}): {told}", words(other));
            return Err(fault(Code::UpstreamError, message));
        }
    }
    if found.timestamps.len() != found.values.len() {
        return Err(fault(Code::Garbled, "CloudWatch answered times without values".into()));
    }
    let mut points: Vec<(f64, f64)> = found.timestamps.into_iter().zip(found.values).collect();
    points.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (times, values): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
    Ok(Output {
        label: words(&found.label),
        statistic,
        period: when::written(Duration::from_secs_f64(period)),
        count: values.len(),
        times,
        values,
        truncated: state == "PartialData" || next_token.is_some(),
        messages,
    })
}

impl Brief for Output {
    fn brief(&self) -> String {
        let (Some(first), Some(last)) = (self.values.first(), self.values.last()) else {
            return "No points: CloudWatch has nothing of this metric with these very dimensions in \
                    that time."
                .to_owned();
        };
        let least = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let more = if self.truncated { ", and there are more" } else { "" };
        let Self { label, statistic, period, count, .. } = self;
        format!(
            "{label}: {count} points ({statistic:?} of each {period}){more}; first {first}, least \
             {least}, most {most}, last {last}"
        )
    }
}
