//! What the end-to-end tests and the benchmark stand on: peers of the gateway that do as they are
//! told, and the gateway itself as a process.

pub mod client;
pub mod collector;
pub mod emulator;
pub mod gateway;
pub mod herald;
pub mod hook;
pub mod issuer;
pub mod process;
pub mod scrape;
pub mod sick;
pub mod upstream;
pub mod wait;
