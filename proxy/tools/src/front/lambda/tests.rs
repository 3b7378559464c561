//! Which tool an event is for, and what becomes of one that is for none.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};

use super::answered;
use super::runtime::Event;
use crate::Sets;
use crate::prometheus::{self, Config};

fn sets() -> Sets {
    // Nobody listens there.
    let config = Config { url: "http://127.0.0.1:1".to_owned(), credentials: None };
    Sets::default().with("prometheus", prometheus::toolset(config).unwrap())
}

fn event(context: &str, payload: &str) -> Event {
    let mut headers = HeaderMap::new();
    headers.insert("lambda-runtime-aws-request-id", "lambda-1".parse().unwrap());
    headers.insert("lambda-runtime-deadline-ms", "99999999999999".parse().unwrap());
    headers.insert("lambda-runtime-client-context", context.parse().unwrap());
    Event::read(&headers, Bytes::copy_from_slice(payload.as_bytes())).unwrap()
}

fn called(tool: &str) -> String {
    let custom =
        json!({ "bedrockAgentCoreToolName": tool, "bedrockAgentCoreAwsRequestId": "gateway-1" });
    json!({ "custom": custom }).to_string()
}

async fn envelope(context: &str, payload: &str) -> Value {
    let result = answered(&sets(), &event(context, payload)).await;
    assert_eq!(result["isError"], true, "{result}");
    result["structuredContent"].clone()
}

#[tokio::test]
async fn the_tool_that_is_named_is_called_under_any_name_of_its_target() {
    for target in ["prometheus", "prometheus-query"] {
        let error = envelope(&called(&format!("{target}___query")), r#"{"query":"up"}"#).await;
        assert_eq!(
            (&error["code"], &error["correlation_id"]),
            (&"unreachable".into(), &"gateway-1".into())
        );
    }
    let error = envelope(&called("prometheus___query"), r#"{"query":"up","operation":"x"}"#).await;
    assert_eq!(error["code"], "invalid_arguments", "arguments are checked as everywhere");
}

#[tokio::test]
async fn an_event_for_no_tool_is_an_error_of_the_call_and_ends_nothing() {
    for context in [
        &*called("prometheus___no"),
        &*called("query"),
        "{}",
        "{\"custom\":{\"bedrockAgentCoreToolName\":7}}",
        "!",
    ] {
        let error = envelope(context, "{}").await;
        assert_eq!(error["code"], "not_found", "{context}");
    }
    for payload in ["[]", "7", "", "{"] {
        let error = envelope(&called("prometheus___query"), payload).await;
        assert_eq!(error["code"], "invalid_arguments", "{payload}");
    }
}

#[tokio::test]
async fn the_only_tool_need_not_be_named() {
    let only = sets().only(&["prometheus___query".to_owned()]).unwrap();
    let result = answered(&only, &event("{}", r#"{"query":"up"}"#)).await;
    assert_eq!(result["structuredContent"]["code"], "unreachable", "{result}");
    let other = answered(&only, &event(&called("x___metadata"), "{}")).await;
    assert_eq!(other["structuredContent"]["code"], "not_found", "{other}");
    assert_eq!(sets().only(&["prometheus___no".to_owned()]).unwrap_err(), "prometheus___no");
}
