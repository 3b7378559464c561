//! YAML, as much of it as rules need.
//!
//! Enters: text. Leaves: scalars that no reader takes for something else. Never: an anchor, a tag.

/// Between single quotes, in which nothing but the quote itself has a meaning.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The head of a generated file.
pub(crate) const HEAD: &str = "# Made from the catalogue and alarms/src; do not edit. To write it again:\n\
                               # TOOLGATE_GEN=1 cargo nextest run -p toolgate-alarms\n";
