//! The pins file: definitions of tools that an operator approved.
//!
//! In: its text. Out: the definitions by target and tool, or the first mistake with its line; and the
//! other way round, sorted, so that a difference of two versions can be read. It never holds a
//! definition whose hash is not the one beside it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use toolgate_call::{RawJson, Span};
use toolgate_mcp::contract::{Definition, Digest, Pin, read_once};

/// The version of the format.
const VERSION: u32 = 1;
/// Largest file taken, in bytes.
const LARGEST: usize = 64 << 20;

/// What was approved, by target and by the target's own name for the tool.
#[derive(Clone, Debug, Default)]
pub struct PinFile {
    /// The targets of which something was approved.
    pub targets: BTreeMap<String, BTreeMap<String, Pin>>,
}

/// Why a pins file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPins {
    /// Line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    toolgate_pins: u32,
    #[serde(borrow)]
    targets: BTreeMap<String, Target<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Target<'a> {
    #[serde(borrow)]
    tools: BTreeMap<String, Tool<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tool<'a> {
    #[serde(borrow)]
    sha256: &'a RawValue,
    #[serde(borrow)]
    definition: &'a RawValue,
}

// === impl PinFile ===

impl PinFile {
    /// Reads one.
    ///
    /// # Errors
    /// The first mistake.
    pub fn parse(text: &str) -> Result<Self, BadPins> {
        if text.len() > LARGEST {
            return Err(BadPins::whole("it has more than 64 MiB".to_owned()));
        }
        read_once(text.as_bytes()).map_err(|error| BadPins::of(&error))?;
        let file: File<'_> = serde_json::from_str(text).map_err(|error| BadPins::of(&error))?;
        if file.toolgate_pins != VERSION {
            let message = format!("version {} of the format is not known here", file.toolgate_pins);
            return Err(BadPins::whole(message));
        }
        let mut targets = BTreeMap::new();
        for (target, Target { tools }) in file.targets {
            let mut pins = BTreeMap::new();
            for (name, tool) in tools {
                let pin = tool.pin(&name, text)?;
                pins.insert(name, pin);
            }
            targets.insert(target, pins);
        }
        Ok(Self { targets })
    }

    /// The text of the file, ending in a line feed.
    #[must_use]
    pub fn render(&self) -> String {
        let entry = |pin: &Pin| {
            // Its members stay in the target's order; it was read before, so it can be again.
            let definition: Value = pin.definition.parse().unwrap_or_default();
            json!({ "sha256": pin.hash.to_string(), "definition": definition })
        };
        let target = |pins: &BTreeMap<String, Pin>| {
            let tools: Map<String, Value> =
                pins.iter().map(|(name, pin)| (name.clone(), entry(pin))).collect();
            json!({ "tools": tools })
        };
        let targets: Map<String, Value> =
            self.targets.iter().map(|(name, pins)| (name.clone(), target(pins))).collect();
        let file = json!({ "toolgate_pins": VERSION, "targets": targets });
        // A tree of plain values: printing it cannot fail.
        let mut text = serde_json::to_string_pretty(&file).unwrap_or_default();
        text.push('\n');
        text
    }
}

// === impl Tool ===

impl Tool<'_> {
    fn pin(&self, name: &str, text: &str) -> Result<Pin, BadPins> {
        let written: Option<String> = serde_json::from_str(self.sha256.get()).ok();
        let hash: Option<Digest> = written.and_then(|text| text.parse().ok());
        let Some(hash) = hash else {
            let message = format!("`sha256` of {name:?} is not 64 hexadecimal digits");
            return Err(BadPins::at(text, self.sha256, message));
        };
        let definition = Definition::read(self.definition.get().as_bytes());
        if definition.hash() != hash {
            let message = format!(
                "the definition of {name:?} does not have the hash beside it, but {}",
                definition.hash()
            );
            return Err(BadPins::at(text, self.sha256, message));
        }
        let bad = |message| BadPins::at(text, self.definition, message);
        let value = definition.value().map_err(|error| bad(error.to_string()))?;
        if value.get("name").and_then(Value::as_str) != Some(name) {
            return Err(bad(format!("the definition of {name:?} is that of another tool")));
        }
        // Without the space that is there for people: some carry messages by lines.
        let definition = RawJson::of(value).map_err(|error| bad(error.to_string()))?;
        Ok(Pin { hash, definition })
    }
}

// === impl BadPins ===

impl BadPins {
    fn whole(message: String) -> Self {
        Self { line: 0, column: 0, message }
    }

    fn of(error: &serde_json::Error) -> Self {
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(&*message, |(what, _)| what);
        Self { line: error.line(), column: error.column(), message: message.to_owned() }
    }

    fn at(text: &str, part: &RawValue, message: String) -> Self {
        let start = Span::within(text.as_bytes(), part.get()).map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
        Self { line, column, message }
    }
}

impl fmt::Display for BadPins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, column {}: ", self.line, self.column)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for BadPins {}
