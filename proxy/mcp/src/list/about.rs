//! What a target says of itself.
//!
//! Enters: the result of `server/discover` or of `initialize`. Leaves: which lists it has, what else
//! it can do, and what it tells models. Never: belief in a name or a version: those are its own word.

use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;
use toolgate_call::{Era, Listed, RawJson};

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
    /// In which form it has tasks.
    pub(crate) tasks: Tasks,
    /// Whether it has pages for clients to show (MCP Apps).
    pub(crate) ui: bool,
    /// What models are told about it.
    pub(crate) instructions: Option<Arc<str>>,
}

/// In which form a target's calls can become tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tasks {
    /// In none.
    #[default]
    None,
    /// The extension of 2026-07-28.
    Extension,
    /// The experiment of 2025-11-25, which is another protocol.
    Older,
}

impl Tasks {
    /// Whether a caller of that era can have them: older ones are put into the extension's words, but
    /// not the other way round.
    pub(crate) const fn are_for(self, era: Era) -> bool {
        match era {
            Era::Modern => !matches!(self, Self::None),
            Era::Legacy => matches!(self, Self::Older),
        }
    }
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
    #[serde(default)]
    extensions: Extensions,
    #[serde(default)]
    tasks: OlderTasks,
}

#[derive(Default, Deserialize)]
struct Extensions {
    #[serde(rename = "io.modelcontextprotocol/tasks")]
    tasks: Option<IgnoredAny>,
    #[serde(rename = "io.modelcontextprotocol/ui")]
    ui: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
struct OlderTasks {
    #[serde(default)]
    requests: OlderRequests,
}

#[derive(Default, Deserialize)]
struct OlderRequests {
    #[serde(default)]
    tools: OlderTools,
}

#[derive(Default, Deserialize)]
struct OlderTools {
    call: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Resources {
    #[serde(default)]
    subscribe: bool,
}

// === impl About ===

impl About {
    /// Of what cannot be read nothing is believed.
    pub(super) fn read(raw: &RawJson, era: Era) -> Self {
        let Ok(View { capabilities, instructions }) = raw.parse::<View>() else {
            return Self::default();
        };
        let tasks = match era {
            Era::Modern if capabilities.extensions.tasks.is_some() => Tasks::Extension,
            Era::Legacy if capabilities.tasks.requests.tools.call.is_some() => Tasks::Older,
            Era::Modern | Era::Legacy => Tasks::None,
        };
        let said = instructions.filter(|text| !text.trim().is_empty());
        Self {
            tools: capabilities.tools.is_some(),
            ui: era == Era::Modern && capabilities.extensions.ui.is_some(),
            prompts: capabilities.prompts.is_some(),
            resources: capabilities.resources.is_some(),
            subscribe: capabilities.resources.is_some_and(|resources| resources.subscribe),
            completions: capabilities.completions.is_some(),
            logging: capabilities.logging.is_some(),
            tasks,
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
