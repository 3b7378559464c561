//! `labels`: names of labels, or the values of one.
//!
//! Enters: perhaps a name and a selector. Leaves: names or values in order, a page at a time. Never:
//! a page that does not say whether it is the last.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::api::{Api, label};
use super::metrics::{Output, many};
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Effect, Tool};

pub(super) struct Labels(pub(super) Arc<Api>);

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// The label whose values are wanted; without it the names of labels are listed.
    #[schemars(length(min = 1, max = 200))]
    name: Option<String>,
    /// Only of series that fit this selector, such as `up` or `{job="node"}`.
    #[serde(rename = "match")]
    #[schemars(length(min = 1, max = 2000))]
    selector: Option<String>,
    /// How many at most.
    #[serde(default = "many")]
    #[schemars(range(min = 1, max = 2000))]
    limit: usize,
    /// How many to leave out; `next_offset` of the page before.
    #[serde(default)]
    #[schemars(range(max = 1_000_000))]
    offset: usize,
    /// The workspace, by id or alias, as list_workspaces tells them.
    #[schemars(length(min = 1, max = 128))]
    workspace: Option<String>,
}

impl Tool for Labels {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "labels",
            title: "Prometheus labels",
            description: "Lists the names of labels, or with `name` the values of one label. Use it \
                before a query, to learn what can be selected and grouped by.",
            effect: Effect::Reads,
            limit: Duration::from_secs(30),
            aliases: &[],
            without: self.0.without(),
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        let fields: Vec<(&str, &str)> =
            input.selector.as_deref().map(|selector| ("match[]", selector)).into_iter().collect();
        let api = self.0.at(input.workspace.as_deref(), context).await?;
        let answered = match &input.name {
            None => api.post("labels", &fields, context).await?,
            Some(name) => {
                let path = format!("label/{}/values", label(name));
                api.get(&path, &fields, context).await?
            }
        };
        Ok(Output::page(answered.data, input.offset, input.limit))
    }
}
