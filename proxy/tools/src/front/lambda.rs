//! The tools as a Lambda function, by the contract of AgentCore Gateway.
//!
//! Enters: events: the arguments, as they are; the name of the tool stands in the client context ("Lambda
//! function input format"). Leaves: the result that the other fronts give. Never: a failure of a tool as a failure
//! of the function, nor the other way round; another tool than the one that was named.

mod runtime;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::context::Context;
use crate::error::{Code, ToolError};
use crate::sets::{SEPARATOR, Sets};
use crate::toolset::Reply;
pub use runtime::RUNTIME_API;
use runtime::{Event, Runtime};

/// The name of the tool, `target___tool`.
const TOOL_NAME: &str = "bedrockAgentCoreToolName";
/// What the gateway knows the call by.
const GATEWAYS_ID: &str = "bedrockAgentCoreAwsRequestId";
/// What the answer needs of the function's time to get out.
const MARGIN: Duration = Duration::from_millis(300);

/// Serves one event after the other, until Lambda ends the process. Tools that could not be set up are
/// Lambda's to know, too.
///
/// # Errors
/// There are no tools, or the Runtime API is gone.
pub async fn lambda(api: &str, sets: anyhow::Result<Sets>) -> anyhow::Result<()> {
    let runtime = Runtime::at(api)?;
    let sets = match sets {
        Ok(sets) => sets,
        Err(error) => {
            runtime.unable(&format!("{error:#}")).await?;
            return Err(error);
        }
    };
    loop {
        let event = runtime.next().await?;
        let result = answered(&sets, &event).await;
        runtime.answer(&event, result).await?;
    }
}

async fn answered(sets: &Sets, event: &Event) -> Value {
    let context = context(event);
    let running = named(sets, event).and_then(|name| {
        let arguments = arguments(event)?;
        sets.call(&name, arguments, context.clone()).ok_or_else(|| {
            ToolError::new(Code::NotFound, format!("there is no tool `{name}` in this function"))
        })
    });
    let reply = match running {
        Ok(running) => running.await,
        Err(error) => Reply::failed(&error, &context),
    };
    reply.into_result()
}

/// The tool that is called: the one that is named, or the only one there is.
fn named(sets: &Sets, event: &Event) -> Result<String, ToolError> {
    if let Some(name) = event.custom(TOOL_NAME) {
        return Ok(name.to_owned());
    }
    let mut names = sets.names();
    match (names.next(), names.next()) {
        (Some(only), None) => Ok(only),
        _ => {
            let message = format!(
                "no tool is named; the client context says which, as `{TOOL_NAME}`: `target{SEPARATOR}tool`"
            );
            Err(ToolError::new(Code::NotFound, message))
        }
    }
}

fn arguments(event: &Event) -> Result<Map<String, Value>, ToolError> {
    serde_json::from_slice(&event.payload).map_err(|_| {
        ToolError::new(Code::InvalidArguments, "the event must be an object: the arguments")
    })
}

fn context(event: &Event) -> Context {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let left = event.deadline.saturating_sub(now);
    let deadline = Instant::now() + left.saturating_sub(MARGIN.min(left / 4));
    let correlation = event.custom(GATEWAYS_ID).unwrap_or(&event.request_id);
    Context::new(deadline, Arc::from(correlation))
}

#[cfg(test)]
mod tests;
