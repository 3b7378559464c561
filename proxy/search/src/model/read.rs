//! The bytes of a model, from the first to the last.
//!
//! In: bytes. Out: sizes, numbers, and views of what needs no change. Never: reads past the end.

use thiserror::Error;

/// Why bytes are not a model.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Flaw {
    /// They begin with something else.
    #[error("these bytes are not of the format of models")]
    Magic,
    /// They end in the middle.
    #[error("the model ends too early")]
    Short,
    /// They go on behind the end.
    #[error("the model goes on behind its end")]
    Long,
    /// Sizes that do not fit together, or that nobody has.
    #[error("the model has sizes that do not fit together")]
    Shape,
    /// Tokens that are not text, not sorted, or lack one that every text needs.
    #[error("the model's vocabulary is broken")]
    Vocabulary,
}

/// Where reading has got to.
#[derive(Debug)]
pub(crate) struct Reader {
    rest: &'static [u8],
}

impl Reader {
    pub(crate) fn new(bytes: &'static [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next so many bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'static [u8], Flaw> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Flaw::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next six sizes.
    pub(crate) fn sizes(&mut self) -> Result<[usize; 6], Flaw> {
        let sizes = self.whole(6)?;
        <[usize; 6]>::try_from(sizes).map_err(|_| Flaw::Short)
    }

    /// The next so many whole numbers.
    pub(crate) fn whole(&mut self, count: usize) -> Result<Vec<usize>, Flaw> {
        let (numbers, _) = self.bytes(count.checked_mul(4).ok_or(Flaw::Shape)?)?.as_chunks::<4>();
        let numbers = numbers.iter().map(|number| usize::try_from(u32::from_le_bytes(*number)));
        numbers.collect::<Result<_, _>>().map_err(|_| Flaw::Shape)
    }

    /// The next so many numbers.
    pub(crate) fn floats(&mut self, count: usize) -> Result<Vec<f32>, Flaw> {
        let (numbers, _) = self.bytes(count.checked_mul(4).ok_or(Flaw::Shape)?)?.as_chunks::<4>();
        Ok(numbers.iter().map(|number| f32::from_le_bytes(*number)).collect())
    }

    /// There is nothing left.
    pub(crate) fn end(&self) -> Result<(), Flaw> {
        if self.rest.is_empty() { Ok(()) } else { Err(Flaw::Long) }
    }
}
