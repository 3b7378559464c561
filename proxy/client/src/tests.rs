//! The client against a server that answers as scripted.

mod server;

mod listen;
mod oauth;
mod older;
mod wire;
