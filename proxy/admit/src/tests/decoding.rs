//! Bodies and headers, good and bad.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};
use toolgate_call::trace::Remote;
use toolgate_call::{
    Case, Kind, LogLevel, MetaEdit, Method, Mirrored, Rewrite, SessionRef, Version,
};

use crate::decode::{Decoded, Rejected, decode};

const DEPTH: usize = 128;
const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
        .collect()
}

fn modern_headers(method: &str, name: Option<&str>) -> HeaderMap {
    let mut all = headers(&[("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)]);
    if let Some(name) = name {
        all.insert("mcp-name", HeaderValue::from_str(name).unwrap());
    }
    all
}

fn call(name: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":"7","method":"tools/call","params":{{"name":{name},"arguments":{{"a":1}},{META}}}}}"#
    )
}

fn read(headers: &HeaderMap, body: &str) -> Result<Decoded, (Option<String>, Case)> {
    rejected(headers, body).map_err(|rejected| {
        let id = rejected.known.id.map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
        (id, rejected.refusal.case())
    })
}

fn rejected(headers: &HeaderMap, body: &str) -> Result<Decoded, Rejected> {
    decode(headers, &Bytes::copy_from_slice(body.as_bytes()), DEPTH)
}

fn case(headers: &HeaderMap, body: &str) -> Case {
    read(headers, body).unwrap_err().1
}

#[test]
fn a_task_goes_by_its_id_which_stands_in_a_header_as_well() {
    let body = |params: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{{{params}{META}}}}}"#)
    };
    let one = body(r#""name":"n","taskId":"t\u0031","uri":"u","#);
    let headers = modern_headers("tasks/get", Some("t1"));
    let call = read(&headers, &one).unwrap();
    assert_eq!((call.kind, call.name.as_deref()), (Some(Kind::Task), Some("t1")));
    let change =
        Rewrite { id: "9", name: Some("raw"), meta: MetaEdit::Keep, traceparent: None, more: None };
    let wanted = one.replace(r#""id":1"#, r#""id":9"#).replace(r#"t\u0031"#, "raw");
    assert_eq!(std::str::from_utf8(&call.frame.rewrite(&change)).unwrap(), wanted);
    assert_eq!(case(&modern_headers("tasks/get", Some("t2")), &one), Case::HeaderMismatch);
    assert_eq!(case(&modern_headers("tasks/get", None), &one), Case::HeaderMismatch);
    let twice = body(r#""taskId":"t1","taskId":"t2","#);
    assert_eq!(case(&headers, &twice), Case::BodyNotRequest);
    assert_eq!(case(&headers, &body(r#""taskId":1,"#)), Case::ParamsInvalid);
}

#[test]
fn extensions_that_cannot_be_had_are_told_from_those_that_can() {
    for (declared, stray) in [
        ("{}", false),
        (r#"{"extensions":{}}"#, false),
        (r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#, false),
        (r#"{"extensions":{"io.modelcontextprotocol/ui":{"mimeTypes":["x"]}}}"#, false),
        (r#"{"extensions":{"io.modelcontextprotocol/tasks":{},"x/y":{}}}"#, true),
        (r#"{"sampling":{"extensions":1}}"#, false),
    ] {
        let body = call(r#""x""#)
            .replace("clientCapabilities\":{}", &format!("clientCapabilities\":{declared}"));
        let call = read(&modern_headers("tools/call", Some("x")), &body).unwrap();
        assert_eq!(call.meta.stray_extensions, stray, "{declared}");
    }
}

#[test]
fn a_modern_call_is_taken_apart_and_can_be_put_together_again() {
    let headers = modern_headers("tools/call", Some("a___b"));
    let call = read(&headers, &call(r#""a___b""#)).unwrap();
    assert_eq!(call.method, Method::ToolsCall);
    assert_eq!(call.version, Version::V2026_07_28);
    assert_eq!(call.name.as_deref(), Some("a___b"));
    assert_eq!(call.id.unwrap().as_bytes(), br#""7""#);
    let change =
        Rewrite { id: "9", name: Some("b"), meta: MetaEdit::Keep, traceparent: None, more: None };
    let out = call.frame.rewrite(&change);
    let wanted = self::call(r#""b""#).replace(r#""id":"7""#, r#""id":9"#);
    assert_eq!(out, wanted.as_bytes());
}

#[test]
fn an_escaped_name_is_compared_as_what_it_means() {
    let body = call(r#""a\u005f__b""#);
    assert!(read(&modern_headers("tools/call", Some("a___b")), &body).is_ok());
    let encoded = "=?base64?YV9fX2I=?=";
    assert!(read(&modern_headers("tools/call", Some(encoded)), &body).is_ok());
    for bad in ["=?base64?YV9fX2I?=", "=?base64?!!?=", "=?BASE64?YV9fX2I=?=", "a__b"] {
        let headers = modern_headers("tools/call", Some(bad));
        assert_eq!(case(&headers, &body), Case::HeaderMismatch, "{bad}");
    }
}

#[test]
fn headers_and_body_must_agree() {
    let body = call(r#""t""#);
    let good = modern_headers("tools/call", Some("t"));
    for name in ["mcp-protocol-version", "mcp-method", "mcp-name"] {
        let mut missing = good.clone();
        missing.remove(name);
        assert_eq!(case(&missing, &body), Case::HeaderMismatch, "{name} missing");
        let mut other = good.clone();
        other.insert(name, HeaderValue::from_static("TOOLS/CALL"));
        assert_eq!(case(&other, &body), Case::HeaderMismatch, "{name} differs");
        let mut twice = good.clone();
        twice.append(name, good.get(name).unwrap().clone());
        assert_eq!(case(&twice, &body), Case::HeaderMismatch, "{name} twice");
    }
    assert_eq!(read(&good, &body).map(|call| call.method).unwrap(), Method::ToolsCall);
}

#[test]
fn what_is_not_one_request_is_refused_with_the_right_case() {
    let none = HeaderMap::new();
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let cases = [
        ("", Case::BodyNotJson),
        ("{", Case::BodyNotJson),
        ("nope", Case::BodyNotJson),
        ("7", Case::BodyNotRequest),
        ("{}", Case::BodyNotRequest),
        (" [ ]", Case::Batch),
        (&deep, Case::TooDeep),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, Case::BodyNotRequest),
        (r#"{"jsonrpc":"2.0","id":1}"#, Case::BodyNotRequest),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, Case::BodyNotRequest),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, Case::BodyNotRequest),
        (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, Case::BodyNotRequest),
        (r#"{"jsonrpc":"2.0","method":"ping"}"#, Case::BodyNotRequest),
        (r#"{"jsonrpc":"2.0","id":1,"method":"notifications/initialized"}"#, Case::BodyNotRequest),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, Case::BodyNotRequest),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, Case::BodyNotRequest),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"name":"a","name":"b"}}"#,
            Case::BodyNotRequest,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"name":"a","n\u0061me":"b"}}"#,
            Case::BodyNotRequest,
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":[]}}"#, Case::ParamsInvalid),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}"#,
            Case::ParamsInvalid,
        ),
    ];
    for (body, wanted) in cases {
        assert_eq!(case(&none, body), wanted, "{body}");
    }
    assert_eq!(
        decode(&none, &Bytes::from_static(b"\xff"), DEPTH).unwrap_err().refusal.case(),
        Case::BodyNotJson
    );
}

#[test]
fn nesting_is_counted_outside_of_strings() {
    let text = "[{".repeat(500);
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","x":"{text}\"[["}}"#);
    assert!(read(&HeaderMap::new(), &body).is_ok());
}

#[test]
fn a_modern_request_says_its_version_and_capabilities() {
    let headers = modern_headers("tools/list", None);
    let body = |meta: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":3,"method":"tools/list","params":{{"_meta":{meta}}}}}"#)
    };
    let version = r#""io.modelcontextprotocol/protocolVersion":"#;
    assert_eq!(read(&headers, &body("{}")).unwrap_err(), (Some("3".into()), Case::MetaMissing));
    let no_capabilities = body(&format!(r#"{{{version}"2026-07-28"}}"#));
    assert_eq!(case(&headers, &no_capabilities), Case::MetaMissing);
    let mut future = headers.clone();
    future.insert("mcp-protocol-version", HeaderValue::from_static("2030-01-01"));
    assert_eq!(
        case(&future, &body(&format!(r#"{{{version}"2030-01-01"}}"#))),
        Case::VersionUnsupported
    );
    let discover = r#"{"jsonrpc":"2.0","id":1,"method":"server/discover"}"#;
    assert_eq!(case(&HeaderMap::new(), discover), Case::MetaMissing);
}

#[test]
fn the_older_era_is_known_by_its_handshake_and_its_headers() {
    let hello = |version: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"{version}"}}}}"#
        )
    };
    let none = HeaderMap::new();
    let wanted = |version: &str| read(&none, &hello(version)).unwrap().session;
    assert_eq!(wanted("2025-06-18"), SessionRef::Wanted(Version::V2025_06_18));
    assert_eq!(wanted("2026-07-28"), SessionRef::Wanted(Version::V2025_11_25));
    assert_eq!(wanted("1999-01-01"), SessionRef::Wanted(Version::V2025_11_25));

    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    assert_eq!(read(&none, ping).unwrap().version, Version::V2025_03_26);
    let session = headers(&[("mcp-session-id", "s"), ("mcp-protocol-version", "2025-06-18")]);
    let call = read(&session, ping).unwrap();
    assert_eq!(call.session, SessionRef::Claimed("s".into()));
    assert_eq!(call.version, Version::V2025_06_18);
    let odd = headers(&[("mcp-protocol-version", "2024-01-01")]);
    assert_eq!(case(&odd, ping), Case::VersionUnsupported);
}

#[test]
fn a_modern_request_names_the_log_messages_that_it_wants() {
    let body = |level: &str| {
        let meta =
            META.replace("{\"io", &format!(r#"{{"io.modelcontextprotocol/logLevel":{level},"io"#));
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{{meta}}}}}"#)
    };
    let modern = modern_headers("tools/list", None);
    let level = |text: &str| read(&modern, &body(text)).unwrap().meta.log_level;
    assert_eq!(level(r#""notice""#), Some(LogLevel::Notice));
    for bad in [r#""Notice""#, r#""verbose""#, "7", "null"] {
        assert_eq!(case(&modern, &body(bad)), Case::ParamsInvalid, "{bad}");
    }
    let older = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/logLevel":"verbose"}}}"#;
    let older = read(&headers(&[("mcp-session-id", "s")]), older).unwrap();
    assert_eq!(older.meta.log_level, None, "it has a request of its own for that");
}

#[test]
fn a_request_says_how_long_its_caller_waits_in_either_era() {
    let member = |ms: &str| format!(r#"{{"toolgate/timeout_ms":{ms},"io"#);
    let modern = |ms: &str| {
        let meta = META.replace("{\"io", &member(ms));
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{{meta}}}}}"#);
        read(&modern_headers("tools/list", None), &body)
    };
    assert_eq!(modern("1500").unwrap().waits, Some(Duration::from_millis(1500)));
    for bad in ["0", "-1", "1.5", "1e3", r#""1500""#, "null", "18446744073709551616"] {
        assert_eq!(modern(bad).unwrap_err().1, Case::ParamsInvalid, "{bad}");
    }
    let older = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"toolgate/timeout_ms":7}}}"#;
    let older = read(&headers(&[("mcp-session-id", "s")]), older).unwrap();
    assert_eq!(older.waits, Some(Duration::from_millis(7)));
    let twice = member("1").replace("\"io", "\"toolgate/timeout_ms\":2,\"io");
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{{}}}}}"#,
        META.replace("{\"io", &twice)
    );
    assert_eq!(case(&modern_headers("tools/list", None), &body), Case::ParamsInvalid);
}

#[test]
fn mirrored_arguments_are_kept_as_they_came_for_whoever_knows_the_tool() {
    let mut modern = modern_headers("tools/call", Some("a___b"));
    modern.append("mcp-param-region", HeaderValue::from_static(" eu\t"));
    modern.append("mcp-param-region", HeaderValue::from_bytes(b"\xfc").unwrap());
    let mirrored = |name: &str, value: Option<&str>| Mirrored {
        name: name.into(),
        value: value.map(Box::from),
    };
    let found = read(&modern, &call(r#""a___b""#)).unwrap().mirrored;
    assert_eq!(found, [mirrored("region", Some("eu")), mirrored("region", None)]);
}

#[test]
fn what_2026_07_28_has_not_is_not_looked_for() {
    let body = |meta: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{{"uri":"a://1"{meta}}}}}"#
        )
    };
    let modern = read(&modern_headers("resources/subscribe", None), &body(&format!(",{META}")));
    assert_eq!(modern.unwrap().kind, None);
    let older = read(&headers(&[("mcp-session-id", "s")]), &body("")).unwrap();
    assert_eq!(older.kind, Some(Kind::Resources));
}

#[test]
fn ids_are_kept_as_they_were_written() {
    for id in ["\"7\"", "7", "-1", "12345678901234567890", "1.50", "1e3", "\"\\u0041\""] {
        let body = format!(r#"{{"jsonrpc":"2.0","id": {id} ,"method":"ping"}}"#);
        let call = read(&HeaderMap::new(), &body).unwrap();
        assert_eq!(call.id.unwrap().as_bytes(), id.as_bytes());
    }
}

#[test]
fn a_method_may_be_spelled_with_escapes() {
    let body = call(r#""t""#).replace("tools/call", r"tools\/call");
    let call = read(&modern_headers("tools/call", Some("t")), &body).unwrap();
    assert_eq!(call.method, Method::ToolsCall);
}

#[test]
fn a_byte_order_mark_is_neither_read_nor_forwarded() {
    let body = format!("\u{feff}{}", call(r#""t""#));
    let call = read(&modern_headers("tools/call", Some("t")), &body).unwrap();
    let out = call.frame.rewrite(&Rewrite {
        id: "9",
        name: Some("t"),
        meta: MetaEdit::Keep,
        traceparent: None,
        more: None,
    });
    assert!(out.starts_with(b"{"), "{out:?}");
    assert_eq!(call.id.unwrap().as_bytes(), br#""7""#);
}

#[test]
fn each_method_is_about_the_member_that_is_its_own() {
    let body = |method: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"name":"n","uri":"u"}}}}"#
        )
    };
    let named = |method: &str| read(&HeaderMap::new(), &body(method)).unwrap().name;
    assert_eq!(named("tools/call").as_deref(), Some("n"));
    assert_eq!(named("prompts/get").as_deref(), Some("n"));
    assert_eq!(named("resources/read").as_deref(), Some("u"));
    assert_eq!(named("resources/subscribe").as_deref(), Some("u"));
    let other =
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"uri":"t","arguments":{}}}"#;
    assert_eq!(read(&HeaderMap::new(), other).unwrap().name, None);
}

