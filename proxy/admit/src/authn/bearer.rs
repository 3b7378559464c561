//! The bearer token of a request (RFC 6750 section 2.1), or its API key.
//!
//! Enters: the headers. Leaves: the token, borrowed. Never: a token from a query or a body, or one
//! of two.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use toolgate_telemetry::AuthResult;

use super::denial::Denial;
use super::keys::Keys;

/// Where a caller may put an API key instead.
pub(crate) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Whether there is anything that may be a token or, where keys are taken, a key.
pub(super) fn any(headers: &HeaderMap, keys: bool) -> bool {
    headers.contains_key(AUTHORIZATION) || (keys && headers.contains_key(API_KEY))
}

/// The token of the one `Authorization` header; where keys are taken, that of the one `X-Api-Key`.
///
/// Another scheme than `Bearer` counts as no token at all.
pub(super) fn presented(headers: &HeaderMap, limit: usize, keys: bool) -> Result<&str, Denial> {
    let mut all = headers.get_all(API_KEY).iter();
    let Some(value) = all.next().filter(|_| keys) else { return token(headers, limit) };
    if all.next().is_some() || headers.contains_key(AUTHORIZATION) {
        return Err(malformed("more than one of X-Api-Key and Authorization"));
    }
    let text = value.to_str().map_err(|_| malformed("the X-Api-Key header is not ASCII"))?;
    let key = text.trim_matches(' ');
    if !Keys::claims(key) {
        return Err(malformed("what X-Api-Key holds is not an API key of this gateway"));
    }
    fits(key, limit)
}

fn token(headers: &HeaderMap, limit: usize) -> Result<&str, Denial> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = all.next() else {
        return Err(Denial::missing("no Authorization header"));
    };
    if all.next().is_some() {
        return Err(malformed("more than one Authorization header"));
    }
    let text = value.to_str().map_err(|_| malformed("the Authorization header is not ASCII"))?;
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Denial::missing("the scheme of the Authorization header is not Bearer"));
    }
    let token = rest.trim_matches(' ');
    if token.is_empty() {
        return Err(malformed("the Authorization header ends after Bearer"));
    }
    fits(token, limit)
}

fn fits(token: &str, limit: usize) -> Result<&str, Denial> {
    if token.len() > limit {
        let detail = format!("the token has {} bytes; the limit is {limit}", token.len());
        return Err(Denial::invalid(AuthResult::TooLarge, detail));
    }
    Ok(token)
}

fn malformed(detail: &'static str) -> Denial {
    Denial::invalid(AuthResult::Malformed, detail)
}
