//! Canonical forms, hashes, and the classes of every difference.

mod appearing;
mod cases;
mod forms;
mod properties;
mod speed;

use serde_json::{Value, json};
use toolgate_telemetry::{ContractChange, Word as _};

use super::{Definition, classify};

/// A tool of this input schema.
fn with_input(schema: &Value) -> Value {
    json!({ "name": "t", "description": "d", "inputSchema": schema })
}

/// The classes of a difference, the worst first, and the places.
fn classes(old: &Value, new: &Value) -> (String, Vec<String>) {
    let change = classify(&Definition::of(old.clone()), &Definition::of(new.clone()));
    let words: Vec<_> = change.classes.iter().map(ContractChange::word).collect();
    (words.join(" "), change.differences.into_iter().map(|one| one.pointer).collect())
}
