//! A bearer token (RFC 6750), and what can be read in it.
//!
//! Enters: text. Leaves: a header that is marked as sensitive. Never: the token in a debug form;
//! never a claim taken for the truth, since no signature is checked here.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use serde::Deserialize;

/// A token that can stand in a header and, within quotes, in a shell.
#[derive(Clone)]
pub struct Bearer {
    text: String,
    header: HeaderValue,
}

/// What a token says about itself (RFC 7519). Unverified.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Claims {
    /// When it expires, in seconds since 1970.
    #[serde(default)]
    pub exp: Option<f64>,
    /// Whom it is about.
    #[serde(default)]
    pub sub: Option<String>,
    /// The client it was issued to.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Its scopes, separated by spaces.
    #[serde(default)]
    pub scope: Option<String>,
}

// === impl Bearer ===

impl Bearer {
    /// Takes a token; white space around it is dropped. `None` when it has characters that no
    /// bearer token can have (RFC 6750 section 2.1, `b64token`).
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if text.is_empty() || !text.bytes().all(is_token) {
            return None;
        }
        let mut header = HeaderValue::try_from(format!("Bearer {text}")).ok()?;
        header.set_sensitive(true);
        Some(Self { text: text.to_owned(), header })
    }

    /// The token itself. For `toolgate token` only, whose purpose is to print it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The value of `Authorization`.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// What the token says, if it is a JWT.
    #[must_use]
    pub fn claims(&self) -> Option<Claims> {
        let mut parts = self.text.split('.');
        let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(redacted)")
    }
}
