//! Schemas of an OpenAPI document become JSON Schemas that stand alone.
//!
//! Enters: a document, and a schema in it. Leaves: the schema in the words of JSON Schema 2020-12, with what
//! it refers to in its place. Never: a reference that leads out of the document; a schema without end: what
//! goes in circles is said once, in `$defs`; more parts than a model could read.

use serde_json::{Map, Value, json};

/// The most parts of the schemas of one tool.
const MOST: usize = 4096;
/// How deep parts may lie in each other.
const DEEPEST: usize = 48;
/// How many references may follow each other.
const HOPS: usize = 16;

/// A document, as far as references go.
#[derive(Clone, Copy)]
pub(super) struct Document<'a> {
    whole: &'a Value,
    /// Whether it is of OpenAPI 3.0, which has its own words for some things.
    older: bool,
}

/// Schemas of one tool in the making.
pub(super) struct Schemas<'a> {
    document: Document<'a>,
    /// Where the references that are being followed lead to.
    within: Vec<&'a str>,
    /// What goes in circles: by reference, under a name of its own.
    circles: Vec<(&'a str, String)>,
    parts: usize,
}

/// Words that hold one schema.
const ONE: [&str; 11] = [
    "additionalProperties",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
];
/// Words that hold schemas by name.
const NAMED: [&str; 3] = ["dependentSchemas", "patternProperties", "properties"];
/// Words that hold a list of schemas.
const SEVERAL: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// Words of OpenAPI that JSON Schema does not have, or that say nothing to a model.
const DROPPED: [&str; 13] = [
    "$anchor",
    "$comment",
    "$defs",
    "$dynamicAnchor",
    "$id",
    "$schema",
    "deprecated",
    "discriminator",
    "example",
    "externalDocs",
    "readOnly",
    "writeOnly",
    "xml",
];

// === impl Document ===

impl<'a> Document<'a> {
    /// A document of OpenAPI 3.0 or 3.1.
    ///
    /// # Errors
    /// What it is instead.
    pub(super) fn of(whole: &'a Value) -> Result<Self, String> {
        let version = whole.get("openapi").and_then(Value::as_str);
        match version {
            Some(text) if text.starts_with("3.0.") => Ok(Self { whole, older: true }),
            Some(text) if text.starts_with("3.1.") => Ok(Self { whole, older: false }),
            Some(text) => Err(format!("`openapi` is {text}; 3.0 and 3.1 are read")),
            None if whole.get("swagger").is_some() => {
                Err("it is Swagger 2; convert it to OpenAPI 3 first".to_owned())
            }
            None => Err("it has no `openapi`, so it is no OpenAPI document".to_owned()),
        }
    }

    /// A member of the document itself.
    pub(super) fn get(self, name: &str) -> Option<&'a Value> {
        self.whole.get(name)
    }

    /// What stands there, behind any references (Reference Object).
    ///
    /// # Errors
    /// A reference that leads nowhere, in a circle or out of the document.
    pub(super) fn resolve(self, mut value: &'a Value) -> Result<&'a Value, String> {
        for _ in 0..HOPS {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
                return Ok(value);
            };
            value = self.at(reference)?;
        }
        Err("references follow each other without end".to_owned())
    }

    fn at(self, reference: &str) -> Result<&'a Value, String> {
        let pointer = reference.strip_prefix('#').ok_or_else(|| {
            format!("`{reference}` leads out of the document; put what it means into it")
        })?;
        let found = self.whole.pointer(pointer);
        found.ok_or_else(|| format!("`{reference}` leads nowhere"))
    }
}

// === impl Schemas ===

impl<'a> Schemas<'a> {
    pub(super) fn new(document: Document<'a>) -> Self {
        Self { document, within: Vec::new(), circles: Vec::new(), parts: 0 }
    }

    /// A schema for arguments: what only answers have is left out.
    ///
    /// # Errors
    /// Why it cannot stand alone.
    pub(super) fn schema(&mut self, schema: &'a Value) -> Result<Value, String> {
        self.made(schema, 0)
    }

    /// What goes in circles; the last thing to ask for.
    ///
    /// # Errors
    /// As [`Schemas::schema`].
    pub(super) fn definitions(&mut self) -> Result<Map<String, Value>, String> {
        let mut all = Map::new();
        // Making one may find others.
        while let Some((reference, name)) = self.circles.get(all.len()).cloned() {
            let target = self.document.at(reference)?;
            self.within.push(reference);
            let made = self.made(target, 1);
            self.within.pop();
            all.insert(name, made?);
        }
        Ok(all)
    }

