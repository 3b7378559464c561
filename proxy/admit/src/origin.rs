//! The check against DNS rebinding and strange web pages.
//!
//! Enters: `Host` and `Origin`. Leaves: the request, or a refusal (streamable-http, "Security
//! Warning": servers MUST validate `Origin`; a present and invalid one is answered 403). Never: a
//! default that lets everything in.

use http::{HeaderMap, Request, header};
use toolgate_call::{Case, Refusal};

/// Which hosts and origins are ours.
#[derive(Clone, Debug)]
pub struct OriginConfig {
    /// `Host` values, with the port if it is part of it.
    pub hosts: Vec<String>,
    /// `Origin` values.
    pub origins: Vec<String>,
    /// Whether a loopback name with any port is a host and an origin of ours.
    pub loopback: bool,
}

// === impl OriginConfig ===

impl OriginConfig {
    /// Checks a request.
    ///
    /// # Errors
    /// [`Case::Host`] or [`Case::Origin`], both answered with 403.
    pub fn check<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        self.check_host(request)?;
        self.check_origin(request.headers())
    }

    pub(crate) fn check_host<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        let header = single(request.headers(), &header::HOST);
        let authority = request.uri().authority().map(http::uri::Authority::as_str);
        let host = authority.or(header).unwrap_or_default();
        let known = self.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host));
        if known || (self.loopback && is_loopback(host)) {
            return Ok(());
        }
        let message = "this Host is not served here; the operator can add it under `hosts`";
        Err(Refusal::new(Case::Host, message).detail(format!("Host `{}`", printable(host))))
    }

    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if !headers.contains_key(header::ORIGIN) {
            return Ok(());
        }
        let origin = single(headers, &header::ORIGIN).unwrap_or_default();
        let known = self.origins.iter().any(|ours| ours.eq_ignore_ascii_case(origin));
        let bare = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        if known || (self.loopback && bare.is_some_and(is_loopback)) {
            return Ok(());
        }
        let message = "this Origin is not allowed; the operator can add it under `origins`";
        Err(Refusal::new(Case::Origin, message).detail(format!("Origin `{}`", printable(origin))))
    }
}

/// The value of a header that must not come twice.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?;
    if all.next().is_some() { None } else { first.to_str().ok() }
}

/// `localhost`, `127.0.0.1` or `[::1]`, with or without a port.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => host,
    };
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|ours| ours.eq_ignore_ascii_case(name))
}

/// A caller's text, fit for a log line.
pub(crate) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(128).collect()
}
