//! The `Mcp-*` headers: claims that the body must confirm.
//!
//! Enters: headers and the values of the body. Leaves: agreement, or `HeaderMismatch` (-32020;
//! streamable-http, "Request Headers"). Never: a header as the sole ground of a decision.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use toolgate_call::{Case, Mirrored, Refusal};

/// `MCP-Protocol-Version`.
pub(crate) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// `Mcp-Session-Id`.
pub(crate) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// `Mcp-Method`.
pub(super) const METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// `Mcp-Name`.
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// What the names of mirrored arguments begin with.
const PARAM: &str = "mcp-param-";

/// What surrounds a value that could not stand in a header as it is.
const SENTINEL: (&str, &str) = ("=?base64?", "?=");

/// The value of a header that may be missing but must not come twice.
pub(super) fn optional<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(mismatch(&format!("the header {name} comes twice")));
    }
    match first.to_str() {
        Ok(text) => Ok(Some(text.trim_matches([' ', '\t']))),
        Err(_) => Err(mismatch(&format!("the header {name} is not plain ASCII"))),
    }
}

/// A header that must be there and say the same as the body.
pub(super) fn require(headers: &HeaderMap, name: &HeaderName, body: &str) -> Result<(), Refusal> {
    match optional(headers, name)? {
        Some(text) if text == body => Ok(()),
        Some(_) => Err(mismatch(&format!("the header {name} differs from the body"))),
        None => Err(mismatch(&format!("the header {name} is missing"))),
    }
}

/// `Mcp-Name`, which may be encoded.
pub(super) fn require_name(headers: &HeaderMap, body: &str) -> Result<(), Refusal> {
    let Some(text) = optional(headers, &NAME)? else {
        return Err(mismatch("the header mcp-name is missing"));
    };
    if plain(text)? == body {
        return Ok(());
    }
    Err(mismatch("the header mcp-name differs from the body"))
}

/// Arguments that stand in headers as well (`Mcp-Param-*`), as they came: which of them must agree
/// with the body is known once the tool is.
pub(super) fn mirrored(headers: &HeaderMap) -> Vec<Mirrored> {
    let named = headers.iter().filter_map(|(name, value)| {
        let value = value.to_str().ok().map(|text| text.trim_matches([' ', '\t']).into());
        Some(Mirrored { name: name.as_str().strip_prefix(PARAM)?.into(), value })
    });
    named.collect()
}

/// Undoes the Base64 sentinel; a value that lacks either end of it is literal.
fn plain(text: &str) -> Result<Cow<'_, str>, Refusal> {
    let inner = text.strip_prefix(SENTINEL.0).and_then(|rest| rest.strip_suffix(SENTINEL.1));
    let Some(inner) = inner else { return Ok(Cow::Borrowed(text)) };
    let bytes = STANDARD.decode(inner).ok();
    let decoded = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.map(Cow::Owned).ok_or_else(|| mismatch("the header mcp-name is not valid Base64"))
}

fn mismatch(why: &str) -> Refusal {
    Refusal::new(Case::HeaderMismatch, format!("header mismatch: {why}"))
}