    fn made(&mut self, schema: &'a Value, depth: usize) -> Result<Value, String> {
        self.parts += 1;
        if self.parts > MOST || depth > DEEPEST {
            return Err("its schemas are too large".to_owned());
        }
        let Some(words) = schema.as_object() else {
            return if schema.is_boolean() {
                Ok(schema.clone())
            } else {
                Err(format!("a schema is {schema}"))
            };
        };
        let mut made = match words.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.referred(reference, depth)?,
            None => Map::new(),
        };
        // Beside a reference only 3.1 says anything.
        if made.is_empty() || !self.document.older {
            for (word, value) in words {
                if let Some(value) = self.word(word, value, words, depth)? {
                    made.insert(word.clone(), value);
                }
            }
        }
        if self.document.older {
            older(words, &mut made);
        }
        Ok(Value::Object(made))
    }

    fn referred(&mut self, reference: &'a str, depth: usize) -> Result<Map<String, Value>, String> {
        if self.within.contains(&reference) {
            let name = self.circle(reference);
            let mut made = Map::new();
            made.insert("$ref".to_owned(), format!("#/$defs/{name}").into());
            return Ok(made);
        }
        let target = self.document.at(reference)?;
        self.within.push(reference);
        let made = self.made(target, depth + 1);
        self.within.pop();
        let made = made?;
        match made.as_object() {
            Some(words) => Ok(words.clone()),
            // `true` and `false`, as objects.
            None => Ok(Map::from_iter([("allOf".to_owned(), json!([made]))])),
        }
    }

    fn circle(&mut self, reference: &'a str) -> String {
        if let Some((_, name)) = self.circles.iter().find(|(known, _)| *known == reference) {
            return name.clone();
        }
        let last = reference.rsplit('/').next().unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name: String = last.chars().map(|c| if plain(c) { c } else { '_' }).collect();
        let taken = self.circles.iter().any(|(_, known)| *known == name);
        let name = if taken { format!("{name}_{}", self.circles.len()) } else { name };
        self.circles.push((reference, name.clone()));
        name
    }

    /// One word of a schema; `None`: it is not taken over.
    fn word(
        &mut self,
        word: &str,
        value: &'a Value,
        words: &'a Map<String, Value>,
        depth: usize,
    ) -> Result<Option<Value>, String> {
        if word == "$ref" || DROPPED.contains(&word) || word.starts_with("x-") {
            return Ok(None);
        }
        if ONE.contains(&word) {
            return self.made(value, depth + 1).map(Some);
        }
        if NAMED.contains(&word)
            && let Some(named) = value.as_object()
        {
            let mut made = Map::new();
            for (name, schema) in named {
                if word == "properties" && self.only_answered(schema)? {
                    continue;
                }
                made.insert(name.clone(), self.made(schema, depth + 1)?);
            }
            return Ok(Some(Value::Object(made)));
        }
        if SEVERAL.contains(&word)
            && let Some(several) = value.as_array()
        {
            let made: Result<Vec<_>, _> =
                several.iter().map(|schema| self.made(schema, depth + 1)).collect();
            return made.map(|made| Some(Value::Array(made)));
        }
        if word == "required"
            && let (Some(names), Some(properties)) = (value.as_array(), words.get("properties"))
        {
            let mut kept = Vec::new();
            for name in names {
                let schema = name.as_str().and_then(|name| properties.get(name));
                if !schema.map_or(Ok(false), |schema| self.only_answered(schema))? {
                    kept.push(name.clone());
                }
            }
            return Ok((!kept.is_empty()).then_some(Value::Array(kept)));
        }
        Ok(Some(value.clone()))
    }

    /// Whether a property is one of answers only (`readOnly`).
    fn only_answered(&self, schema: &'a Value) -> Result<bool, String> {
        let said = |schema: &Value| schema.get("readOnly") == Some(&Value::Bool(true));
        Ok(said(schema) || said(self.document.resolve(schema)?))
    }
}

/// What OpenAPI 3.0 says otherwise than JSON Schema (its Schema Object).
fn older(words: &Map<String, Value>, made: &mut Map<String, Value>) {
    for (bound, strict) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
        if let Some(Value::Bool(is_strict)) = made.remove_entry(strict).map(|(_, value)| value) {
            if is_strict && let Some(value) = made.remove(bound) {
                made.insert(strict.to_owned(), value);
            }
        } else if let Some(value) = words.get(strict).filter(|value| value.is_number()) {
            made.insert(strict.to_owned(), value.clone());
        }
    }
    let nullable = made.remove("nullable") == Some(Value::Bool(true));
    if !nullable {
        return;
    }
    if let Some(Value::Array(values)) = made.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    match made.get_mut("type") {
        Some(kind @ Value::String(_)) => *kind = json!([kind.take(), "null"]),
        Some(_) => {}
        None => {
            let rest = Value::Object(std::mem::take(made));
            made.insert("anyOf".to_owned(), json!([rest, { "type": "null" }]));
        }
    }
}
