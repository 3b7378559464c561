//! Where an issuer's keys come from.
//!
//! Enters: the configured URLs. Leaves: the keys, by way of the discovery document if there is no
//! JWKS URL (OpenID Connect Discovery 1.0 section 4). Never: keys from a document that names
//! another issuer; a step down from https to http, save to this very machine.

use std::net::IpAddr;

use http::Uri;
use serde::Deserialize;
use toolgate_telemetry::RefreshOutcome;

use super::config::{ConfigError, IssuerConfig, web_url};
use super::denial::shown;
use super::fetch::{FetchError, Fetcher};
use super::jwks::{self, Keys};

/// Where the discovery document is, below the issuer's URL.
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Where an issuer's keys come from.
#[derive(Debug)]
pub(super) enum Source {
    /// Straight from the JWKS.
    Jwks(Uri),
    /// From where the discovery document says.
    Discovery {
        /// Where the document is.
        url: Uri,
        /// What it must name as its issuer.
        issuer: String,
    },
}

/// The members of a discovery document that matter.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

// === impl Source ===

impl Source {
    /// The JWKS URL if it is configured, else the discovery URL, else what follows from the issuer.
    ///
    /// # Errors
    /// A URL that is not one.
    pub(super) fn new(config: &IssuerConfig) -> Result<Self, ConfigError> {
        let url = |key: &str, text: &str| {
            web_url(text).map_err(|problem| {
                let problem = format!("{key} `{}`: {problem}", shown(text));
                ConfigError::issuer(&config.name, &problem)
            })
        };
        if let Some(jwks) = &config.jwks_url {
            return Ok(Self::Jwks(url("jwks_url", jwks)?));
        }
        let url = match &config.discovery_url {
            Some(discovery) => url("discovery_url", discovery)?,
            None => url("issuer", &format!("{}{WELL_KNOWN}", config.issuer.trim_end_matches('/')))?,
        };
        Ok(Self::Discovery { url, issuer: config.issuer.clone() })
    }

    /// Fetches the keys.
    ///
    /// # Errors
    /// A document that cannot be had, is not what it should be, or has no key of use in it.
    pub(super) async fn load(&self, fetcher: &Fetcher) -> Result<Keys, FetchError> {
        let jwks = match self {
            Self::Jwks(url) => url.clone(),
            Self::Discovery { url, issuer } => discover(fetcher, url, issuer).await?,
        };
        let document = fetcher.get(&jwks).await?;
        let keys = jwks::parse(&document).map_err(|problem| unusable(&jwks, &problem))?;
        if keys.is_empty() {
            let detail = format!("GET {jwks}: no key in it that can verify signatures here");
            return Err(FetchError::new(RefreshOutcome::NoKeys, detail));
        }
        Ok(keys)
    }
}

async fn discover(fetcher: &Fetcher, url: &Uri, issuer: &str) -> Result<Uri, FetchError> {
    let document = fetcher.get(url).await?;
    let found: Discovery = serde_json::from_slice(&document).map_err(|error| {
        unusable(url, &format!("not a discovery document: {}", shown(&error.to_string())))
    })?;
    if found.issuer != issuer {
        let problem = format!("its issuer is `{}`, not `{issuer}`", shown(&found.issuer));
        return Err(unusable(url, &problem));
    }
    let jwks = web_url(&found.jwks_uri).map_err(|problem| {
        unusable(url, &format!("jwks_uri `{}`: {problem}", shown(&found.jwks_uri)))
    })?;
    if is_step_down(url, &jwks) {
        return Err(unusable(url, &format!("jwks_uri `{jwks}` is not https")));
    }
    Ok(jwks)
}

/// Whether following `to` from `from` gives up TLS on the way to another machine.
pub(super) fn is_step_down(from: &Uri, to: &Uri) -> bool {
    from.scheme_str() == Some("https") && to.scheme_str() == Some("http") && !is_loopback(to)
}

fn is_loopback(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn unusable(url: &Uri, problem: &str) -> FetchError {
    FetchError::new(RefreshOutcome::Parse, format!("GET {url}: {problem}"))
}
