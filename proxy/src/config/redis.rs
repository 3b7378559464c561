//! Where a Redis is.
//!
//! In: the text of a value. Out: host, port, number of the database, and whether it is spoken to by TLS.
//! It never takes a password: that is a secret, and has a key of its own.

use http::Uri;

use super::address::is_loopback;
use super::code;
use super::text::{FromText, Wrong};

/// The port when the URL names none.
const PORT: u16 = 6379;

/// `redis://HOST[:PORT][/DATABASE]`, or `rediss://` for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RedisUrl {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: u16,
    pub(crate) tls: bool,
}

// === impl RedisUrl ===

impl RedisUrl {
    /// Whether the connection leaves this machine unencrypted.
    pub(crate) fn is_exposed(&self) -> bool {
        !self.tls && !is_loopback(&self.host)
    }
}

impl FromText for RedisUrl {
    const NAME: &'static str = "RedisUrl";
    const WHAT: &'static str = "the URL of a Redis";
    const EXAMPLE: &'static str = "rediss://cache.example.com:6379";
    const PATTERN: &'static str = r"^rediss?://\S+$";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let uri: Uri = text.parse().map_err(|_| Wrong::form("not an absolute URL"))?;
        let tls = match uri.scheme_str() {
            Some("rediss") => true,
            Some("redis") => false,
            _ => {
                return Err(Wrong::form("the scheme is not `rediss` or `redis`")
                    .help("start with `rediss://`, or `redis://` without TLS"));
            }
        };
        let authority = uri.authority().ok_or_else(|| Wrong::form("no host"))?;
        if authority.as_str().contains('@') {
            return Err(Wrong {
                code: code::SECRET_IN_FILE,
                message: Some("a URL carries a user or password".to_owned()),
                label: "contains credentials".to_owned(),
                help: Some("remove everything up to the `@`; use `user` and `password`".to_owned()),
            });
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(Wrong::form("no host"));
        }
        let port = match authority.as_str().strip_prefix(authority.host()) {
            None | Some("") => PORT,
            Some(after) => (after.trim_start_matches(':').parse().ok().filter(|port| *port > 0))
                .ok_or_else(|| Wrong::form("the port is not between 1 and 65535"))?,
        };
        let database = match uri.path().trim_start_matches('/') {
            "" => Some(0),
            number => number.parse().ok(),
        };
        let database = database
            .filter(|_| uri.query().is_none() && !text.contains('#'))
            .ok_or_else(|| Wrong::form("more than host, port and the number of a database"))?;
        Ok(Self { host: host.to_owned(), port, database, tls })
    }
}
