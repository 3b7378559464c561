//! What a client says of what it can be asked, and what it answers.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use toolgate_call::{Abilities, Case, Method, Refusal, SessionRef, Version};

use crate::decode::{Decoded, decode};

fn read(pairs: &[(&'static str, &str)], body: &str) -> Result<Decoded, Refusal> {
    let headers: HeaderMap = pairs
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
        .collect();
    let decoded = decode(&headers, &Bytes::copy_from_slice(body.as_bytes()), 64);
    decoded.map_err(|rejected| rejected.refusal)
}

#[test]
fn a_response_is_one_only_on_a_session_of_the_older_era() {
    let (version, session) = (("mcp-protocol-version", "2025-11-25"), ("mcp-session-id", "sealed"));
    let good = r#"{"jsonrpc":"2.0","id":"tg-1-1","result":{}}"#;
    let failed = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"no"}}"#;
    for body in [good, failed] {
        let decoded = read(&[version, session], body).unwrap();
        assert_eq!(decoded.method, Method::Response);
        assert_eq!(decoded.session, SessionRef::Claimed("sealed".into()));
        assert!(decoded.id.is_none(), "the id is the question's: an error about this has none");
        assert_eq!(decoded.frame.len(), body.len());
    }
    let modern = ("mcp-protocol-version", "2026-07-28");
    for (headers, body) in [
        (&[version][..], good),
        (&[][..], good),
        (&[modern, session][..], good),
        (&[version, session][..], r#"{"jsonrpc":"2.0","result":{}}"#),
        (&[version, session][..], r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#),
        (&[version, session][..], r#"{"id":1,"result":{}}"#),
    ] {
        let refusal = read(headers, body).unwrap_err();
        assert_eq!(refusal.case(), Case::BodyNotRequest, "{headers:?} {body}");
    }
}

#[test]
fn what_a_client_can_do_is_read_where_its_era_says_it() {
    let body = |can: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"x","capabilities":{{"roots":{{}}}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{can}}}}}}}"#
        )
    };
    let headers =
        [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "x")];
    let able = |can: &str| read(&headers, &body(can)).unwrap().abilities;
    assert_eq!(able("{}"), Abilities::NONE);
    assert_eq!(able(r#"{"elicitation":{},"x":1}"#), Abilities::FORM);
    let hello = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"sampling":{},"roots":{}},"clientInfo":{"name":"x","version":"1"}}}"#;
    let decoded = read(&[], hello).unwrap();
    assert_eq!(decoded.session, SessionRef::Wanted(Version::V2025_06_18));
    assert_eq!(decoded.abilities, Abilities::SAMPLING.and(Abilities::ROOTS));
}

#[test]
fn what_takes_a_call_further_is_found_as_it_came() {
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
    let call = |more: &str| {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"x",{more}{meta}}}}}"#
        );
        let headers = [
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/call"),
            ("mcp-name", "x"),
        ];
        read(&headers, &body).unwrap().frame
    };
    let plain = call(r#""arguments":{ "requestState":"mine" },"#);
    assert!(!plain.is_retry());
    assert_eq!(plain.arguments(), Some(&br#"{ "requestState":"mine" }"#[..]));
    let retry = call(r#""requestState":"s\u0061","inputResponses":{ "a":{} },"#);
    assert!(retry.is_retry());
    assert_eq!(retry.state(), Some(&br#""s\u0061""#[..]));
    assert_eq!(retry.responses(), Some(&br#"{ "a":{} }"#[..]));
}
