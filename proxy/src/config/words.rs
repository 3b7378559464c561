//! Short texts with a grammar of their own: scopes, header names, log sinks.
//!
//! In: the text of a value. Out: the typed value. It never normalises: what is
//! taken is what was written.

use std::path::PathBuf;

use http::HeaderName;
use toolgate_mcp::Pattern;

use super::text::{FromText, Wrong};

/// Headers the gateway writes itself, or that frame the message (RFC 9110, MCP transports).
const RESERVED: &[&str] = &[
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "last-event-id",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// An OAuth scope token (RFC 6749 section 3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope(pub(crate) String);

/// A header that may carry a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeaderText(pub(crate) HeaderName);

/// Where the access log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLog {
    /// Standard error, the default.
    Stderr,
    /// Standard output.
    Stdout,
    /// Nowhere.
    Off,
    /// Appended to this file.
    File(PathBuf),
}

/// A namespace of CloudWatch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Namespace(pub(crate) String);

/// Where lines of the Embedded Metric Format go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmfFile {
    /// Standard output, the default.
    Stdout,
    /// Appended to this file.
    File(PathBuf),
}

impl FromText for Scope {
    const NAME: &'static str = "Scope";
    const WHAT: &'static str = "a scope";
    const EXAMPLE: &'static str = "gateway/invoke";
    const PATTERN: &'static str = r"^[\x21\x23-\x5B\x5D-\x7E]+$";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if text.contains(' ') {
            return Err(Wrong::form("contains a space").help("write one scope per item: `[a, b]`"));
        }
        let allowed = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
        if text.is_empty() || !text.chars().all(allowed) {
            return Err(Wrong::form("empty, or a character no scope may have"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromText for Pattern {
    const NAME: &'static str = "Pattern";
    const WHAT: &'static str = "a pattern of names";
    const EXAMPLE: &'static str = "k8s___get_*";
    const PATTERN: &'static str = r"^[^\s\[\]^|]{1,512}$";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let help = "write names in full, with `*` for any run of characters: `k8s___get_*`";
        Self::parse(text).map_err(|unfit| Wrong::form(&unfit.to_string()).help(help))
    }
}

impl FromText for HeaderText {
    const NAME: &'static str = "HeaderName";
    const WHAT: &'static str = "a header name for a credential";
    const EXAMPLE: &'static str = "Authorization";
    const PATTERN: &'static str = "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let name = HeaderName::from_bytes(text.as_bytes())
            .map_err(|_| Wrong::form("not a header name (RFC 9110)"))?;
        if RESERVED.contains(&name.as_str()) || name.as_str().starts_with("mcp-") {
            return Err(Wrong::form("the gateway sets this header itself")
                .help("name the header the target reads its credential from"));
        }
        Ok(Self(name))
    }
}

impl FromText for AccessLog {
    const NAME: &'static str = "AccessLog";
    const WHAT: &'static str = "a place for the access log";
    const EXAMPLE: &'static str = "file:/var/log/toolgate/access.log";
    const PATTERN: &'static str = r"^(stderr|stdout|off|file:.+)$";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        match text {
            "stderr" => Ok(Self::Stderr),
            "stdout" => Ok(Self::Stdout),
            "off" => Ok(Self::Off),
            other => match other.strip_prefix("file:") {
                Some(path) if !path.trim().is_empty() => Ok(Self::File(PathBuf::from(path))),
                Some(_) | None => Err(Wrong::form("expected `stderr`, `stdout`, `off` or a file")
                    .help(format!("a file is written `{}`", Self::EXAMPLE))),
            },
        }
    }
}

impl FromText for Namespace {
    const NAME: &'static str = "Namespace";
    const WHAT: &'static str = "a namespace of CloudWatch";
    const EXAMPLE: &'static str = "DevOpsAgent";
    const PATTERN: &'static str = "^[A-Za-z0-9._/#-]{1,255}$";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._/#-".contains(c);
        if text.is_empty() || text.len() > 255 || !text.chars().all(allowed) {
            return Err(Wrong::form("expected up to 255 letters, digits and `._/#-`"));
        }
        if text.starts_with("AWS/") {
            return Err(Wrong::form("`AWS/` begins the namespaces of AWS's own services"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromText for EmfFile {
    const NAME: &'static str = "EmfFile";
    const WHAT: &'static str = "a place for lines of metrics";
    const EXAMPLE: &'static str = "file:/var/log/toolgate/metrics.log";
    const PATTERN: &'static str = r"^(stdout|file:.+)$";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        match (text, text.strip_prefix("file:")) {
            ("stdout", _) => Ok(Self::Stdout),
            (_, Some(path)) if !path.trim().is_empty() => Ok(Self::File(PathBuf::from(path))),
            (_, Some(_) | None) => Err(Wrong::form("expected `stdout` or a file")
                .help(format!("a file is written `{}`", Self::EXAMPLE))),
        }
    }
}
