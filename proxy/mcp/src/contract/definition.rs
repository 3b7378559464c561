//! A definition, and its hash.
//!
//! Enters: a tool as its target described it, every member of it. Leaves: SHA-256 over its canonical
//! form, and its value. Never: a member left out: `_meta`, icons and members that nobody knows are
//! read by somebody too.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;

use super::canonical::canonical;
use super::strict::read_once;

/// SHA-256 over a canonical form.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

/// Why a definition has no canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(String);

/// A tool as its target describes it.
#[derive(Clone, Debug)]
pub struct Definition {
    hash: Digest,
    value: Result<Value, Unreadable>,
}

// === impl Digest ===

impl Digest {
    fn of(bytes: &[u8]) -> Self {
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
            *to = *from;
        }
        Self(hash)
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut hash = [0; 32];
        if text.len() != 64 || !text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(());
        }
        for (at, byte) in hash.iter_mut().enumerate() {
            let pair = text.get(2 * at..2 * at + 2).ok_or(())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| ())?;
        }
        Ok(Self(hash))
    }
}

// === impl Definition ===

impl Definition {
    /// Reads one. What has no canonical form (a member twice, a number that no double holds) is hashed
    /// byte by byte, and differs from everything.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        match read_once(bytes) {
            Ok(value) => Self::of(value),
            Err(error) => {
                Self { hash: Digest::of(bytes), value: Err(Unreadable(error.to_string())) }
            }
        }
    }

    /// One that is a value already.
    #[must_use]
    pub fn of(value: Value) -> Self {
        Self { hash: Digest::of(&canonical(&value)), value: Ok(value) }
    }

    /// Its hash.
    #[must_use]
    pub const fn hash(&self) -> Digest {
        self.hash
    }

    /// What it says.
    ///
    /// # Errors
    /// Why it has no canonical form.
    pub const fn value(&self) -> Result<&Value, &Unreadable> {
        self.value.as_ref()
    }
}

// === impl Unreadable ===

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreadable {}
