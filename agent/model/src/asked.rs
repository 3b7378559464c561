//! What the user has asked.
//!
//! In: a message of the user, maybe with what is remembered in front of it. Out: both apart. Never: what
//! is remembered taken for the question.

/// What is remembered, and what the user said.
pub(crate) fn apart(text: &str) -> (&str, &str) {
    let block = text.strip_prefix("<recalled").and_then(|rest| rest.split_once("</recalled>"));
    block.unwrap_or(("", text))
}
