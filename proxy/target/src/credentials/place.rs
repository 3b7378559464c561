//! Where a token endpoint is.
//!
//! Enters: its URL, or its issuer's. Leaves: its URL, by way of the issuer's metadata (RFC 8414 section
//! 3, OpenID Connect Discovery 1.0 section 4) if need be. Never: metadata that names another issuer; a
//! step down from https to http, save to this very machine; an address that metadata alone leads to
//! and that is not public (ADR 32).

use std::time::Duration;

use http::{StatusCode, Uri};
use serde::Deserialize;
use toolgate_fetch::{Ask, FetchError, Fetcher, Said, is_step_down, web_url};
use toolgate_telemetry::TokenFetch;

use super::slot::Failed;

const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

/// Where a token endpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// There.
    Url(Uri),
    /// Where the metadata of that issuer says.
    Issuer(String),
}

/// The members of the metadata that matter.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    token_endpoint: String,
}

// === impl Place ===

impl Place {
    /// The URL, and who says that it may be asked.
    pub(super) async fn find(
        &self,
        fetcher: &Fetcher,
        limit: Duration,
    ) -> Result<(Uri, Said), Failed> {
        let issuer = match self {
            Self::Url(url) => return Ok((url.clone(), Said::Operator)),
            Self::Issuer(issuer) => issuer,
        };
        let mut last = None;
        for url in metadata_urls(issuer) {
            let answer = fetcher.ask(Ask::get(url.clone(), Said::Operator), limit).await;
            let answer = answer.map_err(|error| unfetched(&error))?;
            match answer.status {
                StatusCode::OK => return read(&url, &answer.body, issuer),
                status => last = Some(format!("GET {url}: HTTP {}", status.as_u16())),
            }
        }
        let why = last.unwrap_or_else(|| format!("`{issuer}` is not the URL of an issuer"));
        Err(Failed { outcome: TokenFetch::Failed, why, wait: None })
    }
}

fn metadata_urls(issuer: &str) -> Vec<Uri> {
    let Ok(url) = web_url(issuer) else { return Vec::new() };
    let scheme = url.scheme_str().unwrap_or_default();
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let path = url.path().trim_end_matches('/');
    let all = [
        format!("{scheme}://{authority}{OAUTH}{path}"),
        format!("{scheme}://{authority}{path}{OPENID}"),
    ];
    all.iter().filter_map(|url| url.parse().ok()).collect()
}

fn read(url: &Uri, document: &[u8], issuer: &str) -> Result<(Uri, Said), Failed> {
    let unusable = |problem: &str| Failed {
        outcome: TokenFetch::Malformed,
        why: format!("GET {url}: {problem}"),
        wait: None,
    };
    let found: Metadata = serde_json::from_slice(document)
        .map_err(|_| unusable("not the metadata of an issuer with a token endpoint"))?;
    if found.issuer != issuer {
        return Err(unusable(&format!("it is that of another issuer than `{issuer}`")));
    }
    let endpoint = web_url(&found.token_endpoint)
        .map_err(|problem| unusable(&format!("its token_endpoint: {problem}")))?;
    if is_step_down(url, &endpoint) {
        return Err(unusable("its token_endpoint is not https"));
    }
    // The server that the operator has named may be asked again; another one only if it is public.
    let is_same = url.scheme() == endpoint.scheme() && url.authority() == endpoint.authority();
    Ok((endpoint, if is_same { Said::Operator } else { Said::Document }))
}

/// Why nothing came back from an issuer.
pub(super) fn unfetched(error: &FetchError) -> Failed {
    let outcome = match error {
        FetchError::Forbidden(_) => TokenFetch::Forbidden,
        FetchError::Unreachable(_) => TokenFetch::Unreachable,
        FetchError::Late(_) => TokenFetch::Timeout,
        FetchError::TooLong(_) => TokenFetch::Malformed,
    };
    Failed { outcome, why: error.to_string(), wait: None }
}
