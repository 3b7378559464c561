//! Tools by name.
//!
//! Enters: tools, later a name and arguments. Leaves: definitions as `tools/list` shows them, and
//! replies as `tools/call` shows them. Never: a call whose arguments were not checked against the
//! schema on display; a reply beyond the limit; a failure that is not marked as one.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::timeout_at;

use crate::context::Context;
use crate::error::{Code, ToolError};
use crate::schema::{self, Checked};
use crate::tool::{About, Brief as _, Effect, Tool};

/// The largest structured result, in bytes of JSON.
pub(crate) const MOST_BYTES: usize = 512 * 1024;

/// Tools that are offered together.
#[derive(Clone, Default)]
pub struct Toolset {
    tools: Vec<Arc<dyn AnyTool>>,
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    structured: Value,
    text: String,
    is_error: bool,
}

/// A call in progress. Dropping it cancels the call.
pub(crate) type Running = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// A tool whose types are forgotten.
trait AnyTool: Send + Sync {
    fn name(&self) -> &'static str;
    fn definition(&self) -> &Value;
    fn limit(&self) -> Duration;
    fn call(self: Arc<Self>, arguments: Map<String, Value>, context: Context) -> Running;
}

struct Typed<T> {
    tool: T,
    about: About,
    arguments: Checked,
    definition: Value,
}

// === impl Toolset ===

impl Toolset {
    /// With one more tool; of two with one name the first is found.
    pub(crate) fn with(mut self, tool: impl Tool) -> Self {
        self.tools.push(Arc::new(Typed::new(tool)));
        self
    }

    /// The longest that a call of any of them takes.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.tools.iter().map(|tool| tool.limit()).max().unwrap_or_default()
    }

    /// Keeps those tools alone.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.tools.retain(|tool| keep(tool.name()));
    }

    /// The definitions, as `tools/list` has them.
    #[must_use]
    pub fn definitions(&self) -> Vec<Value> {
        self.tools.iter().map(|tool| tool.definition().clone()).collect()
    }

    /// The names of the tools.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.tools.iter().map(|tool| tool.name())
    }

    /// Begins a call; `None`: there is no such tool. Dropping the future cancels the call.
    #[must_use]
    pub fn call(
        &self,
        name: &str,
        arguments: Map<String, Value>,
        context: Context,
    ) -> Option<impl Future<Output = Reply> + Send + 'static + use<>> {
        let tool = self.tools.iter().find(|tool| tool.name() == name)?;
        Some(Arc::clone(tool).call(arguments, context))
    }
}

impl fmt::Debug for Toolset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

// === impl Reply ===

impl Reply {
    fn new(outcome: Result<(Value, String), ToolError>, context: &Context) -> Self {
        match outcome {
            Ok((structured, text)) => Self { structured, text, is_error: false },
            Err(error) => Self {
                structured: error.envelope(context.correlation()),
                text: error.text(),
                is_error: true,
            },
        }
    }

    /// A call that no tool has taken.
    #[cfg(feature = "serve")]
    pub(crate) fn failed(error: &ToolError, context: &Context) -> Self {
        Self {
            structured: error.envelope(context.correlation()),
            text: error.text(),
            is_error: true,
        }
    }

    /// The result, or the envelope of the error.
    #[must_use]
    pub const fn structured(&self) -> &Value {
        &self.structured
    }

    /// The same in words.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the tool failed.
    #[must_use]
    pub const fn is_error(&self) -> bool {
        self.is_error
    }

    /// As the result of `tools/call` (2026-07-28 `server/tools`, "Tool Result").
    #[must_use]
    pub fn into_result(self) -> Value {
        let Self { structured, text, is_error } = self;
        let mut result = json!({ "resultType": "complete" });
        if let Some(members) = result.as_object_mut() {
            let mut said = json!({ "type": "text" });
            // Moved, not copied as `json!` would.
            said.as_object_mut().map(|said| said.insert("text".into(), text.into()));
            members.insert("content".into(), vec![said].into());
            members.insert("structuredContent".into(), structured);
            members.insert("isError".into(), is_error.into());
        }
        result
    }
}

// === impl Typed ===

impl<T: Tool> Typed<T> {
    fn new(tool: T) -> Self {
        let about = tool.about();
        let arguments = Checked::arguments::<T::Input>(about.aliases).without(about.without);
        let definition = json!({
            "name": about.name,
            "title": about.title,
            "description": about.description,
            "inputSchema": arguments.schema(),
            "outputSchema": schema::of_results::<T::Output>(),
            "annotations": annotations(&about),
        });
        Self { tool, about, arguments, definition }
    }

    async fn run(
        &self,
        arguments: Map<String, Value>,
        context: &Context,
    ) -> Result<(Value, String), ToolError> {
        let input = self.arguments.read(arguments)?;
        let limited = context.within(self.about.limit);
        let running = self.tool.run(input, &limited);
        let output = timeout_at(limited.deadline(), running).await.map_err(|_| {
            let message = "it took too long; ask for less, or try again later";
            ToolError::new(Code::Timeout, message)
        })??;
        let structured = serde_json::to_value(&output).map_err(|error| {
            ToolError::new(Code::Internal, format!("the result cannot be written: {error}"))
        })?;
        let size = written(&structured);
        if size > MOST_BYTES {
            let message = format!(
                "the result has {} KiB, more than the {} KiB that are passed on; ask for less",
                size / 1024,
                MOST_BYTES / 1024,
            );
            return Err(ToolError::new(Code::TooLarge, message));
        }
        Ok((structured, output.brief()))
    }
}

/// How many bytes of JSON that is, without writing them anywhere.
fn written(value: &Value) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value).map_or(usize::MAX, |()| count.0)
}

impl<T: Tool> AnyTool for Typed<T> {
    fn name(&self) -> &'static str {
        self.about.name
    }

    fn definition(&self) -> &Value {
        &self.definition
    }

    fn limit(&self) -> Duration {
        self.about.limit
    }

    fn call(self: Arc<Self>, arguments: Map<String, Value>, context: Context) -> Running {
        Box::pin(async move {
            let outcome = self.run(arguments, &context).await;
            Reply::new(outcome, &context)
        })
    }
}

/// What a client may assume (MCP `ToolAnnotations`).
fn annotations(about: &About) -> Value {
    let changes = matches!(about.effect, Effect::Changes { .. });
    json!({
        "title": about.title,
        "readOnlyHint": !changes,
        "destructiveHint": changes,
        "idempotentHint": about.effect != Effect::Changes { idempotent: false },
        "openWorldHint": about.effect == Effect::ReadsTheWorld,
    })
}

#[cfg(test)]
mod tests;
