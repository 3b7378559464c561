//! Search by meaning and by words, over tools or over what an agent remembers.
//!
//! Enters: entries, each with a key, a title, a text and terms; questions in everyday language.
//! Leaves: the keys of the entries that answer best, with scores. Never: asks the network, reads a
//! file, starts a thread, keeps a question; grows past its limits.
//!
//! The parts: a [`Model`] makes vectors of texts, an [`Embedder`] remembers those that it made, and
//! an [`Index`] ranks. An index without an embedder ranks by words alone, and so does one whose
//! entries have not been embedded yet: [`Index::insert`] is cheap, [`Index::embed`] is not. [`Notes`]
//! only say how near each of many texts is, for those who rank by more than that.

mod embedder;
mod entry;
mod everyday;
mod index;
mod model;
mod notes;
mod rank;
mod words;

#[cfg(test)]
mod tests;

pub use embedder::{Embedder, likeness};
pub use entry::Entry;
pub use index::{Full, Index, Limits, Ranking};
pub use model::{Flaw, Model};
pub use notes::{Near, Notes};
pub use rank::Hit;
pub use words::{telling, words};
