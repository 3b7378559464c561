//! The terminal as a face.
//!
//! Enters: events of a turn, lines that somebody types. Leaves: text for people. Never: a control
//! character of a model or a tool, which could steer the terminal; a colour where nobody sees it.

mod chat;
mod report;
mod talk;
mod words;

#[cfg(test)]
mod tests;

pub use chat::Chat;
pub use report::{json, times};
pub use talk::{Talk, Told};
pub use words::{Look, plain};
