//! Hosts and origins.

use http::{Request, header};
use toolgate_call::Case;

use crate::origin::OriginConfig;

fn check(config: &OriginConfig, host: &str, origin: Option<&str>) -> Result<(), Case> {
    let mut request = Request::post("/mcp").header(header::HOST, host);
    if let Some(origin) = origin {
        request = request.header(header::ORIGIN, origin);
    }
    config.check(&request.body(()).unwrap()).map_err(|refusal| refusal.case())
}

fn public() -> OriginConfig {
    OriginConfig {
        hosts: vec!["gw.example.com".into()],
        origins: vec!["https://app.example.com".into()],
        loopback: false,
    }
}

#[test]
fn only_configured_hosts_and_origins_come_in() {
    let config = public();
    assert_eq!(check(&config, "gw.example.com", None), Ok(()));
    assert_eq!(check(&config, "GW.example.com", Some("https://app.example.com")), Ok(()));
    assert_eq!(check(&config, "evil.example.com", None), Err(Case::Host));
    assert_eq!(check(&config, "localhost:1", None), Err(Case::Host));
    for origin in ["https://evil.example.com", "null", "", "http://app.example.com"] {
        assert_eq!(check(&config, "gw.example.com", Some(origin)), Err(Case::Origin), "{origin}");
    }
}

#[test]
fn loopback_names_come_in_only_where_the_gateway_is_on_loopback() {
    let config = OriginConfig { hosts: Vec::new(), origins: Vec::new(), loopback: true };
    for host in ["localhost", "localhost:8800", "127.0.0.1:8800", "[::1]:8800", "[::1]"] {
        assert_eq!(check(&config, host, None), Ok(()), "{host}");
    }
    assert_eq!(check(&config, "localhost:1", Some("http://localhost:6274")), Ok(()));
    for host in ["localhost.evil.com", "127.0.0.1.evil.com", "evil.com:80", "", "localhost:x"] {
        assert_eq!(check(&config, host, None), Err(Case::Host), "{host}");
    }
    let evil = Some("http://localhost.evil.com");
    assert_eq!(check(&config, "localhost", evil), Err(Case::Origin));
}

#[test]
fn two_hosts_are_none() {
    let request = Request::post("/mcp")
        .header(header::HOST, "gw.example.com")
        .header(header::HOST, "evil.example.com");
    let refusal = public().check(&request.body(()).unwrap()).unwrap_err();
    assert_eq!(refusal.case(), Case::Host);
}
