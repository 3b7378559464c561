//! What callers may send, what they may not, and that everything else goes through untouched.

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use toolgate_tests::client::{Ask, Client, LEGACY, MODERN, message, with_meta};
use toolgate_tests::gateway::Gateway;
use toolgate_tests::sick::{Act, Era, Sick};

use crate::expect::{OPEN, Refused, fine};

/// A gateway before a target of each era, called `new` and `old`.
async fn before(new: &Sick, old: &Sick) -> Result<Gateway> {
    let (new, old) = (new.url(), old.url());
    let config = format!(
        "{OPEN}targets:\n  new: {{ mcp: {{ url: \"{new}\" }} }}\n  old: {{ mcp: {{ url: \"{old}\" }} }}\n"
    );
    Gateway::start(&config).await
}

/// A gateway whose targets nobody calls.
async fn alone() -> Result<(Gateway, Sick)> {
    let sick = Sick::start(Era::Modern).await?;
    let gateway = before(&sick, &sick).await?;
    Ok((gateway, sick))
}

/// Every request is refused as it says, and none of them reaches the target.
async fn refused(cases: Vec<(&str, Ask, Refused)>) -> Result<()> {
    let (gateway, sick) = alone().await?;
    for (what, ask, expected) in cases {
        let answer = gateway.client().send(ask).await.context(what.to_owned())?;
        expected.check(&gateway, &answer).await.with_context(|| what.to_owned())?;
    }
    ensure!(sick.asked("tools/call") == 0, "a call went through");
    gateway.books_agree().await
}

const fn parse_error(says: &'static str) -> Refused {
    Refused::caller(400, -32700, "parse_error", says)
}

const fn invalid(status: u16, says: &'static str) -> Refused {
    Refused::caller(status, -32600, "invalid_request", says)
}

const fn mismatch(says: &'static str) -> Refused {
    Refused::caller(400, -32020, "header_mismatch", says)
}

/// A tool call that is good as it stands.
fn call() -> Ask {
    Ask::tool("new___write", json!({}))
}

/// A modern tool call with these bytes for `params`.
fn call_with(params: &str) -> Ask {
    Ask::modern_raw("1", "tools/call", params).header("mcp-name", "new___write")
}

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

