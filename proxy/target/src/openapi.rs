//! An HTTP API that has an OpenAPI document, as a target.
//!
//! Enters: a document, later calls. Leaves: its operations as tools, and what they answer as results. Never: an
//! operation whose request the gateway does not understand wholly; a caller's token or header; an argument
//! that reaches another place of the request than its own.

mod answer;
mod choice;
mod operation;
mod parameter;
mod request;
mod schema;
mod service;

use std::collections::HashSet;
use std::fmt;

use serde_json::Value;

pub use choice::Choice;
use operation::{At, Operation};
pub(crate) use parameter::encoded;
use schema::Document;
pub use service::{ApiConfig, ApiTarget};

/// The most operations of one document that become tools.
pub const MOST_OPERATIONS: usize = 1000;

/// Methods that become tools; what others do is not for a model.
const METHODS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];

/// What an operation may be chosen by.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The name of the tool that it would become.
    pub name: &'a str,
    /// In capitals.
    pub method: &'a str,
    /// As the document has it.
    pub path: &'a str,
    /// Its tags.
    pub tags: &'a [&'a str],
}

/// A document that was read.
#[derive(Clone, Debug)]
pub struct Api {
    operations: Vec<Operation>,
    left_out: Vec<LeftOut>,
}

/// An operation that was chosen and cannot be a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// `METHOD /path`.
    pub operation: String,
    /// Why.
    pub why: String,
}

/// What is wrong with a document as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentError(String);

// === impl Api ===

impl Api {
    /// Reads the operations of a document that are chosen.
    ///
    /// # Errors
    /// It is no document of OpenAPI 3.0 or 3.1, two operations have one name, or there are too many or none.
    pub fn read(
        document: &Value,
        chosen: impl Fn(&Candidate<'_>) -> bool,
    ) -> Result<Self, DocumentError> {
        let document = Document::of(document).map_err(DocumentError)?;
        let mut api = Self { operations: Vec::new(), left_out: Vec::new() };
        let mut names = HashSet::new();
        let paths = document.get("paths").and_then(Value::as_object);
        for (path, item) in paths.into_iter().flatten() {
            let item = document.resolve(item).map_err(DocumentError)?;
            for method in METHODS {
                let Some(operation) = item.get(method) else { continue };
                let at = At { method, path, item, operation };
                let name = at.name();
                if !chosen(&candidate(&at, &name, &tags(operation))) {
                    continue;
                }
                if !names.insert(name.clone()) {
                    let problem = format!("two operations would be the tool `{name}`");
                    return Err(DocumentError(problem));
                }
                api.add(document, at, name);
            }
        }
        match api.operations.len() {
            0 => Err(DocumentError(api.nothing())),
            1..=MOST_OPERATIONS => Ok(api),
            many => Err(DocumentError(format!(
                "{many} operations would be tools; {MOST_OPERATIONS} is the most, so choose some"
            ))),
        }
    }

    fn add(&mut self, document: Document<'_>, at: At<'_>, name: String) {
        let shown = format!("{} {}", at.method.to_ascii_uppercase(), at.path);
        if name.is_empty() {
            let why = "its id has no letter that a tool's name may have".to_owned();
            return self.left_out.push(LeftOut { operation: shown, why });
        }
        match Operation::read(document, at, name) {
            Ok(operation) => self.operations.push(operation),
            Err(why) => self.left_out.push(LeftOut { operation: shown, why }),
        }
    }

    fn nothing(&self) -> String {
        match self.left_out.first() {
            Some(LeftOut { operation, why }) => {
                format!("no operation can be a tool; of {operation}: {why}")
            }
            None => "no operation is chosen".to_owned(),
        }
    }

    /// What was chosen and cannot be a tool.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// The tools, as `tools/list` has them.
    pub fn definitions(&self) -> impl Iterator<Item = &Value> {
        self.operations.iter().map(|operation| &operation.definition)
    }
}

fn tags(operation: &Value) -> Vec<&str> {
    let tags = operation.get("tags").and_then(Value::as_array);
    tags.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn candidate<'a>(at: &At<'a>, name: &'a str, tags: &'a [&'a str]) -> Candidate<'a> {
    let method = match at.method {
        "get" => "GET",
        "head" => "HEAD",
        "post" => "POST",
        "put" => "PUT",
        "patch" => "PATCH",
        _ => "DELETE",
    };
    Candidate { name, method, path: at.path, tags }
}

// === impl DocumentError ===

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DocumentError {}

#[cfg(test)]
mod tests;
