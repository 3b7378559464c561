//! Who remembers, and in which conversation.
//!
//! In: names from tokens and callers. Out: names that are safe to keep apart. Never: a
//! name that is empty, too long, or holds a control character.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest name, in bytes (AgentCore's session ids have at most 256).
const LONGEST: usize = 256;

/// Whose memory it is: the subject of a verified token, whatever characters it has. Backends that
/// make paths of it have to encode it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Actor(Arc<str>);

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Session(Arc<str>);

/// A name that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It is longer than 256 bytes.
    #[error("it is longer than {LONGEST} bytes")]
    Long,
    /// It holds a control character.
    #[error("it holds a control character")]
    Control,
}

fn checked(name: &str) -> Result<Arc<str>, BadName> {
    match name {
        "" => Err(BadName::Empty),
        long if long.len() > LONGEST => Err(BadName::Long),
        odd if odd.chars().any(char::is_control) => Err(BadName::Control),
        good => Ok(good.into()),
    }
}

/// Names are made, read and shown alike.
macro_rules! name {
    ($name:ident) => {
        impl $name {
            /// A name, if it can be one.
            ///
            /// # Errors
            /// What is wrong with it.
            pub fn new(name: &str) -> Result<Self, BadName> {
                checked(name).map(Self)
            }

            /// The name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;

            fn try_from(name: String) -> Result<Self, BadName> {
                Self::new(&name)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(Actor);
name!(Session);
