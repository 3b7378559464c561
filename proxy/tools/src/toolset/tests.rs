//! Results, failures, limits.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{MOST_BYTES, Toolset};
use crate::context::Context;
use crate::error::{Code, Source, ToolError};
use crate::testing::{call, call_within, code};
use crate::tool::{About, Brief, Effect, Tool};

struct Trial;

#[derive(Deserialize, JsonSchema)]
struct Input {
    how: String,
}

#[derive(JsonSchema, Serialize)]
struct Output {
    text: String,
}

impl Brief for Output {
    fn brief(&self) -> String {
        format!("{} bytes", self.text.len())
    }
}

impl Tool for Trial {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "trial",
            title: "Trial",
            description: "Tries.",
            effect: Effect::Reads,
            limit: Duration::from_secs(30),
            aliases: &[],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, input: Input, _: &'a Context) -> Result<Output, ToolError> {
        match input.how.as_str() {
            "hang" => std::future::pending().await,
            "much" => Ok(Output { text: "x".repeat(MOST_BYTES) }),
            "fail" => Err(ToolError::new(Code::RateLimited, "too many of them")
                .after(Some(Duration::from_millis(1500)))
                .caused_by(Source { service: "far".into(), status: Some(429), request_id: None })),
            _ => Ok(Output { text: input.how }),
        }
    }
}

fn tools() -> Toolset {
    Toolset::default().with(Trial)
}

#[tokio::test]
async fn a_result_is_data_and_text() {
    let reply = call(&tools(), "trial", json!({ "how": "well" })).await;
    assert_eq!(
        reply.into_result(),
        json!({
            "resultType": "complete",
            "content": [{ "type": "text", "text": "4 bytes" }],
            "structuredContent": { "text": "well" },
            "isError": false,
        })
    );
}

#[tokio::test]
async fn a_failure_is_marked_and_says_everything_that_is_known() {
    let reply = call(&tools(), "trial", json!({ "how": "fail" })).await;
    assert!(reply.is_error());
    assert_eq!(
        *reply.structured(),
        json!({
            "code": "rate_limited",
            "message": "too many of them",
            "retryable": true,
            "retry_after_ms": 1500,
            "upstream": { "service": "far", "status": 429 },
            "correlation_id": "call-1",
        })
    );
    assert_eq!(reply.text(), "rate_limited: too many of them Try again after 2 s.");
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_its_limit_or_when_it_is_of_no_use() {
    let reply = call(&tools(), "trial", json!({ "how": "hang" })).await;
    assert_eq!(code(&reply), "timeout");
    let begun = tokio::time::Instant::now();
    let hour = Duration::from_secs(3600);
    let reply = call_within(&tools(), "trial", json!({ "how": "hang" }), hour).await;
    assert_eq!(code(&reply), "timeout");
    assert_eq!(begun.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn a_result_that_is_too_large_is_a_failure() {
    let reply = call(&tools(), "trial", json!({ "how": "much" })).await;
    assert_eq!(code(&reply), "too_large");
}

#[tokio::test]
async fn what_is_not_there_is_not_called() {
    let context = Context::new(tokio::time::Instant::now(), "c".into());
    assert!(tools().call("other", serde_json::Map::new(), context).is_none());
    let reply = call(&tools(), "trial", json!({ "how": "a", "extra": 1 })).await;
    assert_eq!(code(&reply), "invalid_arguments");
}

#[test]
fn a_definition_has_both_schemas_and_says_what_a_call_may_change() {
    let definitions = tools().definitions();
    let definition = &definitions[0];
    assert_eq!(definition["name"], "trial");
    assert_eq!(definition["inputSchema"]["additionalProperties"], false);
    assert_eq!(definition["outputSchema"]["required"], json!(["text"]));
    assert_eq!(definition["annotations"]["readOnlyHint"], true);
    assert_eq!(definition["annotations"]["openWorldHint"], false);
}
