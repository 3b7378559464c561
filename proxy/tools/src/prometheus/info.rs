//! `server_info`: which Prometheus this is.
//!
//! Enters: nothing. Leaves: where it is, its version, since when it runs and how long it keeps data,
//! as far as it tells. Never: an answer when it cannot be reached.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::api::{Api, Success};
use crate::context::Context;
use crate::error::{Code, ToolError};
use crate::tool::{About, Brief, Effect, Tool};

pub(super) struct ServerInfo(pub(super) Arc<Api>);

/// There are no arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// Where it is.
    url: String,
    /// Its version.
    version: String,
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
            without: &[],
        }
    }

    async fn run<'a>(&'a self, _: Input, context: &'a Context) -> Result<Output, ToolError> {
        let Success { data: build, .. } = self.0.get("status/buildinfo", &[], context).await?;
        let Build { version } = build;
        let runtime = self.0.get::<Runtime>("status/runtimeinfo", &[], context).await;
        // Relatives of Prometheus do not have it.
        let runtime = match runtime {
            Ok(success) => success.data,
            Err(error) if error.code() == Code::NotFound => {
                Runtime { start_time: None, retention: None }
            }
            Err(error) => return Err(error),
        };
        let url = self.0.url().to_owned();
        let Runtime { start_time, retention } = runtime;
        Ok(Output { url, version, start_time, retention })
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        let since = self.start_time.as_deref().map(|since| format!(", up since {since}"));
        let keeps = self.retention.as_deref().map(|keeps| format!(", keeps {keeps}"));
        format!(
            "Prometheus {} at {}{}{}",
            self.version,
            self.url,
            since.unwrap_or_default(),
            keeps.unwrap_or_default()
        )
    }
}
