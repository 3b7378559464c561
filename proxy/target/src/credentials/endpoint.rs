//! A token endpoint (RFC 6749 section 3.2).
//!
//! Enters: a grant. Leaves: a token and its life, or why there is none. Never: a token, a secret or the
//! text of an answer in an error; a redirect followed; a wait of more than [`LIMIT`] for room, and as much for the answer.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde::Deserialize;
use toolgate_call::{Secret, SubjectToken};
use toolgate_fetch::{Answer, Ask, Fetcher, Said};
use toolgate_telemetry::{CredentialMetrics, TargetMetrics, TokenFetch};

use super::form::{Form, encode};
use super::outage::Outage;
use super::place::{Place, unfetched};
use super::secret::Vault;
use super::sensitive;
use super::slot::{Failed, Granted};

/// How long the issuer may take, its metadata included.
const LIMIT: Duration = Duration::from_secs(10);
/// The life of a token whose issuer does not say (RFC 6749 section 5.1 recommends that it does).
const UNSAID: Duration = Duration::from_secs(300);
/// The longest that a token is kept, whatever its issuer says: there may be no end to it.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// The longest token that is taken.
const LARGEST: usize = 16 * 1024;

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// How the gateway shows itself to the endpoint (RFC 6749 section 2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// In the header `Authorization`.
    Basic,
    /// In the form.
    Post,
}

/// A token endpoint, and who the gateway is there.
#[derive(Debug)]
pub struct EndpointConfig {
    /// Where it is.
    pub place: Place,
    /// The client.
    pub client_id: String,
    /// Keeps its secret.
    pub client_secret: Arc<dyn Vault>,
    /// How both are shown.
    pub auth: ClientAuth,
    /// The scopes asked for.
    pub scopes: Vec<String>,
    /// The `audience` asked for (RFC 8693 section 2.1, and what some issuers want everywhere).
    pub audience: Option<String>,
    /// The `resource` asked for (RFC 8707).
    pub resource: Option<String>,
}

/// See the module.
pub struct Endpoint {
    config: EndpointConfig,
    found: Mutex<Option<(Uri, Said)>>,
    outage: Outage,
    fetcher: Arc<Fetcher>,
    metrics: Arc<TargetMetrics>,
}

/// What is asked for.
pub(super) enum Grant<'a> {
    /// A token of the client's own.
    Client,
    /// One in exchange for a caller's.
    Exchange(&'a SubjectToken),
    /// A user's, for the code that their browser has brought (RFC 6749 section 4.1.3, RFC 7636).
    Code {
        /// The code.
        code: &'a str,
        /// What only the gateway knows, and has shown the hash of.
        verifier: &'a Secret,
        /// Where the browser was sent back to.
        redirect: &'a str,
    },
    /// A user's next one (RFC 6749 section 6).
    Refresh(&'a Secret),
}

#[derive(Deserialize)]
struct Said200 {
    access_token: Secret200,
    token_type: String,
    expires_in: Option<Life>,
    refresh_token: Option<Secret200>,
}

/// A token on its way through the reader.
#[derive(Deserialize)]
struct Secret200(String);

/// Some issuers write the number as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Life {
    Number(f64),
    Text(String),
}

#[derive(Deserialize)]
struct Said400 {
    error: String,
}

// === impl Endpoint ===

impl Endpoint {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(config: EndpointConfig, fetcher: Arc<Fetcher>, metrics: Arc<TargetMetrics>) -> Self {
        Self { config, found: Mutex::default(), outage: Outage::default(), fetcher, metrics }
    }

    pub(super) fn scopes(&self) -> &[String] {
        &self.config.scopes
    }

    /// Another text for each client and each place where users agree.
    pub(super) fn mark(&self, url: &str) -> String {
        let text = format!("{url}\n{:?}\n{}", self.config.place, self.config.client_id);
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
    }

    /// Where a user agrees (RFC 6749 section 4.1.1): `url` with what is asked added to its query.
    pub(super) fn authorize(
        &self,
        url: &str,
        redirect: &str,
        (state, challenge): (&Secret, &str),
    ) -> String {
        let config = &self.config;
        let mut form = Form::new();
        form.pair("response_type", "code");
        form.pair("client_id", &config.client_id);
        form.pair("redirect_uri", redirect);
        form.pair("state", state.expose());
        form.pair("code_challenge", challenge);
        form.pair("code_challenge_method", "S256");
        if !config.scopes.is_empty() {
            form.pair("scope", &config.scopes.join(" "));
        }
        for (name, value) in [("audience", &config.audience), ("resource", &config.resource)] {
            if let Some(value) = value {
                form.pair(name, value);
            }
        }
        let joint = if url.contains('?') { '&' } else { '?' };
        format!("{url}{joint}{}", form.text())
    }

