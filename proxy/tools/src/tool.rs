//! What a tool is.
//!
//! Enters: arguments of the type that it declares. Leaves: a result of the type that it declares, or
//! a `ToolError`. Never: raw JSON, in or out; and no result type has room for an error.

use std::borrow::Cow;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::error::ToolError;

/// What a tool says of itself.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// Its name, unique in its set.
    pub(crate) name: &'static str,
    /// Its name for people.
    pub(crate) title: &'static str,
    /// What it does and when to use it, for the model.
    pub(crate) description: &'static str,
    /// What a call may change.
    pub(crate) effect: Effect,
    /// The longest time for a call.
    pub(crate) limit: Duration,
    /// Other names of arguments that are taken, each with the right one.
    pub(crate) aliases: &'static [(&'static str, &'static str)],
    /// Arguments of its type that mean nothing where it is set up, and are not taken.
    pub(crate) without: &'static [&'static str],
}

/// What a call may change (MCP `ToolAnnotations`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing; and its world is open: the web.
    ReadsTheWorld,
    /// Nothing; and what it reads belongs to the operator.
    Reads,
    /// What belongs to the operator, and not only by adding to it.
    Changes {
        /// Whether a second call like the first changes nothing more.
        idempotent: bool,
    },
}

/// A tool.
pub(crate) trait Tool: Send + Sync + 'static {
    /// Its arguments. Their schema is what is advertised and what is enforced.
    type Input: DeserializeOwned + JsonSchema + Send + 'static;
    /// Its result.
    type Output: Serialize + JsonSchema + Brief + Send + 'static;

    /// What it says of itself; constant.
    fn about(&self) -> About;

    /// Carries out a call. Dropping the future cancels it.
    ///
    /// # Errors
    /// Whatever is not a result.
    fn run<'a>(
        &'a self,
        input: Self::Input,
        context: &'a Context,
    ) -> impl Future<Output = Result<Self::Output, ToolError>> + Send + 'a;
}

/// A result in few words.
pub(crate) trait Brief {
    /// The text that stands beside the structured result: what a model needs, without the JSON.
    fn brief(&self) -> String;
}

/// At most `most` characters of a text; a cut one ends in `…`.
pub(crate) fn clip(text: &str, most: usize) -> Cow<'_, str> {
    if text.chars().count() <= most {
        return Cow::Borrowed(text);
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    Cow::Owned(format!("{}…", kept.trim_end()))
}
