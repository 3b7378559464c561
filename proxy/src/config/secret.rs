//! Secrets, and where they come from.
//!
//! In: a reference and ways to reach environment and files. Out: the secret, or
//! why there is none. It never shows a secret: neither in `Debug` nor in an error.

use std::fmt;
use std::io;
use std::path::Path;

use super::expand::Env;
use super::placeholder::is_placeholder;
use super::reference::SecretRef;

/// Reads a whole file.
pub(crate) type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// Longest secret taken, in bytes.
const LONGEST: usize = 64 * 1024;

/// A value that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why a reference led to no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unavailable {
    /// Completes "secret `…`".
    pub(crate) problem: String,
    pub(crate) help: String,
}

// === impl Secret ===

impl Secret {
    /// Wraps a value.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The value itself. Whoever calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Fetches what `reference` points to, without trailing line breaks.
///
/// # Errors
///
/// When it is unset, unreadable, empty, too long, or a placeholder.
pub(crate) fn fetch(
    reference: &SecretRef,
    env: Env<'_>,
    read: ReadFile<'_>,
) -> Result<Secret, Unavailable> {
    let value = match reference {
        SecretRef::Env(name) => env(name).ok_or_else(|| Unavailable {
            problem: "is not set".to_owned(),
            help: format!("export {name}, or point at a file: `file:PATH`"),
        })?,
        SecretRef::File(path) => read(path).map_err(|error| Unavailable {
            problem: format!("cannot be read: {error}"),
            help: format!(
                "check that {} exists and this user may read it; relative paths start beside the \
                 configuration file",
                path.display()
            ),
        })?,
    };
    let value = value.trim_end_matches(['\r', '\n']);
    let (problem, help) = if value.is_empty() {
        ("is empty", "store the secret there, in one line")
    } else if value.len() > LONGEST {
        ("is longer than 64 KiB", "point at the secret alone")
    } else if is_placeholder(value) {
        ("holds a placeholder", "store the real secret there")
    } else {
        return Ok(Secret::new(value.to_owned()));
    };
    Err(Unavailable { problem: problem.to_owned(), help: help.to_owned() })
}