    pub(super) fn metrics(&self) -> &CredentialMetrics {
        self.metrics.credentials()
    }

    /// A token of the gateway's own is good for so long.
    pub(super) fn note_own(&self, life: Duration) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.metrics().held_until((now + life).as_secs_f64());
    }

    /// Asks for a token. If the client is refused and its secret turns out to have changed, once more.
    pub(super) async fn ask(&self, grant: &Grant<'_>) -> Result<Granted, Failed> {
        let entering = tokio::time::timeout(LIMIT, self.outage.enter()).await;
        let _room = entering.unwrap_or_else(|_| {
            let why = format!("no room for a request within {} s", LIMIT.as_secs());
            Err(Failed { outcome: TokenFetch::Timeout, why, wait: None })
        })?;
        let limited = tokio::time::timeout(LIMIT, self.ask_twice(grant));
        let asked = limited.await.unwrap_or_else(|_| {
            let why = format!("no token within {} s", LIMIT.as_secs());
            Err(Failed { outcome: TokenFetch::Timeout, why, wait: None })
        });
        self.outage.note(&asked);
        let outcome = asked.as_ref().map_or_else(|failed| failed.outcome, |_| TokenFetch::Ok);
        self.metrics().fetched(outcome);
        if let Err(failed) = &asked {
            tracing::warn!(outcome = ?failed.outcome, why = failed.why, "no token for a target");
        }
        asked
    }

    async fn ask_twice(&self, grant: &Grant<'_>) -> Result<Granted, Failed> {
        let used = self.config.client_secret.current();
        let first = self.ask_once(grant, &used.secret).await;
        if !matches!(&first, Err(failed) if failed.outcome == TokenFetch::Refused) {
            return first;
        }
        self.config.client_secret.look_again().await;
        let now = self.config.client_secret.current();
        if now.version == used.version { first } else { self.ask_once(grant, &now.secret).await }
    }

    async fn ask_once(&self, grant: &Grant<'_>, secret: &Secret) -> Result<Granted, Failed> {
        let (url, said) = self.url().await?;
        let place = url.to_string();
        let ask = self.request(grant, secret, (url, said))?;
        let answer = self.fetcher.ask(ask, LIMIT).await.map_err(|error| unfetched(&error));
        let granted = answer.and_then(|answer| read(&place, &answer));
        let granted = granted.map_err(|failed| grant.judged(failed));
        // It may have moved.
        if granted.as_ref().is_err_and(|failed| !failed.is_refusal()) {
            *self.found() = None;
        }
        granted
    }

    async fn url(&self) -> Result<(Uri, Said), Failed> {
        let known = self.found().clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let found = self.config.place.find(&self.fetcher, LIMIT).await?;
        *self.found() = Some(found.clone());
        Ok(found)
    }

    fn request(
        &self,
        grant: &Grant<'_>,
        secret: &Secret,
        (url, said): (Uri, Said),
    ) -> Result<Ask, Failed> {
        let mut form = Form::new();
        match grant {
            Grant::Client => form.pair("grant_type", "client_credentials"),
            Grant::Exchange(subject) => {
                form.pair("grant_type", EXCHANGE);
                form.pair("subject_token", subject.open_for_exchange());
                form.pair("subject_token_type", ACCESS_TOKEN);
                form.pair("requested_token_type", ACCESS_TOKEN);
            }
            Grant::Code { code, verifier, redirect } => {
                form.pair("grant_type", "authorization_code");
                form.pair("code", code);
                form.pair("redirect_uri", redirect);
                form.pair("code_verifier", verifier.expose());
            }
            Grant::Refresh(refresh) => {
                form.pair("grant_type", "refresh_token");
                form.pair("refresh_token", refresh.expose());
            }
        }
        // What a user has agreed to says by itself for what it is.
        let is_own = matches!(grant, Grant::Client | Grant::Exchange(_));
        if is_own && !self.config.scopes.is_empty() {
            form.pair("scope", &self.config.scopes.join(" "));
        }
        for (name, value) in
            [("audience", &self.config.audience), ("resource", &self.config.resource)]
        {
            if let Some(value) = value {
                form.pair(name, value);
            }
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let urlencoded = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, urlencoded);
        match self.config.auth {
            ClientAuth::Basic => {
                headers.insert(AUTHORIZATION, basic(&self.config.client_id, secret)?);
            }
            ClientAuth::Post => {
                form.pair("client_id", &self.config.client_id);
                form.pair("client_secret", secret.expose());
            }
        }
        let body = Bytes::copy_from_slice(form.text().as_bytes());
        Ok(Ask { method: Method::POST, url, said, headers, body })
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Option<(Uri, Said)>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("config", &self.config).finish_non_exhaustive()
    }
}

