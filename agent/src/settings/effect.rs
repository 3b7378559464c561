//! Keys that are set and change nothing.
//!
//! In: one value a key. Out: a problem for each that was set by hand and has no effect beside the others.
//! Never: a complaint about a default, about what a running gateway lends, or about the Parameter Store,
//! which several programs share.

use super::keys::KEYS;
use super::layers::{Merged, Source};
use super::problem::Problem;

/// A key, the key that decides about it, and the values of that with which it has an effect.
const WITH: &[(&str, &str, &[&str])] = &[
    ("memory/file", "memory/backend", &["local"]),
    ("memory/max_events", "memory/backend", &["local"]),
    ("memory/retention", "memory/backend", &["local", "agentcore"]),
    ("memory/top_k", "memory/backend", &["local", "agentcore"]),
    ("memory/threshold", "memory/backend", &["local", "agentcore"]),
    ("memory/recall_time", "memory/backend", &["local", "agentcore"]),
    ("agentcore/memory_id", "memory/backend", &["agentcore"]),
    ("agentcore/memory_name", "memory/backend", &["agentcore"]),
    ("server/actor", "server/access", &["open"]),
    ("telemetry/cloudwatch_namespace", "telemetry/cloudwatch", &["true"]),
];

/// A key, and the key without which it has none.
const BESIDE: &[(&str, &str)] = &[
    ("gateway/ca_file", "gateway/url"),
    ("gateway/scopes", "gateway/url"),
    ("gateway/list_ttl", "gateway/url"),
    ("model/openai_key", "model/openai_url"),
    ("telemetry/sampling", "telemetry/otlp_endpoint"),
];

/// A key, and what a model of the catalogue has to be served by for it to have any.
const SERVED: &[(&str, &str)] = &[("model/openai_url", "openai"), ("model/script_file", "script")];

/// Everything that was set in vain.
pub(super) fn in_vain(merged: &Merged) -> Vec<Problem> {
    let text = |key: &str| merged.text(key).unwrap_or_default();
    let mut problems = Vec::new();
    for (key, other, values) in WITH {
        if !values.contains(&text(other)) {
            problems.extend(vain(merged, key, &format!("`{other}` is `{}`", text(other))));
        }
    }
    for (key, other) in BESIDE {
        if text(other).is_empty() {
            problems.extend(vain(merged, key, &format!("`{other}` is not set")));
        }
    }
    if !text("gateway/token_url").is_empty() {
        let why = "`gateway/token_url` says already where tokens are";
        problems.extend(vain(merged, "gateway/issuer", why));
    }
    if !merged.is_stored() {
        let why = "settings are read from the Parameter Store with `--ssm` only";
        problems.extend(vain(merged, "settings/refresh", why));
    }
    problems.extend(sealed_in_vain(merged));
    let catalogue = text("model/catalogue");
    let catalogue = serde_json::from_str::<Vec<serde_json::Value>>(catalogue).unwrap_or_default();
    for (key, provider) in SERVED {
        if !catalogue.iter().any(|entry| entry.get("provider").is_some_and(|it| it == provider)) {
            let why = format!("no model of `model/catalogue` has the provider `{provider}`");
            problems.extend(vain(merged, key, &why));
        }
    }
    problems
}

/// The key that secrets are sealed with, if there is none.
pub(super) fn sealed_in_vain(merged: &Merged) -> Option<Problem> {
    let mut secrets = KEYS.iter().filter(|key| key.kind.is_secret());
    if secrets.any(|key| merged.text(key.path).is_some()) {
        return None;
    }
    vain(merged, "aws/kms_key", "no secret is set, and nothing else is sealed")
}

fn vain(merged: &Merged, key: &str, why: &str) -> Option<Problem> {
    let (_, from) = merged.get(key).filter(|(text, _)| !text.is_empty())?;
    let by_hand = matches!(from, Source::File(..) | Source::Variable(_) | Source::Flag);
    by_hand.then(|| Problem {
        key: key.to_owned(),
        from: Some(from.clone()),
        says: format!("has no effect: {why}"),
        help: Some("take it out, or set the other".to_owned()),
    })
}
