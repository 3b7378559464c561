//! What a schema says that was not there before.
//!
//! Enters: a schema that nobody has approved. Leaves: whether an agent can read words in it, and whether
//! there is something in it that the comparison would not understand. Never: a keyword that is taken for
//! wordless because nobody knows it: those that are stand here, with what they may hold.

use serde_json::Value;
use toolgate_telemetry::ContractChange as Class;

use super::DEEPEST;
use crate::contract::change::Found;

/// The types that there are.
const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// Dialects, with or without a `#` at the end.
const DIALECTS: [&str; 5] = [
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-04/schema",
];

/// What is found in a schema.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    words: bool,
    /// Something that the comparison does not know.
    strange: bool,
}

/// Something is there that was not.
pub(in crate::contract) fn appeared(schema: &Value, class: Class, found: &mut Found) {
    found.note(class);
    let seen = Seen::of(schema, found.depth());
    if seen.words {
        found.note(Class::Text);
    }
    if seen.strange {
        found.note(Class::Breaking);
    }
}

/// Whether there is something in a schema that the comparison does not know.
pub(super) fn is_strange(schema: &Value, found: &Found) -> bool {
    Seen::of(schema, found.depth()).strange
}

// === impl Seen ===

impl Seen {
    fn of(schema: &Value, depth: usize) -> Self {
        let mut seen = Self::default();
        seen.schema(schema, depth);
        seen
    }

    fn schema(&mut self, schema: &Value, depth: usize) {
        match schema.as_object().filter(|_| depth <= DEEPEST) {
            Some(members) => {
                members.iter().for_each(|(key, value)| self.keyword(key, value, depth + 1));
            }
            None if schema.is_boolean() => {}
            None => self.unknown(),
        }
    }

    fn keyword(&mut self, key: &str, value: &Value, depth: usize) {
        match key {
            "title" | "description" | "examples" | "$comment" | "default" | "const" => {
                self.words = true;
            }
            "deprecated" => self.words |= !value.is_boolean(),
            "$schema" => self.words |= !is_dialect(value),
            "pattern" | "format" => self.said(value.is_string()),
            "enum" => self.said(value.is_array()),
            "type" => self.wordless(is_type(value)),
            "uniqueItems" => self.wordless(value.is_boolean()),
            "multipleOf" | "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum"
            | "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties"
            | "maxProperties" => self.wordless(value.is_number()),
            "required" => self.names(value),
            "items" | "additionalProperties" => self.schema(value, depth),
            "anyOf" | "oneOf" | "allOf" => match value.as_array() {
                Some(all) => all.iter().for_each(|one| self.schema(one, depth)),
                None => self.unknown(),
            },
            "properties" | "$defs" | "definitions" => match value.as_object() {
                Some(named) => {
                    self.words |= !named.is_empty();
                    named.values().for_each(|one| self.schema(one, depth));
                }
                None => self.unknown(),
            },
            _ => self.unknown(),
        }
    }

    fn names(&mut self, value: &Value) {
        match value.as_array().filter(|names| names.iter().all(Value::is_string)) {
            Some(names) => self.words |= !names.is_empty(),
            None => self.unknown(),
        }
    }

    /// Words, where they are expected.
    const fn said(&mut self, as_expected: bool) {
        self.words = true;
        self.strange |= !as_expected;
    }

    /// No words, if what is there is what is expected.
    const fn wordless(&mut self, as_expected: bool) {
        if !as_expected {
            self.unknown();
        }
    }

    const fn unknown(&mut self) {
        *self = Self { words: true, strange: true };
    }
}

fn is_type(value: &Value) -> bool {
    let is_one = |value: &Value| value.as_str().is_some_and(|word| TYPES.contains(&word));
    is_one(value) || value.as_array().is_some_and(|words| words.iter().all(is_one))
}

fn is_dialect(value: &Value) -> bool {
    let uri = value.as_str().map(|uri| uri.strip_suffix('#').unwrap_or(uri));
    uri.is_some_and(|uri| DIALECTS.contains(&uri))
}
