//! The field names of the agent's interaction log, in the order in which a line has them.
//!
//! Enters: nothing. Leaves: constants. Never: a value; never a field for what was said.

use crate::named::named;

named! {
    TS = "ts", "When the turn ended: RFC 3339, UTC, milliseconds.";
    LEVEL = "level", "`info`; `warn` when a limit was met or something was missing; `error` when the model or the agent failed.";
    MSG = "msg", "Always `interaction`.";
    REQUEST_ID = "request_id", "The id that logs of every part have in common; the gateway's access log has it too.";
    TURN = "turn", "The turn's own id.";
    TRACE_ID = "trace_id", "The W3C trace id.";
    SPAN_ID = "span_id", "The span of the turn.";
    SAMPLED = "sampled", "Whether the spans of the turn were kept.";
    SESSION_HASH = "session_hash", "The first 64 bits of SHA-256 over `session`, a byte 0xff and the conversation's id, in hex.";
    ACTOR_HASH = "actor_hash", "The same over `actor` and who asked.";
    MODEL = "model", "The model's key in the catalogue of models.";
    MODEL_ID = "model_id", "The id that the provider was asked for.";
    PROVIDER = "provider", "Who serves the model.";
    TEMPERATURE = "temperature", "What the model was asked for.";
    OUTCOME = "outcome", "How the turn ended.";
    BUDGET = "budget", "The limit that was met.";
    DEGRADED = "degraded", "What the answer had to do without.";
    QUERY_LENGTH = "query_length", "Characters of the question.";
    RESPONSE_LENGTH = "response_length", "Characters of the answer.";
    RESPONSE_TIME_MS = "response_time_ms", "Wall time of the turn in milliseconds.";
    FIRST_WORD_MS = "first_word_ms", "Until the first word of the answer.";
    PERFORMANCE = "performance_metrics", "Where the time went, an object; its parts sum to `total_ms`.";
    MEMORY_MS = "memory_retrieval_ms", "In it: memory was asked.";
    MODEL_MS = "llm_inference_ms", "In it: models thought.";
    TOOL_MS = "tool_execution_ms", "In it: tools were called; where they overlap, once.";
    APPROVAL_MS = "approval_ms", "In it: the user was asked whether a tool may run.";
    OVERHEAD_MS = "overhead_ms", "In it: everything else.";
    TOTAL_MS = "total_ms", "In it: all of it.";
    TOKENS = "token_usage", "Tokens as the provider counts them, an object.";
    INPUT_TOKENS = "input_tokens", "In it: read, without those from a cache.";
    OUTPUT_TOKENS = "output_tokens", "In it: written.";
    CACHE_READ_TOKENS = "cache_read_tokens", "In it: read from the provider's cache.";
    CACHE_WRITE_TOKENS = "cache_write_tokens", "In it: written to it.";
    TOTAL_TOKENS = "total_tokens", "In it: the sum of the others.";
    COST_USD = "cost_usd", "Estimated cost by the configured prices; absent when the model has none.";
    INFERENCES = "inference_calls", "Requests to models.";
    RETRIES = "model_retries", "Times that one of them was sent again; absent when none was.";
    TOOLS_USED = "tools_used", "The tools that were called, each as often as it was, at most 32.";
    TOOL_FAILURES = "tool_failures", "Calls of tools that did not go well.";
    RECALLED = "memory_events_retrieved", "Records that memory had for the question.";
}