// === impl Grant ===

impl Grant<'_> {
    /// A refresh token that is not good any more is no fault of the client's.
    fn judged(&self, failed: Failed) -> Failed {
        let is_over = matches!(self, Self::Refresh(_))
            && failed.outcome == TokenFetch::Refused
            && failed.why.ends_with("invalid_grant");
        if is_over { Failed { outcome: TokenFetch::Revoked, ..failed } } else { failed }
    }
}

// === impl Failed ===

impl Failed {
    /// The endpoint is there, and says no.
    fn is_refusal(&self) -> bool {
        matches!(self.outcome, TokenFetch::Refused | TokenFetch::Revoked)
    }
}

/// What is shown of a verifier (RFC 7636 section 4.2, `S256`).
pub(super) fn challenge(verifier: &Secret) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.expose().as_bytes()))
}

/// Name and secret are encoded before they are put together: either may have a colon in it.
fn basic(client: &str, secret: &Secret) -> Result<HeaderValue, Failed> {
    let mut text = zeroize::Zeroizing::new(String::with_capacity(4 * 1024));
    encode(client, &mut text);
    text.push(':');
    encode(secret.expose(), &mut text);
    sensitive(format!("Basic {}", STANDARD.encode(text.as_bytes()))).map_err(|_| Failed {
        outcome: TokenFetch::Refused,
        why: "the client's secret cannot be sent".to_owned(),
        wait: None,
    })
}

/// What the endpoint says (RFC 6749 sections 5.1 and 5.2, RFC 8693 section 2.2).
fn read(place: &str, answer: &Answer) -> Result<Granted, Failed> {
    let status = answer.status;
    if status == StatusCode::OK {
        return granted(&answer.body).map_err(|problem| Failed {
            outcome: TokenFetch::Malformed,
            why: format!("POST {place}: {problem}"),
            wait: None,
        });
    }
    let said: Option<Said400> = serde_json::from_slice(&answer.body).ok();
    let code = said.map(|said| word(&said.error)).filter(|code| !code.is_empty());
    let refused = status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS;
    Err(Failed {
        outcome: if refused { TokenFetch::Refused } else { TokenFetch::Failed },
        why: match code {
            Some(code) => format!("POST {place}: HTTP {}, {code}", status.as_u16()),
            None => format!("POST {place}: HTTP {}", status.as_u16()),
        },
        wait: seconds(&answer.headers),
    })
}

fn granted(body: &[u8]) -> Result<Granted, Cow<'static, str>> {
    let said: Said200 = serde_json::from_slice(body).map_err(|_| "not a token in JSON")?;
    let Said200 { access_token: Secret200(token), token_type, expires_in, refresh_token } = said;
    let refresh = refresh_token.map(|Secret200(token)| Secret::new(token));
    let token = Secret::new(token);
    if !token_type.eq_ignore_ascii_case("bearer") {
        return Err("its token is of a type other than Bearer".into());
    }
    if token.expose().is_empty() || token.expose().len() > LARGEST {
        return Err("its token is empty or longer than 16 KiB".into());
    }
    if refresh.as_ref().is_some_and(|refresh| refresh.expose().len() > LARGEST) {
        return Err("its refresh token is longer than 16 KiB".into());
    }
    let life = match expires_in {
        None => UNSAID,
        Some(life) => life.read().ok_or("its expires_in is no number of seconds above zero")?,
    };
    let header = sensitive(format!("Bearer {}", token.expose()));
    let header = header.map_err(|_| "its token cannot stand in a header")?;
    Ok(Granted { header, life: life.min(LONGEST), refresh })
}

/// An error code as RFC 6749 has them; what else an issuer writes there is not for a log.
fn word(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).take(64).collect()
}

fn seconds(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

// === impl Life ===

impl Life {
    fn read(self) -> Option<Duration> {
        let seconds = match self {
            Self::Number(seconds) => seconds,
            Self::Text(text) => text.trim().parse().ok()?,
        };
        (seconds > 0.0).then(|| Duration::try_from_secs_f64(seconds).ok())?
    }
}
