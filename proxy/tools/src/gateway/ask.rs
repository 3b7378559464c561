//! The arguments that all questions about many calls share.
//!
//! Enters: arguments. Leaves: which calls are asked for. Never: a filter that is passed over.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Calls, Found, Wanted};
use crate::error::ToolError;
use crate::when;

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Only calls of this tool: `target___tool`, or its name at its target.
    #[schemars(length(min = 1, max = 300))]
    pub(super) tool: Option<String>,
    /// Only calls to this target, by its configured name.
    #[schemars(length(min = 1, max = 100))]
    pub(super) target: Option<String>,
    /// Only calls that failed for this reason, such as `timeout_first_byte` or `forbidden`.
    #[schemars(length(min = 1, max = 50))]
    pub(super) reason: Option<String>,
    /// Only failures that count against this one.
    pub(super) blame: Option<Blame>,
    /// Only calls of this caller: the hash of the subject, 16 hexadecimal digits, as results show it.
    #[schemars(length(min = 16, max = 16))]
    pub(super) caller: Option<String>,
    /// Only calls that took longer, such as `500ms` or `5s`.
    #[schemars(length(min = 1, max = 20))]
    pub(super) slower: Option<String>,
    /// How far back: `5m`, `1h`, `2d`; or the time from which on, in RFC 3339.
    #[serde(default = "an_hour")]
    #[schemars(length(min = 1, max = 40))]
    pub(super) since: String,
    /// Only these.
    #[serde(default)]
    pub(super) outcome: Ending,
    /// What the calls are counted by.
    #[serde(default)]
    pub(super) by: By,
    /// What comes first: who took most time, had most calls, or most failures.
    #[serde(default)]
    pub(super) order: Order,
    /// How many at most.
    #[serde(default = "twenty")]
    #[schemars(range(min = 1, max = 100))]
    pub(super) limit: u32,
    /// Where to go on: `next` of the page before.
    #[schemars(length(min = 1, max = 400))]
    pub(super) next: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Blame {
    Caller,
    Gateway,
    Network,
    Target,
    Tool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Ending {
    #[default]
    Any,
    Ok,
    Failed,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum By {
    #[default]
    Tool,
    Target,
    Caller,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Order {
    #[default]
    Time,
    Calls,
    Failures,
}

/// How far back the records say everything.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Coverage {
    /// From when on calls were looked for, in UTC.
    since: String,
    /// Whether every call since then was there to be looked at.
    complete: bool,
    /// When it is not: from when on every call was there, in UTC. Before that, calls that went well
    /// lack first, so counts are too low and shares of failures too high.
    #[serde(skip_serializing_if = "Option::is_none")]
    complete_since: Option<String>,
}

fn an_hour() -> String {
    "1h".to_owned()
}

const fn twenty() -> u32 {
    20
}

impl Input {
    /// The records that are asked for, and how far they go.
    pub(super) async fn find(
        &self,
        calls: &Arc<dyn Calls>,
    ) -> Result<(Found, Coverage), ToolError> {
        let since = self.since()?;
        let wanted = Wanted {
            request_id: None,
            tool: self.tool.clone(),
            target: self.target.clone(),
            reason: self.reason.as_deref().map(|reason| known(reason, &**calls)).transpose()?,
            blame: self.blame.map(Blame::as_str),
            caller: self.caller.as_deref().map(hash).transpose()?,
            slower: self
                .slower
                .as_deref()
                .map(|text| when::duration("slower", text))
                .transpose()?,
            since: Some(since),
        };
        let mut found = super::find(calls, wanted).await?;
        match self.outcome {
            Ending::Any => {}
            Ending::Ok => found.calls.retain(|call| call.failure.is_none()),
            Ending::Failed => found.calls.retain(|call| call.failure.is_some()),
        }
        let lost = found.lost_until.filter(|lost| *lost >= since);
        let coverage = Coverage {
            since: when::utc(since),
            complete: lost.is_none(),
            complete_since: lost.map(when::utc),
        };
        Ok((found, coverage))
    }

    fn since(&self) -> Result<SystemTime, ToolError> {
        let now = when::now();
        let seconds = match when::duration("since", &self.since) {
            Ok(back) => (now - back.as_secs_f64()).max(0.0),
            Err(_) => when::time("since", &self.since, now).map_err(|_| {
                let why = "says how far back: `30s`, `15m`, `2h`, or a time in RFC 3339 such as \
                           `2026-01-31T12:00:00Z`";
                ToolError::argument("since", why)
            })?,
        };
        Ok(UNIX_EPOCH + Duration::try_from_secs_f64(seconds).unwrap_or_default())
    }
}

impl Blame {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Gateway => "gateway",
            Self::Network => "network",
            Self::Target => "target",
            Self::Tool => "tool",
        }
    }
}

impl Coverage {
    pub(super) fn since(&self) -> &str {
        &self.since
    }

    /// What has to be said of it, if anything.
    pub(super) fn caveat(&self) -> String {
        self.complete_since.as_ref().map_or_else(String::new, |since| {
            format!(
                "\nNot all calls are held: before {since}, calls that went well lack first. Counts \
                 over time are in the metrics."
            )
        })
    }
}

fn known(reason: &str, calls: &dyn Calls) -> Result<String, ToolError> {
    let reasons = calls.reasons();
    if reasons.contains(&reason) {
        return Ok(reason.to_owned());
    }
    Err(ToolError::argument("reason", &format!("is one of: {}", reasons.join(", "))))
}

fn hash(text: &str) -> Result<u64, ToolError> {
    let why = "is 16 hexadecimal digits, as results show them";
    u64::from_str_radix(text, 16).map_err(|_| ToolError::argument("caller", why))
}
