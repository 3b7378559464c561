//! One JSON value, kept as the bytes it came in.
//!
//! Enters: bytes that a parser has accepted as one JSON value. Leaves: the same bytes, cheap to
//! clone. Never: a re-serialised value (key order, number spelling and unknown fields survive).

use bytes::Bytes;
use serde_json::value::RawValue;

/// The bytes of exactly one JSON value.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RawJson(Bytes);

// === impl RawJson ===

impl RawJson {
    /// The value `raw`, which a parser borrowed from `buffer`, without copying.
    ///
    /// A value that does not point into `buffer` is copied instead.
    #[must_use]
    pub fn borrowed(buffer: &Bytes, raw: &RawValue) -> Self {
        let text = raw.get().as_bytes();
        let (start, from) = (buffer.as_ptr() as usize, text.as_ptr() as usize);
        let inside = from >= start && from + text.len() <= start + buffer.len();
        if inside { Self(buffer.slice_ref(text)) } else { Self(Bytes::copy_from_slice(text)) }
    }

    /// A literal of our own. The caller promises that it is one JSON value.
    #[must_use]
    pub const fn literal(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// Bytes that were built as one JSON value.
    #[must_use]
    pub const fn built(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The value as JSON.
    ///
    /// # Errors
    /// When the value cannot be written as JSON (a map with keys that are not strings).
    pub fn of<T: serde::Serialize>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_vec(value).map(|bytes| Self(bytes.into()))
    }

    /// A JSON string.
    #[must_use]
    pub fn string(text: &str) -> Self {
        Self(serde_json::Value::from(text).to_string().into())
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, shared.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// The length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes (never so for a value that was parsed).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the value into a type.
    ///
    /// # Errors
    /// When the value has another shape.
    pub fn parse<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.0)
    }
}

impl std::fmt::Debug for RawJson {
    /// Sizes only: arguments and results do not belong in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RawJson({} B)", self.0.len())
    }
}
