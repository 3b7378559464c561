//! What search finds, and what its model makes of texts.

#[cfg(feature = "model")]
mod model;
