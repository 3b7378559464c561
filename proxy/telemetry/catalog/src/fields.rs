//! The field names of the access log, in the order in which a line has them.
//!
//! Enters: nothing. Leaves: constants. Never: a value.

use crate::named::named;

named! {
    TS = "ts", "When the call ended: RFC 3339, UTC, milliseconds.";
    LEVEL = "level", "`info`; `warn` when network or target failed; `error` when the gateway did.";
    MSG = "msg", "Always `call`.";
    REQUEST_ID = "request_id", "The id that the caller was given in the response header.";
    TRACE_ID = "trace_id", "The W3C trace id.";
    SPAN_ID = "span_id", "The span of the call.";
    SAMPLED = "sampled", "Whether the spans of the call were kept.";
    STANDS_FOR = "stands_for", "How many calls the line counts for where not every success has one (`log.sample`): 1 over the share for a success that was chosen, 1 for all others.";
    RPC_ID = "rpc_id", "The id of the JSON-RPC request, as sent.";
    METHOD = "method", "The MCP method, `_OTHER` when unknown.";
    SERVER = "server", "The configured server that was called (`/mcp/NAME`); absent at `/mcp`, the gateway as a whole.";
    TARGET = "target", "The configured target.";
    TOOL = "tool", "The tool's name at its target.";
    PROMPT = "prompt", "The prompt's name at its target.";
    PROTOCOL_VERSION = "protocol_version", "The protocol revision that the caller spoke.";
    STATUS = "status", "The HTTP status.";
    OUTCOME = "outcome", "`ok`, or whom the failure counts against.";
    REASON = "reason", "Why the call failed.";
    BLAME = "blame", "Whom the failure counts against.";
    RETRY_SAFE = "retry_safe", "Whether the caller may repeat the failed call.";
    ATTEMPTS = "attempts", "Attempts at the target.";
    DURATION_MS = "duration_ms", "Wall time in milliseconds, to the microsecond.";
    PHASES = "phases", "Where it went: `<phase>_ms`, only phases that took time.";
    FUNCTION_MS = "function_ms", "How long the Lambda function worked, as Lambda says; of the last attempt that ran.";
    FUNCTION_INIT_MS = "function_init_ms", "How long that function took to start; absent when it was there already.";
    BYTES_IN = "bytes_in", "Body bytes read from the caller.";
    BYTES_OUT = "bytes_out", "Body bytes written to the caller.";
    ISSUER = "issuer", "The configured name of the token's issuer.";
    CLIENT = "client", "The token's client.";
    SUBJECT_HASH = "subject_hash", "The first 64 bits of SHA-256 over issuer, a byte 0xff and the token's subject, in hex.";
    SESSION = "session", "Whether a session of the older era was used.";
    STREAMED = "streamed", "Whether the answer was an event stream.";
    PEER = "peer", "The address the call came from.";
    DETAIL = "detail", "What only the operator may read of a failure; tokens are cut out.";
}
