//! What is in the Parameter Store.
//!
//! In: parameters as they were read. Out: values by key, and what a push would change. Never: a
//! value in a `Debug`.

use std::collections::BTreeMap;
use std::fmt;

use aws_sdk_ssm::types::ParameterType;

/// All parameters of an application in an environment, at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    entries: BTreeMap<String, Parameter>,
}

/// A parameter.
#[derive(Clone, PartialEq, Eq)]
pub struct Parameter {
    value: String,
    kind: ParameterType,
    version: i64,
}

/// What a put would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Same,
    /// There is no such parameter.
    New,
    /// It has another value.
    Other,
    /// It is a plain `String` though its value is a secret, which a put cannot mend.
    Exposed,
}

// === impl Snapshot ===

impl Snapshot {
    /// A parameter by its key: what is behind the prefix, such as `model/default`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Parameter> {
        self.entries.get(key)
    }

    /// All of them, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Parameter)> {
        self.entries.iter().map(|(key, parameter)| (key.as_str(), parameter))
    }

    /// The values by key, for a layer of settings.
    #[must_use]
    pub fn values(&self) -> BTreeMap<String, String> {
        self.iter().map(|(key, parameter)| (key.to_owned(), parameter.value.clone())).collect()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What a put would do, without doing it.
    #[must_use]
    pub fn change(&self, key: &str, value: &str, secret: bool) -> Change {
        match self.get(key) {
            None => Change::New,
            Some(there) if secret && !there.is_secret() => Change::Exposed,
            Some(there) if there.value == value => Change::Same,
            Some(_) => Change::Other,
        }
    }

    pub(super) fn insert(&mut self, key: String, parameter: Parameter) {
        self.entries.insert(key, parameter);
    }
}

// === impl Parameter ===

impl Parameter {
    pub(super) const fn new(value: String, kind: ParameterType, version: i64) -> Self {
        Self { value, kind, version }
    }

    /// The value. What is a secret is in the clear here.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether it is a `SecureString`.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.kind == ParameterType::SecureString
    }

    /// How often it was written.
    #[must_use]
    pub const fn version(&self) -> i64 {
        self.version
    }

    pub(super) fn kind(&self) -> ParameterType {
        self.kind.clone()
    }
}

impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parameter")
            .field("kind", &self.kind.as_str())
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
