//! The attributes of the agent's spans.
//!
//! Enters: nothing. Leaves: constants, after OpenTelemetry's conventions for GenAI where they have
//! one. Never: a value; never an attribute for what was said, for arguments or for results.

use crate::named::named;

named! {
    OPERATION = "gen_ai.operation.name", "`invoke_agent`, `chat`, `execute_tool`, `search_memory` or `create_memory`.";
    AGENT = "gen_ai.agent.name", "The agent's name.";
    PROVIDER = "gen_ai.provider.name", "Who serves the model.";
    REQUEST_MODEL = "gen_ai.request.model", "The id that the provider was asked for.";
    TEMPERATURE = "gen_ai.request.temperature", "What the model was asked for.";
    FINISH = "gen_ai.response.finish_reasons", "Why the reply ended.";
    INPUT_TOKENS = "gen_ai.usage.input_tokens", "Tokens read, those from a cache included.";
    OUTPUT_TOKENS = "gen_ai.usage.output_tokens", "Tokens written.";
    CACHE_READ = "gen_ai.usage.cache_read.input_tokens", "Tokens read from the provider's cache.";
    CACHE_WRITE = "gen_ai.usage.cache_creation.input_tokens", "Tokens written to it.";
    TOOL = "gen_ai.tool.name", "The tool's name.";
    CONVERSATION = "gen_ai.conversation.id", "The hash of the conversation, as in the log.";
    ERROR_TYPE = "error.type", "Why it failed; absent on success.";
    BLAME = "toolgate.blame", "Whom a failure counts against.";
    REQUEST_ID = "toolgate.request_id", "The id that logs of every part have in common.";
    CALL_ID = "toolgate.call_id", "The id of the call at the gateway.";
    TURN = "toolgate.turn", "The turn's own id.";
    MODEL_KEY = "toolgate.model", "The model's key in the catalogue of models.";
    COST = "toolgate.cost_usd", "Estimated cost in US dollars.";
    RECALLED = "toolgate.memory.records", "Records that memory had for the question.";
    DEGRADED = "toolgate.degraded", "What the answer had to do without.";
    FIRST_MS = "toolgate.first_ms", "Milliseconds to the first word, or to the first piece of a reply.";
    RETRIES = "toolgate.retries", "Times that the request to the model was sent again; absent when it was not.";
    SAMPLING = "toolgate.sampling.reason", "Why the trace was kept: head, error or slow.";
}
