//! Where a list goes on.
//!
//! In: a place. Out: a word that only this memory reads. Never: another actor's rows: a cursor
//! says where in a list, and whose list it is says the caller.

use crate::{MemoryError, Why};

/// Most bytes of a cursor.
const LONGEST: usize = 64;

/// Before a time and, among those of that time, before a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) at: i64,
    pub(super) id: i64,
}

// === impl Cursor ===

impl Cursor {
    /// The end of every list: where one begins.
    pub(super) const LATEST: Self = Self { at: i64::MAX, id: i64::MAX };

    /// Reads one.
    pub(super) fn read(from: Option<&str>) -> Result<Self, MemoryError> {
        from.map_or(Ok(Self::LATEST), |word| {
            Self::parse(word).ok_or_else(|| {
                MemoryError::new(Why::NotSupported, "the cursor is none of this memory")
            })
        })
    }

    /// As it is handed out.
    pub(super) fn word(self) -> String {
        format!("v1-{:x}-{:x}", self.at.cast_unsigned(), self.id.cast_unsigned())
    }

    fn parse(word: &str) -> Option<Self> {
        if word.len() > LONGEST {
            return None;
        }
        let (at, id) = word.strip_prefix("v1-")?.split_once('-')?;
        let number = |hex: &str| u64::from_str_radix(hex, 16).ok().map(u64::cast_signed);
        Some(Self { at: number(at)?, id: number(id)? })
    }
}
