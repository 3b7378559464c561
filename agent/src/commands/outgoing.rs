//! What is sent beside the turns: spans to the collector, numbers to CloudWatch.
//!
//! Enters: an agent that was put together. Leaves: tasks that send, and at the end the last of what
//! there is. Never: an end that waits for whoever does not answer.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::say;
use crate::assembly::Assembled;

/// How long the last spans and the last numbers may take, at the same time.
const LAST: Duration = Duration::from_secs(3);

/// What sends.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    exporting: Option<JoinHandle<()>>,
    publishing: Option<JoinHandle<()>>,
    /// What the operator is told of CloudWatch.
    pub(super) cloudwatch: Option<String>,
}

// === impl Outgoing ===

impl Outgoing {
    /// Begins to send.
    pub(super) fn begin(assembled: &Assembled) -> Self {
        let telemetry = &assembled.telemetry;
        let exporting = match telemetry.exporter() {
            Ok(exporter) => exporter.map(tokio::spawn),
            Err(problem) => {
                tracing::warn!(problem, "no spans are sent");
                None
            }
        };
        let mut outgoing = Self { exporting, ..Self::default() };
        if let Some(to) = &assembled.cloudwatch
            && let Some(publisher) = telemetry.publisher(Arc::clone(&to.sink))
        {
            outgoing.publishing = Some(toolgate_telemetry::spawn("cloudwatch", publisher));
            let costs = telemetry.cloud_estimate().map(|costs| format!(", {costs}"));
            outgoing.cloudwatch = Some(format!("{}{}", to.place, costs.unwrap_or_default()));
        }
        outgoing
    }

    /// Waits for the last of it, once telemetry is closed.
    pub(super) async fn last(self, err: &mut (dyn Write + Send)) {
        let (spans, numbers) = tokio::join!(in_time(self.exporting), in_time(self.publishing));
        if !spans {
            say(err, "note: the collector did not take the last spans in time\n");
        }
        if !numbers {
            say(err, "note: CloudWatch did not take the last numbers in time\n");
        }
    }
}

/// Whether it has ended in time; what has not is stopped.
async fn in_time(task: Option<JoinHandle<()>>) -> bool {
    let Some(mut task) = task else { return true };
    let ended = timeout(LAST, &mut task).await.is_ok();
    if !ended {
        task.abort();
    }
    ended
}
