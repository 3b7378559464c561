//! What a function is told beside its arguments.
//!
//! Enters: which call of which tool. Leaves: the client context that AgentCore Gateway sends to its functions
//! ("Lambda function input format"), in base64. Never: who calls, or a token; more bytes than Lambda takes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The most bytes of base64 that Lambda takes (Lambda API, `Invoke`, `X-Amz-Client-Context`).
pub(super) const MOST: usize = 3583;
/// The longest id of a message that is passed on; ids are the caller's.
const LONGEST_ID: usize = 256;

/// One call of one tool.
#[derive(Clone, Copy, Debug)]
pub(super) struct About<'a> {
    /// The gateway's id of the request.
    pub(super) request: &'a str,
    /// The id of the caller's message, as JSON.
    pub(super) message: &'a str,
    /// The gateway's name.
    pub(super) gateway: &'a str,
    /// The target's configured name.
    pub(super) target: &'a str,
    /// `target___tool`.
    pub(super) tool: &'a str,
}

/// The client context; `None`: it would be too long.
pub(super) fn client_context(about: About<'_>) -> Option<String> {
    // An id is a text or a number (JSON-RPC 2.0, 4); the context holds texts only.
    let message = match serde_json::from_str(about.message) {
        Ok(Value::String(text)) => text,
        Ok(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let message = if message.len() <= LONGEST_ID { message } else { String::new() };
    let context = json!({ "custom": {
        "bedrockAgentCoreMessageVersion": "1.0",
        "bedrockAgentCoreAwsRequestId": about.request,
        "bedrockAgentCoreMcpMessageId": message,
        "bedrockAgentCoreGatewayId": about.gateway,
        "bedrockAgentCoreTargetId": about.target,
        "bedrockAgentCoreToolName": about.tool,
    } });
    let encoded = STANDARD.encode(context.to_string());
    (encoded.len() <= MOST).then_some(encoded)
}
