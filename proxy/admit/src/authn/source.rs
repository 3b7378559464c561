//! Where an issuer's keys come from.
//!
//! Enters: the configured URLs. Leaves: the keys, by way of the discovery document if there is no
//! JWKS URL (OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3). Never: keys from a document
//! that names another issuer; a step down from https to http, save to this very machine.

use http::Uri;
use serde::Deserialize;
use toolgate_fetch::{Fetcher, Said, is_step_down, web_url};
use toolgate_telemetry::RefreshOutcome;

use super::config::{ConfigError, IssuerConfig};
use super::denial::shown;
use super::fetch::{self, FetchError};
use super::jwks::{self, Keys};

/// Where the discovery document is, below the issuer's URL (OpenID Connect Discovery 1.0).
const OPENID: &str = "/.well-known/openid-configuration";
/// Where it is, between host and path of the issuer's URL (RFC 8414 section 3.1).
const OAUTH: &str = "/.well-known/oauth-authorization-server";

/// Where an issuer's keys come from.
#[derive(Debug)]
pub(super) enum Source {
    /// Straight from the JWKS.
    Jwks(Uri),
    /// From where the discovery document says.
    Discovery {
        /// Where the document is: the first of these at which there is one.
        urls: Vec<Uri>,
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
        let urls = match &config.discovery_url {
            Some(discovery) => vec![url("discovery_url", discovery)?],
            None => {
                let below = format!("{}{OPENID}", config.issuer.trim_end_matches('/'));
                let mut urls = vec![url("issuer", &below)?];
                urls.extend(oauth_metadata(&url("issuer", &config.issuer)?));
                urls
            }
        };
        Ok(Self::Discovery { urls, issuer: config.issuer.clone() })
    }

    /// Fetches the keys.
    ///
    /// # Errors
    /// A document that cannot be had, is not what it should be, or has no key of use in it.
    pub(super) async fn load(&self, fetcher: &Fetcher) -> Result<Keys, FetchError> {
        let (jwks, said) = match self {
            Self::Jwks(url) => (url.clone(), Said::Operator),
            Self::Discovery { urls, issuer } => discover(fetcher, urls, issuer).await?,
        };
        let document = fetch::get(fetcher, &jwks, said).await?;
        let keys = jwks::parse(&document).map_err(|problem| unusable(&jwks, &problem))?;
        if keys.is_empty() {
            let detail = format!("GET {jwks}: no key in it that can verify signatures here");
            return Err(FetchError::new(RefreshOutcome::NoKeys, detail));
        }
        Ok(keys)
    }
}

/// Where RFC 8414 has the metadata of that issuer.
fn oauth_metadata(issuer: &Uri) -> Option<Uri> {
    let (scheme, authority) = (issuer.scheme_str()?, issuer.authority()?);
    let path = issuer.path().trim_end_matches('/');
    format!("{scheme}://{authority}{OAUTH}{path}").parse().ok()
}

/// The JWKS URL, and who says that it may be asked.
async fn discover(
    fetcher: &Fetcher,
    urls: &[Uri],
    issuer: &str,
) -> Result<(Uri, Said), FetchError> {
    let mut last = None;
    for url in urls {
        match fetch::get(fetcher, url, Said::Operator).await {
            Ok(document) => return read(url, &document, issuer),
            // What the first one says of an outage is what is told.
            Err(error) if !error.absent => return Err(last.unwrap_or(error)),
            Err(error) => last = last.or(Some(error)),
        }
    }
    Err(last.unwrap_or_else(|| FetchError::new(RefreshOutcome::Parse, "no discovery URL")))
}

fn read(url: &Uri, document: &[u8], issuer: &str) -> Result<(Uri, Said), FetchError> {
    let found: Discovery = serde_json::from_slice(document).map_err(|error| {
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
    // The server that the operator has named may be asked again; another one only if it is public.
    let is_same = url.scheme() == jwks.scheme() && url.authority() == jwks.authority();
    Ok((jwks, if is_same { Said::Operator } else { Said::Document }))
}

fn unusable(url: &Uri, problem: &str) -> FetchError {
    FetchError::new(RefreshOutcome::Parse, format!("GET {url}: {problem}"))
}
