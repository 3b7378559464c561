//! What `toolgate call` prints and how it exits.

mod endings;
mod parts;
mod picture;
pub(crate) mod stage;
mod typed;
