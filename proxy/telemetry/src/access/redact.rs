//! Cuts what looks like a credential out of text for the log.
//!
//! Enters: text of unknown origin. Leaves: the same, with JSON Web Tokens and bearer credentials
//! replaced. Never: a promise that all secrets are found; it is the last net, not the first.

use std::borrow::Cow;

/// What stands where a credential stood.
const REDACTED: &str = "[redacted]";

/// How the header of every JSON Web Token begins: `{"` in base64url.
const JWT: &[u8] = b"eyJ";

/// The word before a credential in an `Authorization` header (RFC 6750).
const BEARER: &[u8] = b"bearer ";

/// Replaces every credential in the text, in one pass over it.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    let (mut clean, mut kept, mut at) = (String::new(), 0, 0);
    while let Some(rest) = text.as_bytes().get(at..).filter(|rest| !rest.is_empty()) {
        let start = at + if begins_bearer(rest) { BEARER.len() } else { 0 };
        if start == at && !rest.starts_with(JWT) {
            at += 1;
            continue;
        }
        let secret = text.as_bytes().get(start..).unwrap_or_default();
        let length = secret.iter().take_while(|byte| in_token(**byte)).count();
        at = start + length;
        if length > 0 {
            clean.push_str(text.get(kept..start).unwrap_or_default());
            clean.push_str(REDACTED);
            kept = at;
        }
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    clean.push_str(text.get(kept..).unwrap_or_default());
    Cow::Owned(clean)
}

fn begins_bearer(text: &[u8]) -> bool {
    text.get(..BEARER.len()).is_some_and(|word| word.eq_ignore_ascii_case(BEARER))
}

/// The characters of a token (RFC 6750 section 2.1, `b64token`), and `%` for an encoded one.
const fn in_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=' | b'%')
}
