//! Secrets are references to where they are kept, never the secrets themselves.
//!
//! In: text such as `env:GH_TOKEN`. Out: the reference. It never resolves one,
//! and never repeats text that might be a secret.

use std::path::PathBuf;

use super::code;
use super::expand::is_variable;
use super::text::{FromText, Wrong};

/// What references to AWS begin with.
const SSM: &str = "ssm:";
const SECRETS_MANAGER: &str = "secretsmanager:";

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file; trailing line breaks are not part of the secret.
    File(PathBuf),
    /// AWS.
    Remote(RemoteSecret),
}

/// A secret that AWS keeps.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RemoteSecret {
    /// A parameter of Systems Manager, by name or path.
    Ssm(String),
    /// A secret of Secrets Manager.
    SecretsManager {
        /// Its name or ARN.
        id: String,
        /// The member, if it is a JSON object.
        key: Option<String>,
    },
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
    const PATTERN: &'static str = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|ssm:[A-Za-z0-9_.:/-]+|secretsmanager:[A-Za-z0-9_+=.@:/-]+(#.+)?)$";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if let Some(name) = text.strip_prefix(SSM) {
            return ssm(name).map(Self::Remote);
        }
        if let Some(name) = text.strip_prefix(SECRETS_MANAGER) {
            return secrets_manager(name).map(Self::Remote);
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
            || is_remote(text);
        if is_reference {
            return SecretRef::from_text(text).map(Self::Secret);
        }
        if text.contains('\0') {
            return Err(Wrong::form("contains a NUL character"));
        }
        Ok(Self::Plain(text.to_owned()))
    }
}

/// Whether a text refers to a secret that AWS keeps.
pub(crate) fn is_remote(text: &str) -> bool {
    text.starts_with(SSM) || text.starts_with(SECRETS_MANAGER)
}

fn ssm(name: &str) -> Result<RemoteSecret, Wrong> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.:/-".contains(c);
    if name.is_empty() || !name.chars().all(fits) {
        return Err(Wrong::form("`ssm:` is followed by the name of a parameter")
            .help("write for example `ssm:/toolgate/github`"));
    }
    Ok(RemoteSecret::Ssm(name.to_owned()))
}

fn secrets_manager(name: &str) -> Result<RemoteSecret, Wrong> {
    let (id, key) = match name.split_once('#') {
        Some((id, key)) => (id, Some(key)),
        None => (name, None),
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "_+=.@:/-".contains(c);
    if id.is_empty() || !id.chars().all(fits) || key.is_some_and(str::is_empty) {
        return Err(Wrong::form("`secretsmanager:` is followed by the name of a secret")
            .help("write for example `secretsmanager:toolgate/github` or `…#token`"));
    }
    Ok(RemoteSecret::SecretsManager { id: id.to_owned(), key: key.map(str::to_owned) })
}

// === impl SecretRef ===

impl SecretRef {
    /// Whether what is kept there may be another secret later.
    pub(crate) const fn may_change(&self) -> bool {
        matches!(self, Self::File(_) | Self::Remote(_))
    }
}

impl std::fmt::Display for RemoteSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ssm(name) => write!(f, "{SSM}{name}"),
            Self::SecretsManager { id, key: None } => write!(f, "{SECRETS_MANAGER}{id}"),
            Self::SecretsManager { id, key: Some(key) } => write!(f, "{SECRETS_MANAGER}{id}#{key}"),
        }
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
