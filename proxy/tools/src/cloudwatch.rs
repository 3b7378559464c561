//! CloudWatch: logs, metrics and alarms of one region.
//!
//! Enters: names, times, a query. Leaves: bounded pieces that say when there is more and how to go
//! on. Never: a query that is left running for a caller who is gone, or anything that is changed.

mod active_alarms;
mod alarm_history;
mod insights_query;
mod log_groups;
mod metric_data;
mod period;

use std::sync::Arc;

use crate::aws::{Aws, Client, Config, Service};
use crate::error::ToolError;
use crate::toolset::Toolset;
use crate::upstream::SetupError;
use crate::when;

/// The tools of CloudWatch.
///
/// # Errors
/// A region or an endpoint that cannot be used.
pub fn toolset(config: Config) -> Result<Toolset, SetupError> {
    Ok(tools(&Aws::new(config)?))
}

fn tools(aws: &Arc<Aws>) -> Toolset {
    let logs = Arc::new(Client::new(aws, Service::LOGS));
    let metrics = Arc::new(Client::new(aws, Service::CLOUDWATCH));
    Toolset::default()
        .with(log_groups::LogGroups(Arc::clone(&logs)))
        .with(insights_query::InsightsQuery(logs))
        .with(metric_data::MetricData(Arc::clone(&metrics)))
        .with(active_alarms::ActiveAlarms(Arc::clone(&metrics)))
        .with(alarm_history::AlarmHistory(metrics))
}

/// Two times in order, in seconds since 1970.
fn span(start: &str, end: Option<&str>) -> Result<(f64, f64), ToolError> {
    let now = when::now();
    let start = when::time("start", start, now)?;
    let end = end.map_or(Ok(now), |end| when::time("end", end, now))?;
    if start >= end {
        return Err(ToolError::argument("start", "is not before `end`"));
    }
    Ok((start, end))
}

#[cfg(test)]
mod tests;
