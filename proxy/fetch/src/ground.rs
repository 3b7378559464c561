//! Which addresses may be asked.
//!
//! Enters: the hosts that the operator allows, and the addresses that a name has. Leaves: those of
//! them that may be connected to. Never: an address of this machine, of a private network or of a
//! cloud's metadata service, unless the operator has named that host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::Said;
use crate::url::names_this_machine;

/// The hosts that may be asked although their addresses are not public.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    allow: Vec<String>,
}

// === impl Ground ===

impl Ground {
    /// With these hosts allowed: names or addresses as they stand in URLs, in any case, with a port or
    /// for all of them.
    #[must_use]
    pub fn new(allow: impl IntoIterator<Item = String>) -> Self {
        let bare = |host: String| host.trim_matches(['[', ']']).to_ascii_lowercase();
        Self { allow: allow.into_iter().map(bare).collect() }
    }

    /// Those of the addresses of `host` that may be connected to.
    pub(crate) fn allowed(&self, all: &[SocketAddr], host: &str, said: Said) -> Vec<SocketAddr> {
        let at = |port: u16| format!("{host}:{port}");
        let port = all.first().map(|address| at(address.port())).unwrap_or_default();
        if self.allow.iter().any(|allowed| allowed == host || *allowed == port) {
            return all.to_vec();
        }
        // Whoever writes `http://127.0.0.1:9000` into a configuration means this machine.
        let meant = said == Said::Operator && names_this_machine(host);
        let fits = |ip: IpAddr| is_public(ip) || (meant && ip.is_loopback());
        all.iter().copied().filter(|address| fits(address.ip())).collect()
    }
}

/// Whether an address is one of the open internet (the IANA registries of special-purpose
/// addresses, RFC 6890).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = matches!(
        (a, b, c),
        // This network, this machine, private, shared (RFC 6598), link-local and metadata.
        (0 | 10 | 127, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            // Protocol assignments, documentation, relays, benchmarks.
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
            // Multicast, reserved, broadcast.
            | (224..=255, _, _)
    );
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(inner) = within(ip) {
        return is_public_v4(inner);
    }
    let [first, second, ..] = ip.segments();
    // Global unicast is 2000::/3; of that, neither Teredo and other protocol assignments
    // (2001::/23) nor documentation (2001:db8::/32, 3fff::/20).
    let global = first & 0xe000 == 0x2000;
    let assigned = first == 0x2001 && second < 0x0200;
    let example = (first == 0x2001 && second == 0x0db8) || (first == 0x3fff && second < 0x1000);
    global && !assigned && !example
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, NAT64 or 6to4.
fn within(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match ip.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(v4(high, low))
        }
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    //! What counts as the open internet.

    use super::is_public;

    #[test]
    fn only_the_open_internet_is_public() {
        let closed = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "2001::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
        ];
        for ip in closed {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }
}
