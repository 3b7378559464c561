//! May this client have a token, and for what (RFC 6749 section 4.4)?
//!
//! Enters: a token request. Leaves: the scopes granted, or the error that Cognito would give.
//! Never: a token; a comparison of secrets that takes longer the more of it is right.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use toolgate_call::Scopes;

use super::form::{self, Form};

/// The one client that the issuer knows.
pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) scopes: Scopes,
}

/// Why there is no token (RFC 6749 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// A parameter is missing, malformed, or there twice.
    InvalidRequest,
    /// Not our client, or not its secret.
    InvalidClient,
    /// A scope that there is not.
    InvalidScope,
    /// Any grant but client credentials.
    UnsupportedGrantType,
}

/// Who a request says it is from.
struct Credentials {
    id: String,
    secret: String,
}

// === impl Problem ===

impl Problem {
    /// The error code.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidScope => "invalid_scope",
            Self::UnsupportedGrantType => "unsupported_grant_type",
        }
    }
}

// === impl Client ===

impl Client {
    /// The scopes that the request is granted.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub(super) fn grant(
        &self,
        authorization: Option<&str>,
        form: &Form,
    ) -> Result<Scopes, Problem> {
        let grant = form.get("grant_type").ok_or(Problem::InvalidRequest)?;
        if grant != "client_credentials" {
            return Err(Problem::UnsupportedGrantType);
        }
        let claimed = Credentials::find(authorization, form)?;
        // Both are compared whatever the first says.
        let id = verify_slices_are_equal(claimed.id.as_bytes(), self.id.as_bytes());
        let secret = verify_slices_are_equal(claimed.secret.as_bytes(), self.secret.as_bytes());
        if id.is_err() || secret.is_err() {
            return Err(Problem::InvalidClient);
        }
        let Some(scope) = form.get("scope") else { return Ok(self.scopes.clone()) };
        let asked: Scopes = scope.split_ascii_whitespace().collect();
        if asked.is_empty() || !self.scopes.covers(&asked) {
            return Err(Problem::InvalidScope);
        }
        Ok(asked)
    }
}

// === impl Credentials ===

impl Credentials {
    /// From the header or the body, not from both (RFC 6749 section 2.3).
    fn find(authorization: Option<&str>, form: &Form) -> Result<Self, Problem> {
        let (id, secret) = (form.get("client_id"), form.get("client_secret"));
        let Some(header) = authorization else {
            let (id, secret) = id.zip(secret).ok_or(Problem::InvalidClient)?;
            return Ok(Self { id: id.to_owned(), secret: secret.to_owned() });
        };
        if secret.is_some() {
            return Err(Problem::InvalidRequest);
        }
        let basic = Self::basic(header).ok_or(Problem::InvalidClient)?;
        if id.is_some_and(|id| id != basic.id) {
            return Err(Problem::InvalidRequest);
        }
        Ok(basic)
    }

    /// HTTP Basic, both halves escaped as in a form (RFC 6749 section 2.3.1).
    fn basic(header: &str) -> Option<Self> {
        let (scheme, encoded) = header.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (id, secret) = decoded.split_once(':')?;
        Some(Self { id: form::decode(id.as_bytes())?, secret: form::decode(secret.as_bytes())? })
    }
}
