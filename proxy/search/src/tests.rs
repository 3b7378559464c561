//! What search finds, and what its model makes of texts.

mod curve;
mod index;
mod notes;
mod wide;
mod words;

#[cfg(feature = "model")]
mod labelled;
#[cfg(feature = "model")]
mod meaning;
#[cfg(feature = "model")]
mod model;
