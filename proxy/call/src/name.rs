//! Names of targets and tools, and how the two are joined.
//!
//! Enters: a target's name and a tool's name. Leaves: `target___tool`, and back. Never: a guess;
//! what does not split is not a federated name.

/// What stands between target and tool (the separator of Amazon Bedrock AgentCore Gateway).
pub const SEPARATOR: &str = "___";

/// The longest name that every client takes.
pub const LONGEST: usize = 64;

/// Whether a target may be called that: letters and digits, single hyphens between, up to 48.
///
/// No underscore is allowed, so that the first `___` always ends the target's name.
#[must_use]
pub fn is_target(name: &str) -> bool {
    let alnum = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    (1..=48).contains(&bytes.len())
        && alnum(bytes.first())
        && alnum(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && !name.contains("--")
}

/// `target___tool`.
#[must_use]
pub fn join(target: &str, tool: &str) -> String {
    [target, SEPARATOR, tool].concat()
}

/// Target and tool of a federated name.
#[must_use]
pub fn split(full: &str) -> Option<(&str, &str)> {
    full.split_once(SEPARATOR).filter(|(target, tool)| is_target(target) && !tool.is_empty())
}