#[tokio::test]
async fn a_body_that_is_not_json_is_refused() -> Result<()> {
    refused(vec![
        ("cut off", Ask::post(r#"{"jsonrpc":"2.0","id":1"#), parse_error("not JSON")),
        ("empty", Ask::post(""), parse_error("not JSON")),
        ("no JSON at all", Ask::post("tools/call"), parse_error("not JSON")),
        ("two values", Ask::post("{}{}"), parse_error("not JSON")),
        ("not UTF-8", Ask::post(&b"{\"jsonrpc\":\"\xff\"}"[..]), parse_error("not UTF-8")),
    ])
    .await
}

#[tokio::test]
async fn a_body_that_is_not_one_request_is_refused() -> Result<()> {
    let list = with_meta(json!({}));
    let good = message("1", "tools/list", &list);
    let ids = "must be a string or a number";
    refused(vec![
        ("batch", Ask::post(format!("[{good}]")), invalid(400, "in a session of 2025-03-26 only")),
        ("empty batch", Ask::post(" []"), invalid(400, "in a session of 2025-03-26 only")),
        ("string", Ask::post("\"hello\""), invalid(400, "not a JSON-RPC request")),
        ("no method", Ask::post(r#"{"jsonrpc":"2.0","id":1}"#), invalid(400, "`method`")),
        ("no version", Ask::post(r#"{"id":1,"method":"ping"}"#), invalid(400, "`jsonrpc`")),
        (
            "response",
            Ask::post(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
            invalid(400, "this is a response"),
        ),
        (
            "error response",
            Ask::post(r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}"#),
            invalid(400, "this is a response"),
        ),
        ("id null", Ask::modern_raw("null", "tools/list", &list), invalid(400, ids)),
        ("id true", Ask::modern_raw("true", "tools/list", &list), invalid(400, ids)),
        ("id array", Ask::modern_raw("[1]", "tools/list", &list), invalid(400, ids)),
        ("params array", Ask::modern_raw("1", "tools/list", "[1]"), invalid(400, "`params`")),
        (
            "a request without an id",
            Ask::post(format!(r#"{{"jsonrpc":"2.0","method":"tools/list","params":{list}}}"#)),
            invalid(400, "has an `id`"),
        ),
    ])
    .await
}

#[tokio::test]
async fn a_member_that_comes_twice_is_refused_however_it_is_spelled() -> Result<()> {
    let says = "comes twice";
    let twice = |more: &str| call_with(&format!(r#"{{"name":"new___write",{more},{META}}}"#));
    let body = |head: &str| {
        let params = format!(r#"{{"name":"new___write",{META}}}"#);
        Ask::post(format!(r#"{{"jsonrpc":"2.0",{head},"params":{params}}}"#))
            .header("mcp-protocol-version", MODERN)
            .header("mcp-method", "tools/call")
            .header("mcp-name", "new___write")
    };
    refused(vec![
        ("name", twice(r#""name":"old___write""#), invalid(400, says)),
        ("name, escaped", twice(r#""n\u0061me":"old___write""#), invalid(400, says)),
        ("_meta", twice(META), invalid(400, says)),
        ("id", body(r#""id":1,"id":2,"method":"tools/call""#), invalid(400, says)),
        ("method", body(r#""id":1,"method":"tools/call","method":"x""#), invalid(400, says)),
        ("params", body(r#""id":1,"method":"tools/call","params":{}"#), invalid(400, says)),
        (
            "protocolVersion in _meta",
            call_with(&format!(
                r#"{{"name":"new___write",{}}}"#,
                META.replace(
                    r#""_meta":{"#,
                    r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2025-11-25","#
                )
            )),
            // Malformed, not missing: an answer in band (`mcp.md` 1.9).
            Refused::caller(200, -32602, "invalid_params", says),
        ),
    ])
    .await
}

#[tokio::test]
async fn a_body_that_is_nested_too_deeply_is_refused() -> Result<()> {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let deep = format!(r#"{{"name":"new___write","arguments":{{"a":{deep}}},{META}}}"#);
    refused(vec![("deep", call_with(&deep), invalid(400, "nested more than 128 levels deep"))])
        .await
}

/// The head of a POST to `/mcp` whose body is still to come.
fn head(gateway: &Gateway, more: &str) -> Vec<u8> {
    let host = gateway.listen();
    format!(
        "POST /mcp HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Connection: close\r\n{more}\r\n\r\n"
    )
    .into_bytes()
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_whether_or_not_it_says_so_first() -> Result<()> {
    let (gateway, sick) = alone().await?;
    let mut announced = head(&gateway, "Content-Length: 5000000");
    announced.extend(std::iter::repeat_n(b' ', 5_000_000));
    let mut chunked = head(&gateway, "Transfer-Encoding: chunked");
    for _ in 0..80 {
        chunked.extend_from_slice(b"10000\r\n");
        chunked.extend(std::iter::repeat_n(b' ', 0x10000));
        chunked.extend_from_slice(b"\r\n");
    }
    for bytes in [announced, chunked] {
        let told = gateway.client().raw(&bytes).await?;
        assert!(told.starts_with("HTTP/1.1 413"), "{told}");
        assert!(told.contains("larger than 4194304 bytes"), "{told}");
        assert!(told.contains("-32600") && told.contains("invalid_request"), "{told}");
    }
    assert_eq!(sick.asked("tools/call"), 0);
    gateway.books_agree().await
}

#[tokio::test]
async fn a_caller_that_writes_all_of_its_body_first_still_learns_that_it_is_too_large() -> Result<()>
{
    let (gateway, _sick) = alone().await?;
    for _ in 0..10 {
        let large = json!({ "text": "x".repeat(5_000_000) });
        let answer = gateway.client().tool("new___write", large).await?;
        invalid(413, "larger than 4194304 bytes").check(&gateway, &answer).await?;
    }
    Ok(())
}

#[tokio::test]
async fn many_brackets_inside_strings_are_not_depth() -> Result<()> {
    let (gateway, _sick) = alone().await?;
    let flat = json!({ "text": "[{\"".repeat(500), "list": vec![json!({}); 500] });
    fine(&gateway, &gateway.client().tool("new___write", flat).await?).await?;
    Ok(())
}

#[tokio::test]
async fn a_header_that_contradicts_the_body_is_refused() -> Result<()> {
    refused(vec![
        (
            "version",
            call().instead("mcp-protocol-version", LEGACY),
            mismatch("mcp-protocol-version differs"),
        ),
        ("no version", call().without("mcp-protocol-version"), mismatch("is missing")),
        ("method", call().instead("mcp-method", "tools/list"), mismatch("mcp-method differs")),
        ("method in capitals", call().instead("mcp-method", "TOOLS/CALL"), mismatch("differs")),
        ("no method", call().without("mcp-method"), mismatch("mcp-method is missing")),
        ("name", call().instead("mcp-name", "old___read"), mismatch("mcp-name differs")),
        ("no name", call().without("mcp-name"), mismatch("mcp-name is missing")),
        ("name twice", call().header("mcp-name", "old___read"), mismatch("mcp-name comes twice")),
        ("name not Base64", call().instead("mcp-name", "=?base64?%%?="), mismatch("not valid")),
    ])
    .await
}

#[tokio::test]
async fn a_name_header_may_be_encoded() -> Result<()> {
    let (gateway, _sick) = alone().await?;
    // base64("new___write")
    let ask = call().instead("mcp-name", "=?base64?bmV3X19fd3JpdGU=?=");
    fine(&gateway, &gateway.client().send(ask).await?).await?;
    Ok(())
}

#[tokio::test]
async fn a_modern_request_without_its_meta_is_refused() -> Result<()> {
    let missing = |says| Refused::caller(400, -32602, "invalid_params", says);
    let only_version = r#"{"name":"new___write","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#;
    refused(vec![
        (
            "no _meta",
            call_with(r#"{"name":"new___write"}"#),
            missing("lacks `io.modelcontextprotocol/protocolVersion`"),
        ),
        (
            "no capabilities",
            call_with(only_version),
            missing("lacks `io.modelcontextprotocol/clientCapabilities`"),
        ),
        (
            "_meta a string",
            call_with(r#"{"name":"x","_meta":"x"}"#),
            Refused::caller(200, -32602, "invalid_params", "`params._meta` is wrong"),
        ),
    ])
    .await
}

#[tokio::test]
async fn an_unsupported_version_is_told_what_is_supported() -> Result<()> {
    let (gateway, _sick) = alone().await?;
    let expected = Refused::caller(400, -32022, "invalid_request", "unsupported protocol version");
    let unknown = META.replace(MODERN, "2027-01-01");
    let ask = call_with(&format!(r#"{{"name":"new___write",{unknown}}}"#))
        .instead("mcp-protocol-version", "2027-01-01");
    let answer = gateway.client().send(ask).await?;
    let error = expected.check(&gateway, &answer).await?;
    let supported = json!(["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"]);
    assert_eq!(error["data"]["supported"], supported);
    assert_eq!(error["data"]["requested"], "2027-01-01");
    assert_eq!(answer.message()?["id"], 1);
    let old = Ask::on_session("x", message("1", "tools/list", "{}"))
        .instead("mcp-protocol-version", "2024-01-01");
    let answer = gateway.client().send(old).await?;
    let error = expected.check(&gateway, &answer).await?;
    assert_eq!(error["data"]["requested"], "2024-01-01");
    Ok(())
}

#[tokio::test]
async fn an_initialize_for_an_unknown_version_is_answered_with_the_newest_older_one() -> Result<()>
{
    let (gateway, _sick) = alone().await?;
    for (asked, given) in [("1999-01-01", LEGACY), ("2025-03-26", "2025-03-26")] {
        let params = json!({
            "protocolVersion": asked, "capabilities": {}, "clientInfo": { "name": "x", "version": "1" },
        });
        let ask = Ask::post(message("1", "initialize", &params.to_string()));
        let answer = gateway.client().send(ask).await?;
        assert_eq!(fine(&gateway, &answer).await?["protocolVersion"], given);
        assert!(answer.header("mcp-session-id").is_some());
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_method_has_the_status_of_its_era() -> Result<()> {
    let (gateway, _sick) = alone().await?;
    let unknown = |status| Refused::caller(status, -32601, "method_not_found", "");
    let modern = gateway.client().modern("tools/frobnicate", json!({})).await?;
    unknown(404).check(&gateway, &modern).await?;
    assert!(!modern.text().contains("frobnicate"), "a caller's word in a metric or answer");
    let session = gateway.client().session().await?;
    let legacy = session.request("tools/frobnicate", json!({})).await?;
    unknown(200).check(&gateway, &legacy).await?;
    assert_eq!(legacy.message()?["id"], 7);
    let metrics = gateway.metrics().await?;
    let other = [("mcp_method_name", "_OTHER"), ("outcome", "caller")];
    assert_eq!(metrics.sum("toolgate_requests_total", &other), 2.0);
    Ok(())
}

#[tokio::test]
async fn an_unknown_tool_is_the_callers_mistake_in_both_eras() -> Result<()> {
    let (gateway, _sick) = alone().await?;
    let expected = Refused::caller(200, -32602, "target_unknown", "unknown tool");
    for name in ["nowhere___write", "new___nothing", "write", "", "new___"] {
        let answer = gateway.client().tool(name, json!({})).await?;
        expected.check(&gateway, &answer).await.with_context(|| name.to_owned())?;
    }
    let session = gateway.client().session().await?;
    let answer = session.tool("nowhere___write", json!({})).await?;
    expected.check(&gateway, &answer).await?;
    let params = with_meta(json!({ "arguments": {} }));
    let ask = Ask::modern_raw("1", "tools/call", &params).header("mcp-name", "");
    let answer = gateway.client().send(ask).await?;
    let expected = Refused::caller(200, -32602, "invalid_params", "`params.name` is missing");
    expected.check(&gateway, &answer).await?;
    Ok(())
}

#[tokio::test]
async fn only_a_host_and_an_origin_of_ours_get_in() -> Result<()> {
    let host = Refused::caller(403, -32600, "forbidden", "this Host is not served here");
    let origin = Refused::caller(403, -32600, "forbidden", "this Origin is not allowed");
    refused(vec![
        ("host", call().header("host", "evil.example.com"), host),
        ("host with our port", call().header("host", "evil.example.com:80"), host),
        ("host that begins like ours", call().header("host", "localhost.evil.example"), host),
        ("origin", call().header("origin", "https://evil.example.com"), origin),
        ("null origin", call().header("origin", "null"), origin),
        ("two origins", call().header("origin", "http://localhost").header("origin", "x"), origin),
    ])
    .await?;
    let (gateway, _sick) = alone().await?;
    let ours = call().header("host", "localhost:1").header("origin", "http://localhost:3000");
    fine(&gateway, &gateway.client().send(ours).await?).await?;
    Ok(())
}

#[tokio::test]
async fn what_is_sent_and_what_is_accepted_must_be_of_our_types() -> Result<()> {
    let accept = invalid(406, "accept application/json or text/event-stream");
    let content = invalid(415, "application/json");
    refused(vec![
        ("text", call().instead("content-type", "text/plain"), content),
        ("no type", call().without("content-type"), content),
        ("form", call().instead("content-type", "application/x-www-form-urlencoded"), content),
        ("accept html", call().instead("accept", "text/html"), accept),
        ("accept nothing", call().instead("accept", "application/json;q=0"), accept),
    ])
    .await?;
    let (gateway, _sick) = alone().await?;
    let utf8 = call().instead("content-type", "application/json; charset=utf-8");
    fine(&gateway, &gateway.client().send(utf8).await?).await?;
    let stream = call().instead("accept", "text/event-stream");
    let answer = gateway.client().send(stream).await?;
    fine(&gateway, &answer).await?;
    assert_eq!(answer.header("content-type").as_deref(), Some("text/event-stream"));
    Ok(())
}

#[tokio::test]
async fn http_methods_and_paths_are_as_the_protocol_says() -> Result<()> {
    let (gateway, _sick) = alone().await?;
    let client = gateway.client();
    for method in [Method::PUT, Method::PATCH, Method::OPTIONS] {
        let answer = client.send(Ask::of(method, "/mcp")).await?;
        invalid(405, "only POST").check(&gateway, &answer).await?;
        assert_eq!(answer.header("allow").as_deref(), Some("POST, GET, DELETE"));
    }
    for method in [Method::GET, Method::DELETE] {
        let modern = Ask::of(method.clone(), "/mcp").header("mcp-protocol-version", MODERN);
        invalid(405, "no sessions").check(&gateway, &client.send(modern).await?).await?;
        let bare = client.send(Ask::of(method, "/mcp")).await?;
        invalid(400, "a session is needed").check(&gateway, &bare).await?;
    }
    let answer = client.send(Ask::get("/")).await?;
    invalid(404, "MCP is at /mcp").check(&gateway, &answer).await?;
    gateway.books_agree().await
}

#[tokio::test]
async fn a_session_is_needed_must_be_ours_and_ends_when_it_is_ended() -> Result<()> {
    let (gateway, sick) = alone().await?;
    let client = gateway.client();
    let list = || message("1", "tools/list", "{}");
    let bare = Ask::post(list()).header("mcp-protocol-version", LEGACY);
    let missing = invalid(400, "a session is needed");
    missing.check(&gateway, &client.send(bare).await?).await?;
    let gone = invalid(404, "this session has ended or never was");
    let foreign = client.send(Ask::on_session("made-up", list())).await?;
    gone.check(&gateway, &foreign).await?;
    let session = client.session().await?;
    session.request("tools/list", json!({})).await?.result()?;
    assert!(session.end().await?.status < 300);
    let after = session.tool("new___write", json!({})).await?;
    gone.check(&gateway, &after).await?;
    assert_eq!(after.message()?["id"], 7);
    gone.check(&gateway, &session.end().await?).await?;
    // Another gateway has another key.
    let (other, _other_sick) = alone().await?;
    let theirs = other.client().session().await?;
    gone.check(&gateway, &client.send(Ask::on_session(&theirs.id, list())).await?).await?;
    assert_eq!(sick.asked("tools/call"), 0);
    gateway.books_agree().await
}

#[tokio::test]
async fn a_modern_request_is_not_bound_to_a_session() -> Result<()> {
    let (gateway, _sick) = alone().await?;
    let answer = gateway.client().send(call().header("mcp-session-id", "made-up")).await?;
    fine(&gateway, &answer).await?;
    assert_eq!(answer.header("mcp-session-id"), None);
    Ok(())
}

/// Ids as they may be spelled.
const IDS: [&str; 8] = [
    "7",
    "\"7\"",
    "12345678901234567890",
    "1.5",
    "-3",
    "1e2",
    "\"caf\\u00e9 \\\"x\\\" \u{1f331}\"",
    "\"\"",
];

#[tokio::test]
async fn ids_are_echoed_exactly_as_they_were_sent() -> Result<()> {
    let (new, old) = (Sick::start(Era::Modern).await?, Sick::start(Era::Legacy).await?);
    let gateway = before(&new, &old).await?;
    let session = gateway.client().session().await?;
    for id in IDS {
        for (target, sick) in [("new", &new), ("old", &old)] {
            let name = format!("{target}___write");
            let params = json!({ "name": name, "arguments": {} });
            let ask = Ask::modern_raw(id, "tools/call", &with_meta(params.clone()))
                .header("mcp-name", &name);
            let modern = gateway.client().send(ask).await?;
            echoes(&modern.text(), id)?;
            sick.then([Act::Error(r#"{"code":-32000,"message":"no"}"#.to_owned())]);
            let legacy = session.send(message(id, "tools/call", &params.to_string())).await?;
            echoes(&legacy.text(), id)?;
        }
        let ask = Ask::modern_raw(id, "no/such/method", &with_meta(json!({})));
        echoes(&gateway.client().send(ask).await?.text(), id)?;
    }
    Ok(())
}

fn echoes(text: &str, id: &str) -> Result<()> {
    ensure!(text.starts_with(&format!(r#"{{"jsonrpc":"2.0","id":{id},"#)), "{id}: {text}");
    Ok(())
}

/// A result that nobody who parses it would write the same way again.
const ODD: &str = r#"{ "zeta":1.0,"content":[{"type":"text","text":"caf\u00e9","x-vendor":[1e3,12345678901234567890]}],
  "structuredContent":{"b":null,"a":{"__proto__":1}},"alpha":-0,"_meta":{"com.example/k":"v"},"resultType":"complete"}"#;

#[tokio::test]
async fn a_result_reaches_the_caller_byte_for_byte() -> Result<()> {
    let (new, old) = (Sick::start(Era::Modern).await?, Sick::start(Era::Legacy).await?);
    let gateway = before(&new, &old).await?;
    new.then([Act::Result(ODD.to_owned())]);
    let answer = gateway.client().tool("new___write", json!({})).await?;
    assert_eq!(answer.text(), format!(r#"{{"jsonrpc":"2.0","id":1,"result":{ODD}}}"#));
    let odd = ODD.replace(r#","resultType":"complete""#, "");
    old.then([Act::Result(odd.clone())]);
    let session = gateway.client().session().await?;
    let answer = session.tool("old___write", json!({})).await?;
    assert_eq!(answer.text(), format!(r#"{{"jsonrpc":"2.0","id":7,"result":{odd}}}"#));
    // From one era to the other only `resultType` is added or taken out.
    old.then([Act::Result(odd.clone())]);
    let answer = gateway.client().tool("old___write", json!({})).await?;
    let added = odd.replacen('{', r#"{"resultType":"complete","#, 1);
    assert_eq!(answer.text(), format!(r#"{{"jsonrpc":"2.0","id":1,"result":{added}}}"#));
    new.then([Act::Result(ODD.to_owned())]);
    let answer = session.tool("new___write", json!({})).await?;
    assert_eq!(answer.text(), format!(r#"{{"jsonrpc":"2.0","id":7,"result":{odd}}}"#));
    Ok(())
}

#[tokio::test]
async fn a_result_may_be_nested_as_deeply_as_its_target_likes() -> Result<()> {
    let (new, old) = (Sick::start(Era::Modern).await?, Sick::start(Era::Legacy).await?);
    let gateway = before(&new, &old).await?;
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let deep = format!(r#"{{"content":[],"structuredContent":{deep},"resultType":"complete"}}"#);
    new.then([Act::Result(deep.clone())]);
    let answer = gateway.client().tool("new___write", json!({})).await?;
    assert_eq!(answer.text(), format!(r#"{{"jsonrpc":"2.0","id":1,"result":{deep}}}"#));
    fine(&gateway, &gateway.client().tool("old___write", json!({})).await?).await?;
    Ok(())
}

#[tokio::test]
async fn a_request_reaches_the_target_byte_for_byte_but_for_id_name_and_trace() -> Result<()> {
    let (new, old) = (Sick::start(Era::Modern).await?, Sick::start(Era::Legacy).await?);
    let gateway = before(&new, &old).await?;
    let odd = r#"{"zeta":1.0, "arguments":{"z":1e3,"a":[true,null],"name":"inner","b":"caf\u00e9"},"alpha":12345678901234567890"#;
    let meta = META.replace(r#""_meta":{"#, r#""_meta":{"com.example/x":{"k":[1, 2]},"#);
    let params = format!(r#"{odd},"name":"new___write",{meta}}}"#);
    fine(&gateway, &gateway.client().send(call_with(&params)).await?).await?;
    let expected = params.replace("new___write", "write");
    sent(&new, &message("ID", "tools/call", &expected))?;
    let plain = format!(r#"{odd},"_meta":{{"com.example/x":1}},"name":"old___write"}}"#);
    let session = gateway.client().session().await?;
    session.send(message("\"7\"", "tools/call", &plain)).await?.result()?;
    sent(&old, &message("ID", "tools/call", &plain.replace("old___write", "write")))?;
    // To a modern target, an older request gets what it must carry there, and loses nothing.
    session.send(message("7", "tools/call", &plain.replace("old___", "new___"))).await?.result()?;
    let seen = new.seen().pop().context("the call")?;
    let meta = &seen.json()["params"]["_meta"];
    assert_eq!(meta["com.example/x"], 1);
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], MODERN);
    assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], json!({}));
    assert_eq!(seen.header("mcp-name"), Some("write"));
    assert_eq!(seen.header("mcp-method"), Some("tools/call"));
    assert_eq!(seen.header("mcp-protocol-version"), Some(MODERN));
    Ok(())
}

#[tokio::test]
async fn an_older_target_is_not_sent_what_only_modern_ones_know() -> Result<()> {
    let (new, old) = (Sick::start(Era::Modern).await?, Sick::start(Era::Legacy).await?);
    let gateway = before(&new, &old).await?;
    let params = json!({
        "name": "old___write", "arguments": {},
        "_meta": {
            "com.example/x": [1],
            "io.modelcontextprotocol/clientInfo": { "name": "e2e", "version": "1" },
            "progressToken": "mine",
        },
    });
    let ask = Ask::modern("tools/call", params).header("mcp-name", "old___write");
    fine(&gateway, &gateway.client().send(ask).await?).await?;
    let seen = old.seen();
    let call = seen.iter().rfind(|seen| seen.tool == "write").context("no call came")?;
    let meta = call.json()["params"]["_meta"].clone();
    assert_eq!(meta["com.example/x"], json!([1]), "{meta}");
    assert!(meta["progressToken"].is_string(), "{meta}");
    // A server that knows both eras takes these for a modern request, and refuses it.
    let modern = meta.as_object().context("no _meta")?.keys();
    let modern: Vec<_> = modern.filter(|key| key.starts_with("io.modelcontextprotocol/")).collect();
    assert_eq!(modern, Vec::<&String>::new());
    for header in ["mcp-method", "mcp-name"] {
        assert_eq!(call.header(header), None);
    }
    assert_eq!(call.header("mcp-protocol-version"), Some(LEGACY));
    Ok(())
}

/// The last call was sent as `expected`, where `ID` stands for whatever id it was given, and with
/// nothing but the gateway's own place in the trace before the other members of `_meta`.
fn sent(sick: &Sick, expected: &str) -> Result<()> {
    let seen = sick.seen();
    let last = seen.iter().rfind(|seen| seen.tool == "write").context("no call came")?;
    let id: Value = last.json()["id"].clone();
    let trace = last.header("traceparent").context("no trace")?;
    let meta = format!(r#""_meta":{{"traceparent":"{trace}","#);
    let expected = expected.replacen("\"id\":ID", &format!("\"id\":{id}"), 1).replacen(
        "\"_meta\":{",
        &meta,
        1,
    );
    ensure!(last.body == expected.as_bytes(), "{:?} instead of {expected}", last.body);
    Ok(())
}

#[tokio::test]
async fn the_request_id_is_the_callers_if_it_is_fit_for_a_log() -> Result<()> {
    let (gateway, sick) = alone().await?;
    let client: Client = gateway.client();
    let answer = client.send(call().header("x-request-id", "abc-1.2:3_4")).await?;
    assert_eq!(answer.header("x-request-id").as_deref(), Some("abc-1.2:3_4"));
    fine(&gateway, &answer).await?;
    let seen = sick.seen();
    let last = seen.iter().rfind(|seen| seen.tool == "write").context("the call")?;
    assert_eq!(last.header("x-request-id"), Some("abc-1.2:3_4"));
    let long = "x".repeat(200);
    for bad in ["has spaces", "new<line>", long.as_str()] {
        let answer = client.send(call().header("x-request-id", bad)).await?;
        let given = answer.header("x-request-id").context("an id")?;
        assert_ne!(given, bad);
        assert_eq!(given.len(), 36, "a UUID: {given}");
    }
    Ok(())
}
