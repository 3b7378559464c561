//! What authentication is told at start.
//!
//! Enters: resolved configuration. Leaves: the same, checked for what no token could ever satisfy.
//! Never: reads files or the environment.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use toolgate_call::{ClaimKind, Scopes};
use toolgate_fetch::Fetcher;

use super::certificates::{self, CertificateRule};
use super::jws::Alg;
use super::keys::{ApiKeys, ISSUER};
use super::rules::ClaimRules;

/// The longest leeway that is allowed: beyond it a clock is wrong, not late.
const LONGEST_LEEWAY: Duration = Duration::from_secs(60);

/// Everything that authentication needs to know.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// Who may issue tokens.
    pub issuers: Vec<IssuerConfig>,
    /// API keys that are taken; `None`: none ever are.
    pub keys: Option<ApiKeys>,
    /// Whom client certificates stand for; none: nobody.
    pub certificates: Vec<CertificateRule>,
    /// The resource URI of this gateway: what clients ask tokens for (RFC 8707).
    pub resource: String,
    /// Where the protected resource metadata is served, absolute (RFC 9728).
    pub metadata_url: String,
    /// The scopes that every caller needs; named in challenges, not checked here.
    pub gateway_scopes: Scopes,
    /// The servers, each at the place that its number names.
    pub servers: Vec<ServerAuth>,
    /// The claims that policies are handed, with their types.
    pub claims: Vec<(String, ClaimKind)>,
    /// The largest token, in bytes.
    pub token_bytes: usize,
    /// How many verified tokens are remembered; 0 remembers none.
    pub cached_tokens: usize,
    /// Whether some target exchanges the tokens of callers: they are kept for the time of the call
    /// then, and otherwise not at all.
    pub hands_on: bool,
    /// Asks issuers for their keys.
    pub fetcher: Arc<Fetcher>,
}

/// What callers of one server are told, beside what holds for the gateway.
#[derive(Clone, Debug)]
pub struct ServerAuth {
    /// Its resource URI. A token for this audience is good here and nowhere else, from an issuer
    /// among whose audiences is the URI of the gateway.
    pub resource: String,
    /// Where its metadata is served, absolute.
    pub metadata_url: String,
    /// The scopes that it needs beyond those of the gateway; named in challenges, not checked here.
    pub scopes: Scopes,
}

/// One issuer of tokens.
#[derive(Clone, Debug)]
pub struct IssuerConfig {
    /// The operator's name for it: the label in metrics and logs.
    pub name: String,
    /// What its tokens look like.
    pub profile: Profile,
    /// The `iss` of its tokens, compared as a string.
    pub issuer: String,
    /// Where its keys are, if not where discovery says.
    pub jwks_url: Option<String>,
    /// Where its discovery document is, if not below the issuer.
    pub discovery_url: Option<String>,
    /// By how much its clock may differ from ours; at most 60 s.
    pub leeway: Duration,
    /// The signature algorithms that are taken (RFC 7518 names); empty takes every one that is
    /// known here. None of them is symmetric, and each works with its own kind of key only.
    pub algorithms: Vec<String>,
    /// What else its tokens must say.
    pub claims: ClaimRules,
}

/// What an issuer's tokens look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Amazon Cognito access tokens: `token_use` and `client_id`, no `aud`.
    Cognito {
        /// The `client_id`s that are let in.
        clients: Vec<String>,
    },
    /// Tokens that are bound to an audience (RFC 9068).
    Oidc {
        /// The values of `aud` that mean this gateway.
        audiences: Vec<String>,
        /// The clients that are let in; empty lets in all that the issuer issues to.
        clients: Vec<String>,
    },
}

/// Why authentication cannot be set up; the message says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("authentication cannot be set up: {0}")]
pub struct ConfigError(String);

// === impl ConfigError ===

impl ConfigError {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }

    /// A problem of one issuer.
    pub(super) fn issuer(name: &str, problem: &str) -> Self {
        Self(format!("issuer `{name}`: {problem}"))
    }
}

// === impl AuthConfig ===

impl AuthConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.issuers.is_empty() && self.keys.is_none() && self.certificates.is_empty() {
            let problem = "no issuer, no API keys and no certificates; name at least one";
            return Err(ConfigError::new(problem));
        }
        if self.token_bytes == 0 {
            return Err(ConfigError::new("tokens of 0 bytes are allowed; 8192 is usual"));
        }
        let mut names = HashSet::new();
        let mut urls = HashSet::new();
        for issuer in &self.issuers {
            issuer.check()?;
            if self.keys.is_some() && issuer.name == ISSUER {
                let problem = "the name is that of API keys; choose another";
                return Err(ConfigError::issuer(&issuer.name, problem));
            }
            if !self.certificates.is_empty() && issuer.name == certificates::ISSUER {
                let problem = "the name is that of certificates; choose another";
                return Err(ConfigError::issuer(&issuer.name, problem));
            }
            if !names.insert(&issuer.name) {
                return Err(ConfigError::issuer(&issuer.name, "the name is taken; choose another"));
            }
            if !urls.insert(&issuer.issuer) {
                let problem = "its issuer URL is taken; one entry can list several clients";
                return Err(ConfigError::issuer(&issuer.name, problem));
            }
        }
        Ok(())
    }
}

// === impl IssuerConfig ===

impl IssuerConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let problem = if self.name.is_empty() {
            "it has no name"
        } else if self.issuer.is_empty() {
            "it has no issuer URL"
        } else if self.leeway > LONGEST_LEEWAY {
            "the leeway is above 60s; set the clocks right instead"
        } else if self.algorithms.iter().any(|name| Alg::parse(name).is_none()) {
            "it lists an algorithm that is not known here"
        } else {
            return self.profile.check(&self.name);
        };
        Err(ConfigError::issuer(&self.name, problem))
    }
}

// === impl Profile ===

impl Profile {
    /// Whether a token of it is for that audience.
    pub(super) fn means(&self, audience: &str) -> bool {
        match self {
            Self::Oidc { audiences, .. } => audiences.iter().any(|own| own == audience),
            Self::Cognito { .. } => false,
        }
    }

    fn check(&self, name: &str) -> Result<(), ConfigError> {
        match self {
            Self::Cognito { clients } if clients.is_empty() => {
                Err(ConfigError::issuer(name, "it lists no clients, so nobody could get in"))
            }
            Self::Oidc { audiences, .. } if audiences.is_empty() => {
                Err(ConfigError::issuer(name, "it lists no audiences, so nobody could get in"))
            }
            Self::Cognito { .. } | Self::Oidc { .. } => Ok(()),
        }
    }
}
