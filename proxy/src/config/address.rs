//! Addresses, URLs, origins and host names.
//!
//! In: the text of a value. Out: the typed value. It never resolves a name.

use std::net::{IpAddr, SocketAddr};

use http::Uri;
use http::uri::Authority;

use super::code;
use super::text::{FromText, Wrong};

/// An address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) SocketAddr);

/// The admin address; `None` is `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Admin(pub(crate) Option<SocketAddr>);

/// An absolute `http` or `https` URL without user, password or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpUrl {
    /// Exactly as written: issuers are compared by character (RFC 8414 section 2).
    pub(crate) text: String,
    pub(crate) uri: Uri,
}

/// A web origin (RFC 6454): scheme, host and port, nothing after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin(pub(crate) String);

/// A value of the `Host` header: a name or address, perhaps with a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host(pub(crate) String);

// === impl HttpUrl ===

impl HttpUrl {
    /// Whether the connection leaves this machine unencrypted.
    pub(crate) fn is_exposed(&self) -> bool {
        self.uri.scheme_str() == Some("http") && !self.uri.host().is_some_and(is_loopback)
    }

    /// Whether it names a server and nothing on it.
    pub(crate) fn is_origin(&self) -> bool {
        self.uri.path() == "/" && self.uri.query().is_none()
    }
}

impl FromText for HttpUrl {
    const NAME: &'static str = "HttpUrl";
    const WHAT: &'static str = "a URL";
    const EXAMPLE: &'static str = "https://mcp.example.com/mcp";
    const PATTERN: &'static str = r"^https?://\S+$";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if !text.contains("://") {
            return Err(Wrong::form("no scheme").help("start with `https://`, or `http://`"));
        }
        let uri: Uri = text.parse().map_err(|_| Wrong::form("not an absolute URL"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(Wrong::form("the scheme is not `http` or `https`"));
        }
        if text.contains('#') {
            return Err(Wrong::form("has a fragment").help("remove everything from the `#` on"));
        }
        let authority = uri.authority().ok_or_else(|| Wrong::form("no host"))?;
        if authority.as_str().contains('@') {
            return Err(Wrong {
                code: code::SECRET_IN_FILE,
                message: Some("a URL carries a user or password".to_owned()),
                label: "contains credentials".to_owned(),
                help: Some("remove everything up to the `@`; use `credentials`".to_owned()),
            });
        }
        check_authority(authority)?;
        Ok(Self { text: text.to_owned(), uri })
    }
}

// === impl Address ===

impl FromText for Address {
    const NAME: &'static str = "Address";
    const WHAT: &'static str = "an address with a port";
    const EXAMPLE: &'static str = "127.0.0.1:8800";
    const PATTERN: &'static str = r"^\S+:[0-9]{1,5}$";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        socket(text).map(Self)
    }
}

// === impl Admin ===

impl FromText for Admin {
    const NAME: &'static str = "AdminAddress";
    const WHAT: &'static str = "an address with a port, or `off`";
    const EXAMPLE: &'static str = "127.0.0.1:9464";
    const PATTERN: &'static str = r"^(off|\S+:[0-9]{1,5})$";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if text == "off" { Ok(Self(None)) } else { socket(text).map(|at| Self(Some(at))) }
    }
}

// === impl Origin ===

impl FromText for Origin {
    const NAME: &'static str = "Origin";
    const WHAT: &'static str = "an origin";
    const EXAMPLE: &'static str = "https://app.example.com";
    const PATTERN: &'static str = r"^https?://[^/\s]+$";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if text == "*" || text == "null" {
            return Err(Wrong::form("would let any web page call the gateway")
                .help("list the origins of your own pages"));
        }
        let url = HttpUrl::from_text(text)?;
        let authority = url.uri.authority().map(Authority::as_str).unwrap_or_default();
        let scheme = url.uri.scheme_str().unwrap_or_default();
        let bare = format!("{scheme}://{authority}");
        if bare.to_ascii_lowercase() != text {
            let help = "write scheme, host and port in lower case, nothing after, not even `/`";
            return Err(Wrong::form("more than scheme, host and port").help(help));
        }
        Ok(Self(bare))
    }
}

// === impl Host ===

impl FromText for Host {
    const NAME: &'static str = "Host";
    const WHAT: &'static str = "a host name";
    const EXAMPLE: &'static str = "gw.example.com";
    const PATTERN: &'static str = r"^[^/@*\s]+$";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if text.contains('*') {
            return Err(Wrong::form("wildcards are not taken").help("list the names one by one"));
        }
        if text.contains('/') || text.contains('@') {
            return Err(Wrong::form("more than a name and a port"));
        }
        let authority: Authority = text.parse().map_err(|_| Wrong::form("not a host name"))?;
        check_authority(&authority)?;
        Ok(Self(text.to_owned()))
    }
}

/// Whether `host` (as in a URL) is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => bare.eq_ignore_ascii_case("localhost"),
    }
}

/// The URI library takes `host:` and `host:99999`; nobody means either.
fn check_authority(authority: &Authority) -> Result<(), Wrong> {
    let after_host = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
    match after_host.strip_prefix(':') {
        None if authority.host().is_empty() => Err(Wrong::form("no host")),
        None => Ok(()),
        Some(port) if port.parse::<u16>().is_ok_and(|port| port > 0) => Ok(()),
        Some(_) => Err(Wrong::form("the port is not between 1 and 65535")),
    }
}

fn socket(text: &str) -> Result<SocketAddr, Wrong> {
    text.parse().map_err(|_| match text.rsplit_once(':') {
        Some(("localhost", port)) => {
            Wrong::form("a name, not an address").help(format!("write `127.0.0.1:{port}`"))
        }
        Some(("" | "*", port)) => Wrong::form("no address").help(format!(
            "write `127.0.0.1:{port}`, or `0.0.0.0:{port}` to be reachable by others"
        )),
        Some(_) => Wrong::form("not an IP address and a port"),
        None => Wrong::form("no port"),
    })
}
