//! What is wrong with the settings.
//!
//! In: keys and where their values come from. Out: one line each, all at once. Never: a value
//! that is secret.

use std::fmt;

use super::layers::Source;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key; empty if it is about a whole layer.
    pub key: String,
    /// Where its value comes from.
    pub from: Option<Source>,
    /// What is wrong.
    pub says: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Everything that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

// === impl Problems ===

impl Problems {
    /// One problem that is not about a single key.
    #[must_use]
    pub fn of(says: String) -> Self {
        Self(vec![Problem { key: String::new(), from: None, says, help: None }])
    }
}

// === impl Problem ===

impl Problem {
    /// A problem of a key that nothing sets.
    pub(super) fn missing(key: &str, says: impl Into<String>) -> Self {
        Self { key: key.to_owned(), from: None, says: says.into(), help: None }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(from) = &self.from {
            write!(f, "{from}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "`{}`: ", self.key)?;
        }
        f.write_str(&self.says)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "\n  help: {help}"))
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, problem) in self.0.iter().enumerate() {
            if nth > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}
