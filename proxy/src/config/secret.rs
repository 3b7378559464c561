//! Secrets, and where they come from.
//!
//! In: a reference and ways to reach environment and files. Out: the secret, or
//! why there is none. It never shows a secret: neither in `Debug` nor in an error.

use std::io;
use std::path::Path;

use super::expand::Env;
use super::placeholder::is_placeholder;
use super::reference::{RemoteSecret, SecretRef};

pub use toolgate_call::Secret;

/// Reads a whole file.
pub(crate) type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// Reads a secret that AWS keeps.
pub(crate) type ReadRemote<'a> = &'a dyn Fn(&RemoteSecret) -> Result<String, String>;

/// Longest secret taken, in bytes.
const LONGEST: usize = 64 * 1024;

/// Why a reference led to no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unavailable {
    /// Completes "secret `…`".
    pub(crate) problem: String,
    pub(crate) help: String,
}

/// Fetches what `reference` points to, without trailing line breaks.
///
/// # Errors
///
/// When it is unset, unreadable, empty, too long, or a placeholder.
pub(crate) fn fetch(
    reference: &SecretRef,
    env: Env<'_>,
    (read, remote): (ReadFile<'_>, ReadRemote<'_>),
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
        SecretRef::Remote(secret) => remote(secret).map_err(|problem| Unavailable {
            problem,
            help: "check the name, the region and the endpoint of `aws`, and what the gateway's \
                   AWS credentials may read"
                .to_owned(),
        })?,
    };
    usable(&value)
}

/// The same of a value that was read.
///
/// # Errors
///
/// When it is empty, too long, or a placeholder.
pub(crate) fn usable(value: &str) -> Result<Secret, Unavailable> {
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
