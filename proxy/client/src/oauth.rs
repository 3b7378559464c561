//! A token by client credentials (RFC 6749 section 4.4).
//!
//! Enters: a token endpoint, or an issuer whose discovery names it; a client and scopes. Leaves: a
//! bearer token. Never: a secret in a URL, an error or a debug form; a token endpoint in the clear
//! that an `https` issuer names.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use serde::Deserialize;

use super::bearer::Bearer;
use super::failure::Failure;
use super::transport::{Transport, absolute, causes};

/// The largest document of an issuer that is read, in bytes.
const MOST_BYTES: usize = 256 * 1024;

/// Where an issuer's discovery document may be (OpenID Connect Discovery 1.0; RFC 8414).
const DISCOVERY: [&str; 2] =
    ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];

/// A client of an issuer.
#[derive(Clone)]
pub struct ClientCredentials {
    /// The token endpoint.
    pub token_url: String,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: String,
}

/// A token and what the issuer said about it.
#[derive(Clone, Debug)]
pub struct Token {
    /// The token.
    pub bearer: Bearer,
    /// How long it is good for, in seconds, if the issuer says.
    pub expires_in: Option<u64>,
    /// The scopes granted, if the issuer says; else those asked for.
    pub scope: Option<String>,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The issuer could not be asked, or did not answer.
    #[error("the issuer did not answer: {0}")]
    Unanswered(#[from] Failure),
    /// The issuer did not answer in time.
    #[error("{url} did not answer within {after:?}")]
    TimedOut {
        /// Where it was asked.
        url: String,
        /// The time it had.
        after: Duration,
    },
    /// The issuer said no (RFC 6749 section 5.2).
    #[error("the issuer refused a token: {error}{}", .description.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Refused {
        /// The error code.
        error: String,
        /// What the issuer says about it.
        description: Option<String>,
    },
    /// What answered is not an issuer.
    #[error("{url} answered {status}, but not as an issuer does")]
    NotAnIssuer {
        /// Where it was asked.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The discovery document is of another issuer, or leads into the clear.
    #[error("the discovery document at {url} cannot be trusted: {problem}")]
    Discovery {
        /// Where it is.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: String,
    #[serde(default)]
    expires_in: Option<u64>,
    #[serde(default)]
    scope: Option<String>,
}

#[derive(Deserialize)]
struct Denied {
    error: String,
    #[serde(default)]
    error_description: Option<String>,
}

#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    token_endpoint: String,
}

// === impl ClientCredentials ===

impl ClientCredentials {
    /// Asks for a token. No scopes: those that the issuer gives by default.
    ///
    /// # Errors
    /// Every [`TokenError`] but [`TokenError::Discovery`].
    pub async fn token(&self, scopes: &[String], patience: Duration) -> Result<Token, TokenError> {
        let url = absolute(&self.token_url)?;
        let mut form = "grant_type=client_credentials".to_owned();
        if !scopes.is_empty() {
            form.push_str("&scope=");
            form.push_str(&escape(&scopes.join(" ")));
        }
        let request = Request::post(url.clone())
            .header(AUTHORIZATION, self.basic())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, super::AGENT)
            .body(Full::from(form))
            .map_err(|error| unusable(&url, &error))?;
        let (status, body) = ask(request, patience).await?;
        let not_an_issuer = || TokenError::NotAnIssuer { url: url.to_string(), status };
        if status == StatusCode::OK.as_u16() {
            let granted: Granted = serde_json::from_slice(&body).map_err(|_| not_an_issuer())?;
            return granted.into_token(scopes).ok_or_else(not_an_issuer);
        }
        let denied: Denied = serde_json::from_slice(&body).map_err(|_| not_an_issuer())?;
        Err(TokenError::Refused { error: denied.error, description: denied.error_description })
    }

    /// HTTP Basic; both halves are escaped as in a form first (RFC 6749 section 2.3.1).
    fn basic(&self) -> HeaderValue {
        let pair = format!("{}:{}", escape(&self.client_id), escape(&self.client_secret));
        // Base64 is always a header value.
        let value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)));
        let mut value = value.unwrap_or_else(|_| HeaderValue::from_static("Basic"));
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("token_url", &self.token_url)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

// === impl Granted ===

impl Granted {
    fn into_token(self, asked: &[String]) -> Option<Token> {
        let is_bearer = self.token_type.eq_ignore_ascii_case("bearer");
        let bearer = Bearer::new(&self.access_token).filter(|_| is_bearer)?;
        let asked = Some(asked.join(" ")).filter(|asked| !asked.is_empty());
        Some(Token { bearer, expires_in: self.expires_in, scope: self.scope.or(asked) })
    }
}

/// The token endpoint that an issuer names in its discovery document.
///
/// # Errors
/// Every [`TokenError`] but [`TokenError::Refused`].
pub async fn token_endpoint(issuer: &str, patience: Duration) -> Result<String, TokenError> {
    let issuer = issuer.trim_end_matches('/');
    let mut last = None;
    for place in DISCOVERY {
        let url = absolute(&format!("{issuer}{place}"))?;
        let request = Request::get(url.clone())
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, super::AGENT)
            .body(Full::default())
            .map_err(|error| unusable(&url, &error))?;
        let (status, body) = ask(request, patience).await?;
        match serde_json::from_slice::<Discovered>(&body) {
            Ok(found) if status == StatusCode::OK.as_u16() => return found.trusted(issuer, &url),
            Ok(_) | Err(_) => {
                last.get_or_insert(TokenError::NotAnIssuer { url: url.to_string(), status });
            }
        }
    }
    let url = issuer.to_owned();
    Err(last.unwrap_or(TokenError::NotAnIssuer { url, status: 0 }))
}

// === impl Discovered ===

impl Discovered {
    /// The token endpoint, if the document is about this issuer (OpenID Connect Discovery 4.3).
    fn trusted(self, issuer: &str, url: &Uri) -> Result<String, TokenError> {
        let wrong = |problem: String| TokenError::Discovery { url: url.to_string(), problem };
        if self.issuer.trim_end_matches('/') != issuer {
            return Err(wrong(format!("it is about the issuer `{}`", self.issuer)));
        }
        if issuer.starts_with("https:") && !self.token_endpoint.starts_with("https:") {
            return Err(wrong("its token endpoint is not https".to_owned()));
        }
        Ok(self.token_endpoint)
    }
}

/// Status and body of one request to an issuer.
async fn ask(
    request: Request<Full<Bytes>>,
    patience: Duration,
) -> Result<(u16, Bytes), TokenError> {
    let url = request.uri().to_string();
    let transport = Transport::default();
    let whole = Box::pin(async {
        let response = transport.send(request).await?;
        let status = response.status().as_u16();
        match Limited::new(response.into_body(), MOST_BYTES).collect().await {
            Ok(body) => Ok((status, body.to_bytes())),
            Err(error) => Err(Failure::Lost { cause: causes(&*error) }.into()),
        }
    });
    let late = |_| Err(TokenError::TimedOut { url, after: patience });
    tokio::time::timeout(patience, whole).await.unwrap_or_else(late)
}

fn unusable(url: &Uri, error: &http::Error) -> TokenError {
    Failure::Url { url: url.to_string(), problem: error.to_string() }.into()
}

/// Everything but RFC 3986's unreserved characters, escaped.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
