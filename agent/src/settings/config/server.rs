//! Where the agent is served, and who may ask.
//!
//! In: the values of `server/`. Out: a [`Server`], or what is not safe. Never: an open agent beyond
//! loopback.

use std::net::SocketAddr;

use super::Reader;

/// Where it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The runtime and the page.
    pub listen: SocketAddr,
    /// Metrics.
    pub admin: Option<SocketAddr>,
    /// Host names by which it may be called.
    pub hosts: Vec<String>,
    /// Origins of pages elsewhere.
    pub origins: Vec<String>,
    /// Who may ask.
    pub access: Access,
    /// Turns at the same time.
    pub turns: usize,
}

/// Who may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody who reaches loopback, under that name.
    Open(String),
    /// Whoever shows a token that the gateway accepts.
    Token,
}

// === impl Reader ===

impl Reader<'_> {
    pub(super) fn server(&mut self) -> Server {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 8080));
        let listen: SocketAddr =
            self.text("server/listen").and_then(|text| text.parse().ok()).unwrap_or(loopback);
        let access = match self.text("server/access") {
            Some("token") => Access::Token,
            _ => Access::Open(self.owned("server/actor").unwrap_or_default()),
        };
        if matches!(access, Access::Open(_)) && !listen.ip().is_loopback() {
            self.wrong(
                "server/access",
                "it has to be `token` for an agent that listens beyond loopback",
            );
        }
        if access == Access::Token && self.text("gateway/url").is_none() {
            self.wrong(
                "gateway/url",
                "tokens are checked by the gateway, so `server/access: token` needs one",
            );
        }
        let admin = self.text("server/admin").filter(|text| *text != "off");
        let parsed = admin.map(str::parse::<SocketAddr>);
        if matches!(parsed, Some(Err(_))) {
            self.wrong("server/admin", "wanted is: address and port, or `off`");
        }
        Server {
            listen,
            admin: parsed.and_then(Result::ok),
            hosts: self.words("server/hosts"),
            origins: self.words("server/origins"),
            access,
            turns: self.number("limits/turns"),
        }
    }
}
