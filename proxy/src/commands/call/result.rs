//! What a tool returned, as it is printed.
//!
//! Enters: the raw result. Leaves: `structuredContent` as the JSON it was, else the text blocks;
//! a note of what was not shown. Never: a control character to a terminal.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::screen::printable;

/// What goes to standard output, and what is said about the rest.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// For standard output; empty, or ended by a line feed.
    pub(super) out: String,
    /// For standard error, when something was left out.
    pub(super) note: Option<String>,
}

#[derive(Deserialize)]
struct ToolResult {
    #[serde(default)]
    content: Vec<Block>,
    #[serde(default, rename = "structuredContent", deserialize_with = "present")]
    structured: Option<Box<RawValue>>,
}

/// A content block, as far as it can be shown as text.
#[derive(Deserialize)]
struct Block {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(default, rename = "resultType")]
    kind: Option<String>,
}

/// Lays a result out.
pub(super) fn show(result: &RawValue, to_terminal: bool) -> Shown {
    let clean = |text: &str| if to_terminal { printable(text) } else { text.to_owned() };
    let Ok(parsed) = serde_json::from_str::<ToolResult>(result.get()) else {
        // Not what a tool returns, but it is what came.
        return Shown { out: clean(result.get()) + "\n", note: None };
    };
    if let Some(structured) = parsed.structured {
        return Shown { out: clean(structured.get()) + "\n", note: None };
    }
    let mut shown = Shown::default();
    let mut left_out = Vec::new();
    for block in parsed.content {
        match block.text.filter(|_| block.kind == "text") {
            Some(text) => {
                shown.out.push_str(&clean(&text));
                if !text.ends_with('\n') {
                    shown.out.push('\n');
                }
            }
            None => left_out.push(printable(&block.kind)),
        }
    }
    if !left_out.is_empty() {
        let kinds = left_out.join(", ");
        shown.note =
            Some(format!("not shown as text: {kinds}; --output json has the whole result"));
    }
    shown
}

/// Whether the tool wants more input before it answers (MCP 2026-07-28, `input_required`).
pub(super) fn wants_input(result: &RawValue) -> bool {
    let kind = serde_json::from_str::<Kind>(result.get()).ok().and_then(|kind| kind.kind);
    kind.as_deref() == Some("input_required")
}

/// A member that is there counts, even when it is `null`.
fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}
