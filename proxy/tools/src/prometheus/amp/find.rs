//! `find_workspace`: one workspace by id or alias.
//!
//! Enters: an id or an alias. Leaves: the workspace, its state and where it is. Never: another one
//! than that; which there are is told instead.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::list::amp;
use super::{Amp, Workspace};
use crate::context::Context;
use crate::error::ToolError;
use crate::prometheus::api::Api;
use crate::tool::{About, Brief, Effect, Tool};

pub(crate) struct FindWorkspace(pub(crate) Arc<Api>);

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Input {
    /// Its id, such as `ws-0123`, or its alias in any case of letters.
    #[schemars(length(min = 1, max = 128))]
    workspace: String,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct Output {
    /// The workspace.
    workspace: Workspace,
}

impl Tool for FindWorkspace {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "find_workspace",
            title: "Find a Prometheus workspace",
            description: "Finds a workspace of Amazon Managed Service for Prometheus by its id or \
                its alias, and tells its state and where it is.",
            effect: Effect::Reads,
            limit: Duration::from_secs(30),
            aliases: &[("workspace_id", "workspace"), ("alias", "workspace")],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        let anyone = Amp::new(amp(&self.0)?.control.aws(), None);
        Ok(Output { workspace: anyone.fresh(Some(&input.workspace), context).await? })
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        let Workspace { id, alias, status, url, .. } = &self.workspace;
        format!("{id} ({alias}) is {status}, at {url}")
    }
}
