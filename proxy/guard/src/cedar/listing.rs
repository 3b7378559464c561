//! What a policy says where the arguments are not known.
//!
//! Enters: a policy as Cedar's JSON. Leaves: whether it speaks of arguments, and if so the policy that
//! holds whenever it could hold (of one that permits), or only where it must (of one that forbids).
//! Never: a tool that some arguments would be allowed for, and that is hidden.

use serde_json::{Map, Value, json};

/// Whether the policy speaks of arguments.
pub(super) fn speaks(policy: &Value) -> bool {
    policy.get("conditions").is_some_and(mentions)
}

/// The policy without arguments: at least as wide if it permits, at most as wide if it forbids.
pub(super) fn without(mut policy: Value) -> Value {
    let widen = policy.get("effect").and_then(Value::as_str) == Some("permit");
    let conditions = policy.get_mut("conditions").and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten() {
        let unless = condition.get("kind").and_then(Value::as_str) == Some("unless");
        if let Some(body) = condition.get_mut("body") {
            *body = bound(body.take(), widen != unless);
        }
    }
    policy
}

/// Whether `context` is there in any way but as `context.NAME` of something else than the arguments.
fn mentions(expression: &Value) -> bool {
    let Some(object) = expression.as_object() else {
        return expression.as_array().is_some_and(|all| all.iter().any(mentions));
    };
    if is_context(expression) {
        return true;
    }
    for access in [".", "has"] {
        let Some(access) = object.get(access) else { continue };
        let plain = access.get("attr").and_then(Value::as_str).is_some_and(|a| a != "arguments");
        if plain && access.get("left").is_some_and(is_context) {
            return false;
        }
    }
    object.values().any(mentions)
}

/// The words that stand behind `has` somewhere.
pub(super) fn asked_for(expression: &Value, into: &mut Vec<String>) {
    match expression {
        Value::Object(object) => {
            let word = object.get("has").and_then(|has| has.get("attr")).and_then(Value::as_str);
            into.extend(word.map(str::to_owned));
            object.values().for_each(|part| asked_for(part, into));
        }
        Value::Array(all) => all.iter().for_each(|part| asked_for(part, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_context(expression: &Value) -> bool {
    expression.get("Var").and_then(Value::as_str) == Some("context")
}

/// An expression that is true at least (`upper`), or at most, where this one could be.
fn bound(expression: Value, upper: bool) -> Value {
    if !mentions(&expression) {
        return expression;
    }
    let certain = || json!({ "Value": upper });
    let Value::Object(mut object) = expression else { return certain() };
    let Some(operator) = object.keys().next().cloned() else { return certain() };
    let Some(Value::Object(parts)) = object.get_mut(&operator) else { return certain() };
    let taken = |parts: &mut Map<String, Value>, names: &[&str], upper: bool| {
        for name in names {
            if let Some(part) = parts.get_mut(*name) {
                *part = bound(part.take(), upper);
            }
        }
    };
    match operator.as_str() {
        "&&" | "||" => taken(parts, &["left", "right"], upper),
        "!" => taken(parts, &["arg"], !upper),
        "if-then-else" if !parts.get("if").is_some_and(mentions) => {
            taken(parts, &["then", "else"], upper);
        }
        _ => return certain(),
    }
    Value::Object(object)
}
