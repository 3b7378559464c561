//! Secrets are references to where they are kept, never the secrets themselves.
//!
//! In: text such as `env:GH_TOKEN`. Out: the reference. It never resolves one,
//! and never repeats text that might be a secret.

use std::path::PathBuf;

use super::code;
use super::expand::is_variable;
use super::text::{FromText, Wrong};

/// Sources that are planned but not in this build.
const LATER: &[&str] = &["ssm:", "secretsmanager:"];

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file; trailing line breaks are not part of the secret.
    File(PathBuf),
}

/// The value of a child's environment variable: plain text, or a secret reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EnvText {
    Plain(String),
    Secret(SecretRef),
}

impl FromText for SecretRef {
    const NAME: &'static str = "SecretRef";
    const WHAT: &'static str = "a secret reference";
    const EXAMPLE: &'static str = "env:GITHUB_TOKEN";
    const PATTERN: &'static str = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if LATER.iter().any(|source| text.starts_with(source)) {
            return Err(Wrong {
                code: code::SECRET_SOURCE,
                message: Some("this secret source is not supported in this build yet".to_owned()),
                label: String::new(),
                help: Some("use `env:NAME` or `file:PATH`".to_owned()),
            });
        }
        if let Some(name) = text.strip_prefix("env:") {
            if is_variable(name) {
                return Ok(Self::Env(name.to_owned()));
            }
            return Err(Wrong::form("`env:` is followed by letters, digits and `_`"));
        }
        match text.strip_prefix("file:") {
            Some(path) if !path.trim().is_empty() => Ok(Self::File(PathBuf::from(path))),
            Some(_) => Err(Wrong::form("`file:` is followed by a path")
                .help("write for example `file:/run/secrets/github`")),
            None => Err(literal()),
        }
    }
}

impl FromText for EnvText {
    const NAME: &'static str = "EnvText";
    const WHAT: &'static str = "text or a secret reference";
    const EXAMPLE: &'static str = "env:GITHUB_TOKEN";
    const PATTERN: &'static str = r"^[^\x00]*$";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        // A URL such as file:///data is a value, not a reference.
        let is_reference = text.starts_with("env:")
            || (text.starts_with("file:") && !text.starts_with("file://"))
            || LATER.iter().any(|source| text.starts_with(source));
        if is_reference {
            return SecretRef::from_text(text).map(Self::Secret);
        }
        if text.contains('\0') {
            return Err(Wrong::form("contains a NUL character"));
        }
        Ok(Self::Plain(text.to_owned()))
    }
}

fn literal() -> Wrong {
    Wrong {
        code: code::SECRET_IN_FILE,
        message: Some("the secret itself is written into the file".to_owned()),
        label: "expected a reference to it".to_owned(),
        help: Some(
            "put it into an environment variable and write `env:NAME`, or into a file and write \
             `file:PATH`; if this one was ever shared, replace it"
                .to_owned(),
        ),
    }
}
