//! What a caller without a good enough token is told about getting one.
//!
//! Enters: the configuration, once; a refusal, each time. Leaves: `WWW-Authenticate` (RFC 6750
//! section 3, RFC 9728 section 5.1) and the protected resource metadata (RFC 9728 section 2).
//! Never: why a token was refused.

use bytes::Bytes;
use http::HeaderValue;
use serde_json::json;
use toolgate_call::{Case, Refusal, Scopes};

use super::config::{AuthConfig, ConfigError};

/// What the callers of one resource are told (of the gateway as a whole, or of a server): its
/// challenges and its metadata, made once.
#[derive(Debug)]
pub(super) struct Told {
    missing: HeaderValue,
    invalid: HeaderValue,
    metadata_url: String,
    scopes: Scopes,
    /// The protected resource metadata, JSON.
    pub(super) metadata: Bytes,
}

/// A resource.
struct Resource<'a> {
    uri: &'a str,
    metadata_url: &'a str,
    scopes: Scopes,
}

// === impl Told ===

impl Told {
    /// What there is to tell of the gateway as a whole, and then of each server.
    ///
    /// # Errors
    /// A URL or a scope that cannot stand in a header.
    pub(super) fn all(config: &AuthConfig) -> Result<Vec<Self>, ConfigError> {
        let (uri, metadata_url) = (&*config.resource, &*config.metadata_url);
        let whole = Resource { uri, metadata_url, scopes: config.gateway_scopes.clone() };
        let servers = config.servers.iter().map(|server| Resource {
            uri: &server.resource,
            metadata_url: &server.metadata_url,
            scopes: config.gateway_scopes.union(&server.scopes),
        });
        let all = std::iter::once(whole).chain(servers);
        all.map(|resource| Self::of(config, resource)).collect()
    }

    fn of(config: &AuthConfig, resource: Resource<'_>) -> Result<Self, ConfigError> {
        let Resource { uri, metadata_url: url, scopes } = resource;
        if !url.bytes().all(is_uri_byte) {
            let problem = format!("the metadata URL `{url}` has characters a URL cannot have");
            return Err(ConfigError::new(problem));
        }
        if !scopes.iter().all(is_scope) {
            let problem = "a gateway scope has characters that scopes cannot have (RFC 6749, 3.3)";
            return Err(ConfigError::new(problem));
        }
        let header = |error| {
            HeaderValue::from_str(&challenge(error, url, &scopes))
                .map_err(|_| ConfigError::new("a scope or the metadata URL is not ASCII"))
        };
        Ok(Self {
            missing: header(None)?,
            invalid: header(Some("invalid_token"))?,
            metadata: metadata(config, uri, &scopes),
            metadata_url: url.to_owned(),
            scopes,
        })
    }

    /// The challenge that goes with a refusal; `None` where another token would not help.
    pub(super) fn answer(&self, refusal: &Refusal) -> Option<HeaderValue> {
        let case = refusal.case();
        if case == Case::TokenMissing {
            Some(self.missing.clone())
        } else if case == Case::TokenInvalid {
            Some(self.invalid.clone())
        } else if case == Case::ScopeMissing {
            self.insufficient(refusal.scopes().unwrap_or(&self.scopes))
        } else {
            None
        }
    }

    /// Names every scope of the operation in one challenge, so that one new token is enough.
    fn insufficient(&self, needed: &Scopes) -> Option<HeaderValue> {
        let needed: Scopes = needed.iter().filter(|scope| is_scope(scope)).collect();
        let text = challenge(Some("insufficient_scope"), &self.metadata_url, &needed);
        HeaderValue::from_str(&text).ok()
    }
}

fn metadata(config: &AuthConfig, resource: &str, scopes: &Scopes) -> Bytes {
    let servers: Vec<&str> = config.issuers.iter().map(|issuer| &*issuer.issuer).collect();
    let scopes: Vec<&str> = scopes.iter().collect();
    let mut document = json!({
        "resource": resource,
        "authorization_servers": servers,
        "scopes_supported": scopes,
        "bearer_methods_supported": ["header"],
    });
    // It is optional, and where there is none, there are only API keys.
    if let Some(members) = document.as_object_mut().filter(|_| servers.is_empty()) {
        members.remove("authorization_servers");
    }
    Bytes::from(document.to_string())
}

fn challenge(error: Option<&str>, metadata_url: &str, scopes: &Scopes) -> String {
    let mut text = String::from("Bearer ");
    if let Some(error) = error {
        text.push_str(&format!("error=\"{error}\", "));
    }
    text.push_str(&format!("resource_metadata=\"{metadata_url}\""));
    if !scopes.is_empty() {
        text.push_str(&format!(", scope=\"{scopes}\""));
    }
    text
}

/// RFC 6749 section 3.3: what a scope is made of. Leaves out what could end the quoted string.
fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

fn is_uri_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'
}
