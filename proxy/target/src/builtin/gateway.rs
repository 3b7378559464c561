//! The tool of `gateway`: `status`.
//!
//! Enters: the facts that the gateway hands in. Leaves: the same as a result. Never: an operator's
//! detail; what a fact says is fit for every caller.

use serde_json::{Value, json};

use super::arguments::Arguments;
use super::{Done, GatewayFacts, TargetFact};

/// The definitions.
pub(super) fn tools() -> Value {
    json!([{
        "name": "status",
        "title": "Gateway status",
        "description": "Tells the gateway's version, how long it has been running, and for each \
            target whether it is in good health and how many tools it offers.",
        "inputSchema": { "type": "object", "properties": {}, "additionalProperties": false },
        "outputSchema": {
            "type": "object",
            "properties": {
                "version": { "type": "string" },
                "uptime_ms": { "type": "integer", "minimum": 0 },
                "targets": { "type": "array", "items": target_schema() },
            },
            "required": ["version", "uptime_ms", "targets"],
            "additionalProperties": false,
        },
        "annotations": super::harmless("Gateway status"),
    }])
}

/// Carries out a call.
pub(super) fn call(tool: &str, arguments: &Arguments, facts: &dyn GatewayFacts) -> Done {
    if tool != "status" {
        return Done::Unknown;
    }
    match arguments.only(&[]) {
        Ok(()) => Done::Result(status(facts)),
        Err(text) => Done::Wrong(text),
    }
}

fn status(facts: &dyn GatewayFacts) -> Value {
    let targets: Vec<Value> = facts.targets().iter().map(target).collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_ms": u64::try_from(facts.uptime().as_millis()).unwrap_or(u64::MAX),
        "targets": targets,
    })
}

fn target(fact: &TargetFact) -> Value {
    let TargetFact { name, up, detail, tools } = fact;
    json!({ "name": name, "up": up, "detail": detail, "tools": tools })
}

fn target_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "up": { "type": "boolean" },
            "detail": { "type": "string" },
            "tools": { "type": "integer", "minimum": 0 },
        },
        "required": ["name", "up", "detail", "tools"],
        "additionalProperties": false,
    })
}
