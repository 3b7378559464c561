//! `server_info`: which Prometheus this is.
//!
//! Enters: nothing, or a workspace. Leaves: where it is, its version or the state of the workspace,
//! since when it runs and how long it keeps data, as far as it tells. Never: an answer when it cannot
//! be reached.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::api::{Api, Located, Success};
use super::workspace::Workspace;
use crate::context::Context;
use crate::error::{Code, ToolError};
use crate::tool::{About, Brief, Effect, Tool};

pub(super) struct ServerInfo(pub(super) Arc<Api>);

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {
    /// The workspace, by id or alias, as list_workspaces tells them.
    #[schemars(length(min = 1, max = 128))]
    workspace: Option<String>,
}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// Where it is.
    url: String,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// The workspace at Amazon.
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace: Option<Workspace>,
    /// Since when it runs (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<String>,
    /// How long it keeps data.
    #[serde(skip_serializing_if = "Option::is_none")]
    retention: Option<String>,
}

#[derive(Deserialize)]
struct Build {
    version: String,
}

#[derive(Deserialize)]
struct Runtime {
    #[serde(rename = "startTime")]
    start_time: Option<String>,
    #[serde(rename = "storageRetention")]
    retention: Option<String>,
}

impl Tool for ServerInfo {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "server_info",
            title: "Prometheus server",
            description: "Tells where Prometheus is, its version, since when it runs, and how long \
                it keeps data.",
            effect: Effect::Reads,
            limit: Duration::from_secs(15),
            aliases: &[],
            without: self.0.without(),
        }
    }

    async fn run<'a>(&'a self, input: Input, context: &'a Context) -> Result<Output, ToolError> {
        let named = input.workspace.as_deref();
        if let Some(workspace) = self.0.place().workspace(named, context).await? {
            let url = workspace.url.clone();
            let workspace = Some(workspace);
            return Ok(Output { url, version: None, workspace, start_time: None, retention: None });
        }
        let api = self.0.at(named, context).await?;
        self.own(&api, context).await
    }
}

// === impl ServerInfo ===

impl ServerInfo {
    /// What one's own Prometheus tells.
    async fn own(&self, api: &Located<'_>, context: &Context) -> Result<Output, ToolError> {
        let Success { data: build, .. } = api.get("status/buildinfo", &[], context).await?;
        let Build { version } = build;
        let runtime = api.get::<Runtime>("status/runtimeinfo", &[], context).await;
        // Relatives of Prometheus do not have it.
        let runtime = match runtime {
            Ok(success) => success.data,
            Err(error) if error.code() == Code::NotFound => {
                Runtime { start_time: None, retention: None }
            }
            Err(error) => return Err(error),
        };
        let Runtime { start_time, retention } = runtime;
        let (url, version) = (api.base().to_owned(), Some(version));
        Ok(Output { url, version, workspace: None, start_time, retention })
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        if let Some(Workspace { id, alias, status, .. }) = &self.workspace {
            return format!("Workspace {id} ({alias}) is {status}, at {}", self.url);
        }
        let version = self.version.as_deref().unwrap_or_default();
        let since = self.start_time.as_deref().map(|since| format!(", up since {since}"));
        let keeps = self.retention.as_deref().map(|keeps| format!(", keeps {keeps}"));
        format!(
            "Prometheus {version} at {}{}{}",
            self.url,
            since.unwrap_or_default(),
            keeps.unwrap_or_default()
        )
    }
}
