//! `log_groups`: which log groups there are.
//!
//! Enters: how names begin. Leaves: log groups, a page at a time. Never: a page that does not say
//! whether it is the last.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::Client;
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Brief, Effect, Tool};

pub(super) struct LogGroups(pub(super) Arc<Client>);

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Only log groups whose names begin like this, such as `/aws/lambda/`.
    #[schemars(length(min = 1, max = 512))]
    prefix: Option<String>,
    /// How many at most.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 50))]
    limit: u32,
    /// Where to go on; `next` of the page before.
    #[schemars(length(min = 1, max = 4000))]
    next: Option<String>,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// The log groups of this page.
    log_groups: Vec<LogGroup>,
    /// How many are here.
    count: usize,
    /// Whether there are more pages.
    truncated: bool,
    /// What to give as `next` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
struct LogGroup {
    #[serde(rename(deserialize = "logGroupName"))]
    name: String,
    /// How long events are kept; absent: for ever.
    #[serde(rename(deserialize = "retentionInDays"), skip_serializing_if = "Option::is_none")]
    retention_days: Option<u32>,
    /// How much is stored, compressed.
    #[serde(rename(deserialize = "storedBytes"), default)]
    stored_bytes: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answered {
    log_groups: Vec<LogGroup>,
    next_token: Option<String>,
}

const fn fifty() -> u32 {
    50
}

impl Tool for LogGroups {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "log_groups",
            title: "CloudWatch log groups",
            description: "Lists the log groups of CloudWatch Logs, with how long and how much they \
                keep. Use it before insights_query.",
            effect: Effect::Reads,
            limit: Duration::from_secs(30),
            aliases: &[("log_group_name_prefix", "prefix"), ("max_items", "limit")],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        let mut asked = json!({ "limit": input.limit });
        put(&mut asked, "logGroupNamePrefix", input.prefix);
        put(&mut asked, "nextToken", input.next);
        let answered: Answered = self.0.json("DescribeLogGroups", &asked, context).await?;
        let Answered { log_groups, next_token } = answered;
        let (count, truncated) = (log_groups.len(), next_token.is_some());
        Ok(Output { log_groups, count, truncated, next: next_token })
    }
}

/// Adds a member that is given.
pub(super) fn put(to: &mut Value, name: &str, given: Option<String>) {
    if let (Some(members), Some(given)) = (to.as_object_mut(), given) {
        members.insert(name.to_owned(), given.into());
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        let more = if self.truncated { ", and there are more" } else { "" };
        let names: Vec<&str> = self.log_groups.iter().map(|group| group.name.as_str()).collect();
        format!("{} log groups{more}\n{}", self.count, names.join("\n"))
    }
}
