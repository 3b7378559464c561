//! What the clients call, and what must come back.
//!
//! In: nothing. Out: calls as the drivers take them, each with its answer. Nothing here knows the
//! client or its era: the answer is the same for all.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::driver::Called;
use super::stage::{CLOCK, EVERYTHING, FIXTURES, HTTP_MODERN};

/// A tool that no server has.
pub(crate) const UNKNOWN_TOOL: &str = "http-modern___no_such_tool";

/// Everything that an encoding could spoil: two, three and four bytes of UTF-8, both quotes,
/// a newline, a tab, a backslash, and something that looks like an escape.
const TEXT: &str = "Žluťoučký kůň říká \"ahoj\", 'čau' 漢字 🐎\nsecond line\tC:\\new \\u0041";
/// How long a slow call takes, milliseconds.
const SLOW_MS: u64 = 200;

/// A call and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    target: &'static str,
    tool: &'static str,
    arguments: Value,
    is_error: bool,
    /// The text of the answer, when it is known beforehand.
    text: Option<String>,
    structured: Option<Value>,
}

// === impl Step ===

impl Step {
    fn new(target: &'static str, tool: &'static str, arguments: Value) -> Self {
        Self { target, tool, arguments, is_error: false, text: None, structured: None }
    }

    /// A call of a tool that no server has.
    pub(crate) fn unknown() -> Self {
        Self::new(HTTP_MODERN, "no_such_tool", json!({}))
    }

    fn says(self, text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..self }
    }

    fn with_structure(self, structured: Value) -> Self {
        Self { structured: Some(structured), ..self }
    }

    fn name(&self) -> String {
        format!("{}___{}", self.target, self.tool)
    }

    /// The target that is called.
    pub(crate) fn target(&self) -> &'static str {
        self.target
    }

    /// Whether the tool answers that it failed.
    pub(crate) fn is_error(&self) -> bool {
        self.is_error
    }

    /// The call as arguments of a driver.
    pub(crate) fn args(&self) -> [String; 3] {
        ["--call".to_owned(), self.name(), self.arguments.to_string()]
    }

    /// Whether that is the answer.
    pub(crate) fn check(&self, called: &Called) -> Result<()> {
        let as_planned = called.name == self.name() && called.is_error == self.is_error;
        ensure!(as_planned, "{called:?} where {self:?} was planned");
        if let Some(text) = &self.text {
            ensure!(called.text == *text, "{called:?} where {self:?} was planned");
        }
        if let Some(structured) = &self.structured {
            ensure!(called.structured.as_ref() == Some(structured), "{called:?}, not {self:?}");
        }
        Ok(())
    }
}

/// The calls of every client in every era.
pub(crate) fn tour() -> Vec<Step> {
    let heard = EVERYTHING.into_iter().map(|target| {
        Step::new(target, "echo", json!({ "message": TEXT })).says(format!("Echo: {TEXT}"))
    });
    let fixtures = FIXTURES.into_iter().flat_map(|target| {
        [
            Step::new(target, "echo", json!({ "text": TEXT })).says(TEXT),
            Step::new(target, "add", json!({ "a": 2, "b": 40 }))
                .says(r#"{"sum":42}"#)
                .with_structure(json!({ "sum": 42 })),
            Step {
                is_error: true,
                ..Step::new(target, "fail", json!({})).says("failed, as asked")
            },
        ]
    });
    let clock = [Step::new(CLOCK, "now", json!({}))];
    heard.chain(fixtures).chain(clock).collect()
}

/// A slow call to each fixture.
pub(crate) fn slow() -> Vec<Step> {
    let slow = |target| {
        Step::new(target, "slow", json!({ "ms": SLOW_MS })).says(format!("waited {SLOW_MS} ms"))
    };
    FIXTURES.map(slow).to_vec()
}
