//! The field names of the audit log, in the order in which a record has them.
//!
//! Enters: nothing. Leaves: constants. Never: a value; never a field for a token, arguments or results.

use crate::named::named;

named! {
    SEQ = "seq", "Number of the record: each is one more than that before, across files and restarts.";
    PREV = "prev", "`hash` of the record before; 64 zeros for the very first.";
    TS = "ts", "When: RFC 3339, UTC, milliseconds.";
    KIND = "kind", "`allow`, `deny`, `outcome`, `contract`, `opened` or `lost`.";
    ISSUER = "issuer", "The configured name of the token's issuer; absent while nobody is known.";
    SUBJECT = "subject", "The token's subject.";
    CLIENT = "client", "The token's client.";
    SCOPES = "scopes", "The scopes that the caller had, separated by spaces.";
    CLAIMS = "claims", "The claims that policies were handed, as an object.";
    PEER = "peer", "The address the call came from.";
    SERVER = "server", "The configured server that was called; absent at the gateway as a whole.";
    METHOD = "method", "The MCP method, `_OTHER` when it is not known or was not read.";
    NAME = "name", "The tool, prompt or URI, as the caller wrote it.";
    TARGET = "target", "The configured target.";
    TOOL = "tool", "The tool's name at its target.";
    READ_ONLY = "read_only", "Whether the tool changes nothing, where somebody who is believed has said.";
    IDEMPOTENT = "idempotent", "Whether calling it twice is like calling it once, where that was said.";
    DEFINITION = "definition", "SHA-256 of the tool's canonical definition (ADR 24).";
    APPROVED = "approved", "Of a changed definition: the SHA-256 of the one that was approved, or seen first.";
    CHANGES = "changes", "Of a changed definition: how it differs.";
    ACTION = "action", "Of a changed definition: what was done.";
    RULE = "rule", "The rule that decided.";
    REASON = "reason", "Of a refusal or a failed call: a reason of the closed list.";
    WORDS = "words", "The reason in words, for the operator; tokens are cut out.";
    EXPLANATION = "explanation", "Of a refusal: how the rules came to it, as an object.";
    BLAME = "blame", "Of a failed call: whom it counts against.";
    DURATION_MS = "duration_ms", "Of a call that has ended: wall time in milliseconds.";
    REQUEST_ID = "request_id", "The id that the caller was given in the response header.";
    TRACE_ID = "trace_id", "The W3C trace id.";
    VERSION = "version", "Of the opening: the version of the program.";
    TORN_BYTES = "torn_bytes", "Of the opening: bytes of an unfinished last record that were cut off, and kept beside the log.";
    TORN_SHA256 = "torn_sha256", "SHA-256 of those bytes.";
    MISSING_FROM = "missing_from", "Of the opening: the first of the records that had been written and are gone.";
    MISSING_TO = "missing_to", "The last of them.";
    LOST = "lost", "How many records were lost since the last that was written, by why.";
    HASH = "hash", "SHA-256 over the record up to the comma before this field.";
}