#[test]
fn members_that_decide_or_are_executed_come_once() {
    for member in ["cursor", "arguments", "requestState", "inputResponses"] {
        for value in ["null", "{}"] {
            if (member, value) == ("cursor", "{}") {
                continue;
            }
            let pair = format!(r#""{member}":{value}"#);
            let body = |params: &str| {
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{{params}}}}}"#)
            };
            assert!(read(&HeaderMap::new(), &body(&pair)).is_ok(), "{pair}");
            let twice = body(&format!("{pair},{pair}"));
            assert_eq!(case(&HeaderMap::new(), &twice), Case::BodyNotRequest, "{twice}");
        }
    }
}

#[test]
fn what_could_be_read_of_a_bad_request_goes_into_its_record_and_its_answer() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let body = format!(
        r#"{{"jsonrpc":"1.0","id":"a","method":"tools/call","params":{{"name":7,
            "_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","traceparent":"{trace}"}}}}}}"#
    );
    let known = rejected(&headers(&[("mcp-session-id", "s")]), &body).unwrap_err().known;
    assert_eq!(known.id.unwrap().as_bytes(), br#""a""#);
    assert_eq!(known.method, Some(Method::ToolsCall));
    assert_eq!(known.version, Some(Version::V2026_07_28));
    assert_eq!(known.said, Some((Remote::from_traceparent(trace).unwrap(), None)));
    assert!(known.session);
    for (body, id) in [
        (r#"{"jsonrpc":"2.0","id":4,"method":"x","params":[]}"#, Some("4")),
        (r#"{"jsonrpc":"2.0","id":4,"method":"x","params":{"name":1,"name":2}}"#, Some("4")),
        // Which of them the caller waits for cannot be told.
        (r#"{"jsonrpc":"2.0","id":4,"id":5,"method":"x"}"#, None),
        (r#"{"jsonrpc":"2.0","id":{},"method":"x"}"#, None),
        (r#"{"jsonrpc":"2.0","id":4"#, None),
    ] {
        let (found, _) = read(&HeaderMap::new(), body).unwrap_err();
        assert_eq!(found.as_deref(), id, "{body}");
    }
}

#[test]
fn a_refusal_quotes_nothing_of_what_was_sent() {
    let secret = "hunter2, expected nothing";
    for body in [
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":"{secret}"}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"_meta":"{secret}"}}}}"#),
        format!(r#""{secret}""#),
        format!(r#"{{"jsonrpc":["{secret}"],"id":1,"method":"x"}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"cursor":["{secret}"]}}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x" "{secret}"}}"#),
    ] {
        let refusal = rejected(&HeaderMap::new(), &body).unwrap_err().refusal;
        let said = format!("{refusal} {:?}", refusal.operator_detail());
        assert!(!said.contains("hunter2"), "{said}");
        assert!(said.contains(" at line 1 column "), "{said}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decode(&HeaderMap::new(), &Bytes::from(body), 8).is_err());
    }

    #[test]
    fn no_text_like_json_makes_it_panic(body in r#"[\[\]{}",:0-9a-z_ \\]{0,120}"#) {
        let _decoded = decode(&HeaderMap::new(), &Bytes::from(body), 8);
    }
}
