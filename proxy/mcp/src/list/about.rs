//! What a target says of itself.
//!
//! Enters: the result of `server/discover` or of `initialize`. Leaves: which lists it has, what else
//! it can do, and what it tells models. Never: belief in a name or a version: those are its own word.

use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;
use toolgate_call::{Listed, RawJson};

/// The longest text for models that is kept of one target, in bytes.
const INSTRUCTIONS: usize = 16 * 1024;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    tools: bool,
    prompts: bool,
    resources: bool,
    /// Whether it tells of changes of single resources.
    pub(crate) subscribe: bool,
    /// Whether it completes arguments.
    pub(crate) completions: bool,
    /// Whether it sends log messages.
    pub(crate) logging: bool,
    /// What models are told about it.
    pub(crate) instructions: Option<Arc<str>>,
}

#[derive(Deserialize)]
struct View {
    #[serde(default)]
    capabilities: Capabilities,
    #[serde(default)]
    instructions: Option<String>,
}

#[derive(Default, Deserialize)]
struct Capabilities {
    tools: Option<IgnoredAny>,
    prompts: Option<IgnoredAny>,
    resources: Option<Resources>,
    completions: Option<IgnoredAny>,
    logging: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Resources {
    #[serde(default)]
    subscribe: bool,
}

// === impl About ===

impl About {
    /// Of what cannot be read nothing is believed.
    pub(super) fn read(raw: &RawJson) -> Self {
        let Ok(View { capabilities, instructions }) = raw.parse::<View>() else {
            return Self::default();
        };
        let said = instructions.filter(|text| !text.trim().is_empty());
        Self {
            tools: capabilities.tools.is_some(),
            prompts: capabilities.prompts.is_some(),
            resources: capabilities.resources.is_some(),
            subscribe: capabilities.resources.is_some_and(|resources| resources.subscribe),
            completions: capabilities.completions.is_some(),
            logging: capabilities.logging.is_some(),
            instructions: said.map(|text| cut(&text, INSTRUCTIONS).into()),
        }
    }

    /// That it says so much and nothing else.
    #[cfg(test)]
    pub(crate) fn saying(text: &str) -> Arc<Self> {
        Arc::new(Self { instructions: Some(Arc::from(text)), ..Self::default() })
    }

    /// Whether it is worth asking for such a list. Tools are always asked for: some forget to say
    /// that they have them.
    pub(crate) const fn may_have(&self, what: Listed) -> bool {
        match what {
            Listed::Tools => true,
            Listed::Prompts => self.prompts,
            Listed::Resources | Listed::Templates => self.resources,
        }
    }

    /// Whether it says that it has such a list. (Templates go unmentioned.)
    pub(super) const fn promises(&self, what: Listed) -> bool {
        match what {
            Listed::Tools => self.tools,
            Listed::Prompts => self.prompts,
            Listed::Resources => self.resources,
            Listed::Templates => false,
        }
    }
}

/// The text up to so many bytes.
pub(crate) fn cut(text: &str, longest: usize) -> &str {
    let end = (0..=text.len().min(longest)).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}
