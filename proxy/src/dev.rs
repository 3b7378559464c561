//! What only `toolgate dev` needs.
//!
//! Enters: nothing. Leaves: an issuer on loopback. Never: part of `serve`.

pub mod issuer;
