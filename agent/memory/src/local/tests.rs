//! The local memory, as its users see it.
