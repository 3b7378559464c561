//! Several sets of tools under one roof.
//!
//! Enters: sets by name. Leaves: their tools as `set___tool`, the names that AgentCore gives them
//! too. Never: two tools of one name.

use std::future::Future;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::context::Context;
use crate::toolset::{Reply, Toolset};

/// What stands between the name of a set and that of a tool (AgentCore Gateway, "Target tools").
pub const SEPARATOR: &str = "___";

/// Sets of tools, each under a name of its own.
#[derive(Clone, Debug, Default)]
pub struct Sets(Vec<(String, Toolset)>);

// === impl Sets ===

impl Sets {
    /// With one more set; one of the same name is replaced.
    #[must_use]
    pub fn with(mut self, name: &str, tools: Toolset) -> Self {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), tools));
        self
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// With those tools alone, by `set___tool`.
    ///
    /// # Errors
    /// The first name that none has.
    pub fn only(mut self, names: &[String]) -> Result<Self, String> {
        let known: Vec<String> = self.names().collect();
        if let Some(stranger) = names.iter().find(|name| !known.contains(name)) {
            return Err(stranger.clone());
        }
        for (set, tools) in &mut self.0 {
            tools.retain(|tool| names.contains(&full(set, tool)));
        }
        self.0.retain(|(_, tools)| tools.names().next().is_some());
        Ok(self)
    }

    /// The longest that a call of any tool takes.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.0.iter().map(|(_, tools)| tools.longest()).max().unwrap_or_default()
    }

    /// The names of all tools, as `set___tool`.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.0.iter().flat_map(|(set, tools)| tools.names().map(move |tool| full(set, tool)))
    }

    /// The definitions of all tools, as `tools/list` has them.
    #[must_use]
    pub fn definitions(&self) -> Vec<Value> {
        let named = |set: &str, mut definition: Value| {
            if let Some(name) = definition.get_mut("name") {
                *name = full(set, name.as_str().unwrap_or_default()).into();
            }
            definition
        };
        let each = self.0.iter();
        each.flat_map(|(set, tools)| {
            tools.definitions().into_iter().map(move |one| named(set, one))
        })
        .collect()
    }

    /// Begins a call of `set___tool`; `None`: there is no such tool. A caller that gives its own
    /// name to the only set (AgentCore: the target's) is understood.
    #[must_use]
    pub fn call(
        &self,
        name: &str,
        arguments: Map<String, Value>,
        context: Context,
    ) -> Option<impl Future<Output = Reply> + Send + 'static + use<>> {
        let (set, tool) = name.split_once(SEPARATOR)?;
        let tools = match self.0.as_slice() {
            [(_, only)] => only,
            several => &several.iter().find(|(known, _)| known == set)?.1,
        };
        tools.call(tool, arguments, context)
    }
}

fn full(set: &str, tool: &str) -> String {
    format!("{set}{SEPARATOR}{tool}")
}
