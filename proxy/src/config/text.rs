//! Values that are written as text and mean something else.
//!
//! In: the text of a value. Out: the typed value, or what is wrong with it. One
//! reading serves both the schema walk, which reports, and serde, which builds.
//! It never repeats more of the text than a number: it may come from the environment.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error};

use toolgate_mcp::Pattern;

use super::address::{Address, Admin, Host, HttpUrl, Origin};
use super::code;
use super::redis::RedisUrl;
use super::reference::{EnvText, SecretRef};
use super::units::Size;
use super::words::{AccessLog, EmfFile, HeaderText, Namespace, Scope};

/// A type that is written as text.
pub(crate) trait FromText: Sized {
    /// Name of its definition in the JSON Schema.
    const NAME: &'static str;
    /// What it is, with an article: "a duration".
    const WHAT: &'static str;
    /// One good value.
    const EXAMPLE: &'static str;
    /// Regular expression (ECMA 262) for editors; no narrower than [`Self::from_text`].
    const PATTERN: &'static str;

    /// Reads the text.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    fn from_text(text: &str) -> Result<Self, Wrong>;
}

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) code: &'static str,
    /// Replaces the usual "`x` is not a …".
    pub(crate) message: Option<String>,
    pub(crate) label: String,
    /// Replaces the usual example.
    pub(crate) help: Option<String>,
}

/// The serde and schema side of a [`FromText`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text<T>(pub(crate) T);

/// A [`FromText`] with its type forgotten, for the schema walk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Format {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) example: &'static str,
    pub(crate) check: fn(&str) -> Option<Wrong>,
}

/// Every text format a configuration knows.
const FORMATS: &[Format] = &[
    format::<Duration>(),
    format::<Size>(),
    format::<Address>(),
    format::<Admin>(),
    format::<HttpUrl>(),
    format::<Origin>(),
    format::<Host>(),
    format::<SecretRef>(),
    format::<EnvText>(),
    format::<AccessLog>(),
    format::<HeaderText>(),
    format::<Scope>(),
    format::<Namespace>(),
    format::<EmfFile>(),
    format::<Pattern>(),
    format::<RedisUrl>(),
];

/// The format behind a definition of the schema.
pub(crate) fn format_named(name: &str) -> Option<Format> {
    FORMATS.iter().copied().find(|format| format.name == name)
}

// === impl Wrong ===

impl Wrong {
    /// Text of the wrong form.
    pub(crate) fn form(label: &str) -> Self {
        Self { code: code::MALFORMED, message: None, label: label.to_owned(), help: None }
    }

    /// Sets the remedy.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

// === impl Text ===

impl<'de, T: FromText> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        T::from_text(&text).map(Self).map_err(|wrong| D::Error::custom(wrong.label))
    }
}

impl<T: FromText> JsonSchema for Text<T> {
    fn schema_name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Before substitution a value may hold `${NAME}` anywhere.
        let pattern = format!(r"{}|\$\{{", T::PATTERN);
        json_schema!({ "type": "string", "pattern": pattern, "examples": [T::EXAMPLE] })
    }
}

const fn format<T: FromText>() -> Format {
    Format { name: T::NAME, what: T::WHAT, example: T::EXAMPLE, check: |t| T::from_text(t).err() }
}
