//! Schemas from types, and arguments against schemas.
//!
//! Enters: a type, later arguments. Leaves: JSON Schema 2020-12 in the few words that are enforced
//! here, and the typed arguments. Never: a constraint on display that is not enforced, or a refusal
//! that does not say what would be right.

mod check;
mod tidy;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::{Code, ToolError};

/// A schema and other names of its members.
pub(crate) struct Checked {
    schema: Value,
    aliases: &'static [(&'static str, &'static str)],
}

// === impl Checked ===

impl Checked {
    /// The schema of a tool's arguments.
    pub(crate) fn arguments<T: JsonSchema>(
        aliases: &'static [(&'static str, &'static str)],
    ) -> Self {
        let settings = SchemaSettings::draft2020_12().for_deserialize();
        Self { schema: tidy::arguments(generated::<T>(settings)), aliases }
    }

    /// The same without some of them.
    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        if let Some(properties) =
            self.schema.pointer_mut("/properties").and_then(Value::as_object_mut)
        {
            properties.retain(|name, _| !names.contains(&name.as_str()));
        }
        self
    }

    /// What is on display.
    pub(crate) fn schema(&self) -> &Value {
        &self.schema
    }

    /// The typed arguments.
    ///
    /// # Errors
    /// Every mistake in them, each with what would be right.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        mut arguments: Map<String, Value>,
    ) -> Result<T, ToolError> {
        self.rename(&mut arguments)?;
        let arguments = check::arguments(&self.schema, arguments)
            .map_err(|mistakes| ToolError::new(Code::InvalidArguments, mistakes))?;
        serde_json::from_value(Value::Object(arguments)).map_err(|error| {
            ToolError::new(Code::InvalidArguments, format!("the arguments cannot be read: {error}"))
        })
    }

    fn rename(&self, arguments: &mut Map<String, Value>) -> Result<(), ToolError> {
        for (alias, name) in self.aliases {
            let Some(value) = arguments.remove(*alias) else { continue };
            if arguments.contains_key(*name) {
                let why = format!("and `{alias}` are the same; give `{name}` alone");
                return Err(ToolError::argument(name, &why));
            }
            arguments.insert((*name).to_owned(), value);
        }
        Ok(())
    }
}

/// The schema of a tool's results. More members than it names may be there one day.
pub(crate) fn of_results<T: JsonSchema>() -> Value {
    tidy::results(generated::<T>(SchemaSettings::draft2020_12().for_serialize()))
}

fn generated<T: JsonSchema>(settings: SchemaSettings) -> Value {
    let inline = |settings: &mut SchemaSettings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    };
    settings.with(inline).into_generator().into_root_schema_for::<T>().to_value()
}

#[cfg(test)]
pub(crate) use check::value as mistakes_in;

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use tests::only_known_words;
