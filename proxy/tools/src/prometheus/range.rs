//! `range_query`: the course of an expression over time.
//!
//! Enters: PromQL, two times and perhaps a step. Leaves: as many whole series as fit. Never: more
//! points for a series than Prometheus gives, which is refused with the step that would do.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::api::{Api, Success};
use super::data::{Data, Kept, MOST_IN_ALL, OneSeries, lines};
use super::query::hundred;
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Brief, Effect, Tool};
use crate::when;

pub(super) struct RangeQuery(pub(super) Arc<Api>);

/// Points of a series, beyond which Prometheus refuses (its `web/api/v1`).
const MOST_POINTS: f64 = 11_000.0;
/// Points of a series when no step is given.
const FINE_POINTS: f64 = 120.0;
/// Series that stand in the text.
const MOST_LINES: usize = 30;
/// Steps that are easy to think about, in seconds.
const STEPS: [f64; 14] = [
    1.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 10_800.0, 21_600.0,
    86_400.0,
];

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// The expression, in PromQL.
    #[schemars(length(min = 1, max = 10_000))]
    query: String,
    /// From when: `now-1h`, RFC 3339 with a zone, or seconds since 1970.
    #[schemars(length(min = 1, max = 64))]
    start: String,
    /// Until when; default `now`.
    #[schemars(length(min = 1, max = 64))]
    end: Option<String>,
    /// Time between two points, such as `30s` or `5m`. Without it, one that gives about 100 points.
    #[schemars(length(min = 1, max = 32))]
    step: Option<String>,
    /// How many series at most.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 1000))]
    limit: usize,
    /// The workspace, by id or alias, as list_workspaces tells them.
    #[schemars(length(min = 1, max = 128))]
    workspace: Option<String>,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// From when, in seconds since 1970.
    start: f64,
    /// Until when, in seconds since 1970.
    end: f64,
    /// Time between two points.
    step: String,
    /// How many series have answered.
    total: usize,
    /// The series, in Prometheus' order, each with all its points.
    series: Vec<OneSeries>,
    /// Whether there are more than are here; aggregate, or take a larger `step`.
    truncated: bool,
    /// What Prometheus remarks about the query.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    warnings: Vec<String>,
}

impl Tool for RangeQuery {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "range_query",
            title: "Prometheus range query",
            description: "Evaluates a PromQL expression at regular steps between two moments. Use \
                it for trends, peaks and when something began; leave `step` out unless the detail \
                matters.",
            effect: Effect::Reads,
            limit: Duration::from_secs(60),
            aliases: &[],
            without: self.0.without(),
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        let now = when::now();
        let start = when::time("start", &input.start, now)?;
        let end = input.end.as_deref().map_or(Ok(now), |end| when::time("end", end, now))?;
        let step = step(end - start, input.step.as_deref())?;
        let fields = [
            ("query", input.query.as_str()),
            ("start", &format!("{start:.3}")),
            ("end", &format!("{end:.3}")),
            ("step", &format!("{:.3}", step.as_secs_f64())),
            ("timeout", &when::written(context.for_upstream())),
        ];
        let api = self.0.at(input.workspace.as_deref(), context).await?;
        let Success::<Data> { data, warnings } = api.post("query_range", &fields, context).await?;
        let Kept { total, series } = data.result;
        let series = fitting(series, input.limit);
        let truncated = series.len() < total;
        let step = when::written(step);
        Ok(Output { start, end, step, total, series, truncated, warnings })
    }
}

/// The step that was asked for, or one that gives few points.
fn step(range: f64, asked: Option<&str>) -> Result<Duration, ToolError> {
    if range < 0.0 {
        return Err(ToolError::argument("start", "is after `end`; exchange the two"));
    }
    let Some(asked) = asked else { return Ok(Duration::from_secs_f64(nice(range / FINE_POINTS))) };
    let step = when::duration("step", asked)?;
    let points = range / step.as_secs_f64() + 1.0;
    if points > MOST_POINTS {
        let better = when::written(Duration::from_secs_f64(nice(range / (MOST_POINTS - 1.0))));
        let usual = when::written(Duration::from_secs_f64(nice(range / FINE_POINTS)));
        let why = format!(
            "gives {points:.0} points for each series, and Prometheus gives {MOST_POINTS:.0} at \
             most; take at least `{better}` (`{usual}` is usually fine), or a shorter time"
        );
        return Err(ToolError::argument("step", &why));
    }
    Ok(step)
}

/// The first easy step that is not below `least`, in seconds.
fn nice(least: f64) -> f64 {
    let easy = STEPS.into_iter().find(|step| *step >= least);
    easy.unwrap_or_else(|| (least / 86_400.0).ceil() * 86_400.0)
}

/// Whole series, as many as fit.
fn fitting(all: Vec<OneSeries>, limit: usize) -> Vec<OneSeries> {
    let mut points = 0;
    let fits = |series: &OneSeries| {
        let is_first = points == 0;
        points += series.values.len().max(1);
        is_first || points <= MOST_IN_ALL
    };
    all.into_iter().take(limit).take_while(fits).collect()
}

impl Brief for Output {
    fn brief(&self) -> String {
        if self.total == 0 {
            return "No series: nothing matches in that time.".to_owned();
        }
        let more = if self.truncated { format!(" of {}", self.total) } else { String::new() };
        let head = format!(
            "{}{more} series, a point each {} (first, least, most, last)",
            self.series.len(),
            self.step
        );
        lines(head, self.series.iter().map(course), MOST_LINES)
    }
}

/// A series in one line.
fn course(series: &OneSeries) -> String {
    let numbers = series.values.iter().filter_map(|value| value.parse::<f64>().ok());
    let numbers = numbers.filter(|number| !number.is_nan());
    let (least, most) = numbers.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), one| {
        (least.min(one), most.max(one))
    });
    let first = series.values.first().map(String::as_str).unwrap_or_default();
    let last = series.values.last().map(String::as_str).unwrap_or_default();
    let count = series.values.len();
    if least > most {
        return format!("{}: {count} points, {first} … {last}", series.name());
    }
    format!("{}: {count} points, {first}, {least}, {most}, {last}", series.name())
}
