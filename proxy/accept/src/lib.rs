//! Sockets in, HTTP requests out.
//!
//! Enters: connections on a listener, over TLS or not. Leaves: requests for the service, each with the
//! `Peer` it came from and what its caller's certificate says. Never: looks at a body; never accepts more connections than its limit.

mod listener;
mod local;
mod socket;
mod tls;

mod answer;
mod pace;

mod lanes;

mod drain;

pub use drain::{Drain, Drained, drain};
pub use lanes::Lanes;
pub use listener::{AcceptConfig, Listening, serve};
pub use local::{LocalStream, serve_local};
pub use pace::Patience;
pub use tls::{
    BadTls, ClientAuth, Material, MinVersion, Tls, TlsFile, TlsRules, TlsText, read_certificate,
};

#[cfg(test)]
mod tests;
