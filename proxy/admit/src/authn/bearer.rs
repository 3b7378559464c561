//! The bearer token of a request (RFC 6750 section 2.1).
//!
//! Enters: the headers. Leaves: the token, borrowed. Never: a token from a query or a body, or one
//! of two.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use toolgate_telemetry::AuthResult;

use super::denial::Denial;

/// The token of the one `Authorization` header.
///
/// Another scheme than `Bearer` counts as no token at all.
pub(super) fn token(headers: &HeaderMap, limit: usize) -> Result<&str, Denial> {
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
    if token.len() > limit {
        let detail = format!("the token has {} bytes; the limit is {limit}", token.len());
        return Err(Denial::invalid(AuthResult::TooLarge, detail));
    }
    Ok(token)
}

fn malformed(detail: &'static str) -> Denial {
    Denial::invalid(AuthResult::Malformed, detail)
}
