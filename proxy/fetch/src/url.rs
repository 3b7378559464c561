//! URLs that may be asked at all.
//!
//! Enters: text, or a URL. Leaves: an absolute http or https URL, and its parts. Never: a URL with
//! credentials in it; a look-up.

use std::net::IpAddr;

use http::Uri;

/// An absolute http or https URL without credentials in it.
///
/// # Errors
/// What is wrong with it, to follow its name.
pub fn web_url(text: &str) -> Result<Uri, &'static str> {
    let url: Uri = text.parse().map_err(|_| "it is not a URL")?;
    if !matches!(url.scheme_str(), Some("http" | "https")) || url.host().is_none() {
        return Err("it is not an absolute http or https URL");
    }
    if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("it has credentials in it");
    }
    Ok(url)
}

/// Whether following `to` from `from` gives up TLS on the way to another machine.
#[must_use]
pub fn is_step_down(from: &Uri, to: &Uri) -> bool {
    from.scheme_str() == Some("https") && to.scheme_str() == Some("http") && !is_local(to)
}

/// Whether it names this very machine: `localhost`, or a loopback address.
#[must_use]
pub fn is_local(url: &Uri) -> bool {
    names_this_machine(url.host().unwrap_or_default().trim_matches(['[', ']']))
}

pub(crate) fn names_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Host without brackets, port, and whether TLS is spoken.
pub(crate) fn parts(url: &Uri) -> Result<(String, u16, bool), &'static str> {
    let secure = match url.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err("it is not an http or https URL"),
    };
    let host = url.host().ok_or("it has no host")?.trim_matches(['[', ']']).to_ascii_lowercase();
    Ok((host, url.port_u16().unwrap_or(if secure { 443 } else { 80 }), secure))
}
