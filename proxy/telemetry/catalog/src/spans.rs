//! The names of spans, of their attributes and of their events.
//!
//! Enters: nothing. Leaves: constants, after OpenTelemetry's conventions for MCP and GenAI where
//! they have one. Never: a value; never an attribute for arguments or results.

use crate::named::named;

named! {
    METHOD = "mcp.method.name", "The MCP method, `_OTHER` when unknown.";
    PROTOCOL_VERSION = "mcp.protocol.version", "The revision that the caller spoke.";
    RPC_ID = "jsonrpc.request.id", "The id of the JSON-RPC request, as sent.";
    OPERATION = "gen_ai.operation.name", "`execute_tool` for a tool call.";
    TOOL = "gen_ai.tool.name", "The tool's name at its target.";
    PROMPT = "gen_ai.prompt.name", "The prompt's name at its target.";
    ERROR_TYPE = "error.type", "Why it failed; absent on success.";
    SERVER = "toolgate.server", "The configured server that was called (`/mcp/NAME`); absent at `/mcp`, the gateway as a whole.";
    TARGET = "toolgate.target", "The configured target.";
    BLAME = "toolgate.blame", "Whom a failure counts against.";
    RETRY_SAFE = "toolgate.retry_safe", "Whether the caller may repeat the failed call.";
    REQUEST_ID = "toolgate.request_id", "The id that the caller was given in the response header.";
    ATTEMPTS = "toolgate.attempts", "Attempts at the target.";
    OVERHEAD_MS = "toolgate.overhead_ms", "The gateway's own time in milliseconds.";
    SAMPLING = "toolgate.sampling.reason", "Why the trace was kept: head, error, denied or slow.";
    ISSUER = "toolgate.issuer", "The configured name of the token's issuer.";
    CLIENT = "toolgate.client", "The token's client.";
    SESSION = "toolgate.session", "Whether a session of the older era was used.";
    STREAMED = "toolgate.streamed", "Whether the answer was an event stream.";
    HTTP_METHOD = "http.request.method", "The HTTP method.";
    HTTP_STATUS = "http.response.status_code", "The HTTP status of the answer.";
    URL_PATH = "url.path", "The path of the endpoint.";
    REQUEST_SIZE = "http.request.body.size", "Body bytes read from the caller.";
    RESPONSE_SIZE = "http.response.body.size", "Body bytes written to the caller.";
    CLIENT_ADDRESS = "client.address", "The address the call came from.";
    RESEND = "http.request.resend_count", "How many attempts came before this one.";
    PHASE_MS = "toolgate.phase_ms", "How long the phase lasted this time, in milliseconds; on events named after a phase.";
}
