//! Whether a request came here under a name of ours.
//!
//! Enters: the `Host` header. Leaves: yes or no. Never: a lookup; a page that rebinds its name to
//! our address still sends its own name.

use std::net::IpAddr;

/// Whether the host (with or without port) is loopback, the address the connection came in on, or
/// one of the configured names. Names are compared without regard to case (RFC 9110, 4.2.3).
pub(super) fn is_ours(host: &str, local: Option<IpAddr>, configured: &[String]) -> bool {
    let Some(name) = without_port(host) else { return false };
    if let Ok(address) = name.parse::<IpAddr>() {
        return address.is_loopback()
            || local.is_some_and(|local| local.to_canonical() == address.to_canonical())
            || listed(name, configured);
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || listed(name, configured)
}

fn listed(name: &str, configured: &[String]) -> bool {
    configured.iter().any(|ours| ours.eq_ignore_ascii_case(name))
}

/// The name in `name`, `name:port`, `[address]` or `[address]:port`.
pub(super) fn without_port(host: &str) -> Option<&str> {
    let (name, rest) = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => host.find(':').map_or(Some((host, "")), |at| host.split_at_checked(at))?,
    };
    let port_is_fine = match rest.strip_prefix(':') {
        Some(port) => port.parse::<u16>().is_ok(),
        None => rest.is_empty(),
    };
    (port_is_fine && !name.is_empty()).then_some(name)
}
