//! `list_workspaces`: the workspaces of the region.
//!
//! Enters: how many, and where to go on. Leaves: workspaces, a page at a time. Never: a page that
//! does not say whether it is the last.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Amp, Page, Told, Workspace};
use crate::context::Context;
use crate::error::ToolError;
use crate::prometheus::api::Api;
use crate::prometheus::data::lines;
use crate::prometheus::place::Place;
use crate::tool::{About, Brief, Effect, Tool};

pub(crate) struct ListWorkspaces(pub(crate) Arc<Api>);

/// Workspaces that stand in the text.
const MOST_LINES: usize = 50;

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Input {
    /// How many workspaces at most.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 1000))]
    limit: usize,
    /// Where to go on; `next` of the page before.
    #[schemars(length(min = 1, max = 4000))]
    next: Option<String>,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct Output {
    /// The workspaces of this page.
    workspaces: Vec<Workspace>,
    /// How many are here.
    count: usize,
    /// Whether there are more pages.
    truncated: bool,
    /// What to give as `next` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

const fn hundred() -> usize {
    100
}

impl Tool for ListWorkspaces {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "list_workspaces",
            title: "Prometheus workspaces",
            description: "Lists the workspaces of Amazon Managed Service for Prometheus in the \
                region of this target: ids, aliases and states.",
            effect: Effect::Reads,
            limit: Duration::from_secs(30),
            aliases: &[],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        let amp = amp(&self.0)?;
        let most = input.limit.to_string();
        let Page { workspaces, next_token } =
            amp.page(&most, input.next.as_deref(), context).await?;
        let workspaces: Vec<Workspace> = workspaces.into_iter().map(Told::shown).collect();
        let (count, truncated) = (workspaces.len(), next_token.is_some());
        Ok(Output { workspaces, count, truncated, next: next_token })
    }
}

/// The place of an API that is Amazon's.
pub(super) fn amp(api: &Api) -> Result<&Amp, ToolError> {
    match api.place() {
        Place::Amp(amp) => Ok(amp),
        Place::Plain(_) => {
            let message = "this is no Prometheus of Amazon";
            Err(ToolError::new(crate::error::Code::Internal, message))
        }
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        let more = if self.truncated { ", and there are more" } else { "" };
        let each = self
            .workspaces
            .iter()
            .map(|Workspace { id, alias, status, .. }| format!("{id} ({alias}): {status}"));
        lines(format!("{} workspaces{more}", self.count), each, MOST_LINES)
    }
}
