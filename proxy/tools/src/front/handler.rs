//! What rmcp asks of a server.
//!
//! Enters: requests that rmcp has read. Leaves: definitions and replies, and before those what a call
//! tells meanwhile. Never: a reply to a call that was cancelled.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, Implementation, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::Value;
use tokio::time::Instant;

use super::telling::Telling;
use crate::context::Context;
use crate::sets::Sets;

/// The longest that any call may take; the tools' own limits are shorter.
const LONGEST: Duration = Duration::from_secs(300);

/// The tools behind rmcp.
#[derive(Clone)]
pub(super) struct Handler {
    sets: Sets,
    tools: Arc<[Tool]>,
}

// === impl Handler ===

impl Handler {
    pub(super) fn new(sets: Sets) -> anyhow::Result<Self> {
        let tools: Vec<Tool> = serde_json::from_value(Value::Array(sets.definitions()))
            .context("a definition that rmcp does not take")?;
        Ok(Self { sets, tools: tools.into() })
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("toolgate-tools", env!("CARGO_PKG_VERSION")))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools.to_vec()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.tools.iter().find(|tool| tool.name == name).cloned()
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        asked: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let correlation = format!("{:016x}", fastrand::u64(..));
        let context = Context::new(Instant::now() + LONGEST, correlation.into());
        let (telling, context) = Telling::of(&asked, context);
        let arguments = request.arguments.unwrap_or_default();
        let unknown = || {
            let message = format!("there is no tool `{}`; ask for the list", request.name);
            ErrorData::invalid_params(message, None)
        };
        let running = self.sets.call(&request.name, arguments, context).ok_or_else(unknown)?;
        let reply = tokio::select! {
            (reply, ()) = async { tokio::join!(running, telling.send()) } => reply,
            () = asked.ct.cancelled() => return Err(ErrorData::internal_error("cancelled", None)),
        };
        let result: CallToolResult = serde_json::from_value(reply.into_result())
            .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        Ok(result.into())
    }
}
