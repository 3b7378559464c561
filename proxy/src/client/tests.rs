//! The client against a server that answers as scripted.

pub(crate) mod server;

mod oauth;
mod wire;
