//! Each way a call can end: exit code, text, JSON.

use serde_json::{Value, json};

use super::stage::{Dev, PIPE, Ran, SECRET, call, run_in};
use crate::commands::call::Screen;
use crate::commands::canned::{Canned, Server};
use crate::exit::Exit;

const DONE: &str =
    r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"ten past ten"}]}}"#;

async fn answered(answer: Canned, more: &[&str]) -> Ran {
    let server = Server::start(vec![answer]).await;
    call(&server, more).await
}

/// An error as the gateway writes it.
fn refusal(status: u16, code: i64, message: &str, data: &Value) -> Canned {
    let error = json!({"code": code, "message": message, "data": data});
    let body = json!({"jsonrpc": "2.0", "id": 1, "error": error}).to_string();
    Canned::json(status, body).header("x-request-id", "0199c2e5-20c7")
}

fn document(ran: &Ran) -> Value {
    assert_eq!(ran.out.trim_end().lines().count(), 1, "one document: {}", ran.out);
    assert_eq!(ran.err, "", "nothing but the document");
    serde_json::from_str(&ran.out).unwrap()
}

#[tokio::test]
async fn a_result_goes_to_standard_output_and_nothing_else_does() {
    let ran = answered(Canned::json(200, DONE), &[]).await;
    assert_eq!((ran.exit, &*ran.out, &*ran.err), (Exit::Ok, "ten past ten\n", ""));
}

#[tokio::test]
async fn structured_content_is_printed_as_the_json_it_was() {
    let body = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"no"}],"structuredContent":{"b":12345678901234567890123,"a":null}}}"#;
    let ran = answered(Canned::json(200, body), &[]).await;
    assert_eq!(ran.out, "{\"b\":12345678901234567890123,\"a\":null}\n");
}

#[tokio::test]
async fn an_event_stream_prints_progress_beside_the_result() {
    let stream = [
        "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progress\":3,\"total\":10,\"message\":\"three\\u001b[2J\"}}\n\n",
        "data: ",
        DONE,
        "\n\n",
    ];
    let ran = answered(Canned::events(&stream), &[]).await;
    assert_eq!((ran.exit, &*ran.out), (Exit::Ok, "ten past ten\n"));
    assert_eq!(ran.err, "... 3 of 10  three\u{fffd}[2J\n");
}

#[tokio::test]
async fn each_reason_has_its_exit_code() {
    let cases = [
        (400, "header_mismatch", Exit::Usage),
        (200, "invalid_params", Exit::Usage),
        (401, "unauthenticated", Exit::Identity),
        (403, "forbidden", Exit::Identity),
        (429, "rate_limited", Exit::Identity),
        (200, "connect_refused", Exit::Target),
        (200, "timeout_total", Exit::Target),
        (200, "upstream_5xx", Exit::Target),
        (200, "circuit_open", Exit::Target),
        (200, "outcome_unknown", Exit::Unknown),
        (500, "internal", Exit::Gateway),
        (503, "overloaded", Exit::Gateway),
        (503, "shutdown", Exit::Gateway),
        (200, "retry_budget", Exit::Gateway),
        // Time that ran out is no Ctrl-C.
        (200, "client_cancelled", Exit::Gateway),
    ];
    for (status, reason, exit) in cases {
        let data = json!({"reason": reason, "blame": "x", "retry_safe": false});
        let ran = answered(refusal(status, -32603, "no", &data), &[]).await;
        assert_eq!(ran.exit, exit, "{reason}: {}", ran.err);
        assert_eq!(ran.out, "");
    }
}

#[tokio::test]
async fn a_target_that_refuses_the_connection_is_told_whole() {
    let data = json!({
        "reason": "connect_refused", "blame": "network", "retry_safe": true,
        "target": "prom", "phase": "connect", "request_id": "0199c2e5-20c7",
    });
    let answer = refusal(200, -32603, "the target refused the connection", &data);
    let ran = answered(answer, &[]).await;
    let (report, story) = ran.err.split_once("failed ").unwrap();
    insta::assert_snapshot!(report, @r"
    error[TG6001]: the target refused the connection
       = blame: network, phase connect, target `prom`
       = safe to repeat: yes
       = help: start the target, or correct its address in the configuration
       = request: 0199c2e5-20c7
       = exit: 6
    ");
    assert!(story.contains(" ms  200  ") && story.contains("request 0199c2e5-20c7"), "{story}");
}

#[tokio::test]
async fn what_may_have_been_carried_out_exits_8_whatever_the_reason() {
    let data = json!({
        "reason": "timeout_first_byte", "blame": "target", "retry_safe": false, "outcome": "unknown",
    });
    let ran = answered(refusal(200, -32603, "no answer in time", &data), &[]).await;
    assert_eq!(ran.exit, Exit::Unknown);
    assert!(ran.err.contains("error[TG6006]: no answer in time"));
    assert!(ran.err.contains("= safe to repeat: no, it may have been carried out"));
}

#[tokio::test]
async fn an_answer_that_is_lost_exits_8_and_a_list_that_is_lost_exits_7() {
    let ran = answered(Canned::hang_up(), &[]).await;
    assert_eq!(ran.exit, Exit::Unknown);
    assert!(ran.err.starts_with("error[TG7008]: the connection broke"), "{}", ran.err);
    let server = Server::start(vec![Canned::hang_up()]).await;
    let ran = run_in(&["--list", "--url", &server.url("/mcp")], &|_| None, PIPE).await;
    assert_eq!(ran.exit, Exit::Gateway);
    assert!(ran.err.contains("= safe to repeat: yes"), "{}", ran.err);
}

#[tokio::test]
async fn a_call_without_an_answer_in_time_exits_8() {
    let ran = answered(Canned::json(200, "").stuck(), &["--timeout", "1s"]).await;
    assert_eq!(ran.exit, Exit::Unknown);
    assert!(ran.err.starts_with("error[TG7008]: no answer within 1s\n"), "{}", ran.err);
}

#[tokio::test]
async fn a_gateway_that_is_not_there_exits_7_and_nothing_was_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    drop(listener);
    let ran = run_in(&["clock___now", "--url", &url], &|_| None, PIPE).await;
    assert_eq!(ran.exit, Exit::Gateway);
    assert!(ran.err.starts_with("error[TG7001]: nothing answers at http://127.0.0.1:"));
    assert!(ran.err.contains("= blame: network") && ran.err.contains("= safe to repeat: yes"));
}

#[tokio::test]
async fn what_is_no_gateway_exits_7_and_a_broken_way_to_one_exits_8() {
    let page = || vec!["<html>".to_owned()];
    let ran = answered(Canned::of(404, "text/html", page()), &[]).await;
    assert_eq!(ran.exit, Exit::Gateway);
    let ran = answered(Canned::of(504, "text/html", page()), &[]).await;
    assert_eq!(ran.exit, Exit::Unknown);
    let ran = answered(Canned::of(401, "text/plain", page()), &[]).await;
    assert_eq!(ran.exit, Exit::Identity);
}

#[tokio::test]
async fn a_tool_that_says_it_failed_exits_5_and_its_words_are_printed() {
    let body = r#"{"jsonrpc":"2.0","id":1,"result":{"isError":true,"content":[{"type":"text","text":"no such zone"}]}}"#;
    let ran = answered(Canned::json(200, body), &[]).await;
    assert_eq!((ran.exit, &*ran.out), (Exit::Tool, "no such zone\n"));
    assert!(ran.err.starts_with("error[TG5001]: the tool said that it failed\n   = blame: tool\n"));
    let ran = answered(Canned::json(200, body), &["--output", "json"]).await;
    let document = document(&ran);
    assert_eq!(document["error"]["reason"], "tool_error");
    assert_eq!(document["result"]["content"][0]["text"], "no such zone");
    assert_eq!(ran.exit, Exit::Tool);
}

#[tokio::test]
async fn a_tool_that_asks_for_more_input_is_not_done() {
    let body =
        r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","inputRequests":{}}}"#;
    let ran = answered(Canned::json(200, body), &[]).await;
    assert_eq!(ran.exit, Exit::Tool);
    assert!(ran.err.starts_with("error[TG5004]:"), "{}", ran.err);
}

#[tokio::test]
async fn a_missing_scope_is_named_and_so_is_what_the_token_has() {
    // {"exp":4102444800,"client_id":"agent","scope":"gateway/invoke"}, unsigned.
    let token = format!(
        "{SECRET}.eyJleHAiOjQxMDI0NDQ4MDAsImNsaWVudF9pZCI6ImFnZW50Iiwic2NvcGUiOiJnYXRld2F5L2ludm9rZSJ9.sig"
    );
    let data = json!({"reason": "forbidden", "blame": "caller", "retry_safe": false});
    let challenge = r#"Bearer error="insufficient_scope", scope="gateway/invoke k8s/write""#;
    let answer =
        refusal(403, 403, "a scope is missing", &data).header("www-authenticate", challenge);
    let server = Server::start(vec![answer]).await;
    let words = ["t", "--url", &server.url("/mcp"), "--token", &token];
    let ran = run_in(&words, &|_| None, PIPE).await;
    let (report, _) = ran.err.split_once("failed ").unwrap();
    insta::assert_snapshot!(report, @r"
    error[TG4031]: a scope is missing
       = blame: caller
       = safe to repeat: not as it is, it would be refused again
       = note: the token says, read here without checking it: client agent, scopes gateway/invoke
       = help: it needs the scopes `gateway/invoke k8s/write`: toolgate token --scope gateway/invoke --scope k8s/write
       = request: 0199c2e5-20c7
       = exit: 4
    ");
}

#[tokio::test]
async fn without_a_token_the_code_says_so() {
    let data = json!({"reason": "unauthenticated", "blame": "caller", "retry_safe": false});
    let server = Server::start(vec![refusal(401, 401, "a token is needed", &data)]).await;
    let ran = run_in(&["t", "--url", &server.url("/mcp")], &|_| None, PIPE).await;
    assert!(ran.err.starts_with("error[TG4010]: a token is needed\n"), "{}", ran.err);
    assert_eq!(server.only().header("authorization"), "");
}

#[tokio::test]
async fn an_unknown_tool_is_answered_with_the_nearest_names() {
    let data = json!({"reason": "target_unknown", "blame": "caller", "retry_safe": false});
    let list = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"clock___now"},{"name":"shop___create"}]}}"#;
    let answers = vec![refusal(200, -32602, "unknown tool", &data), Canned::json(200, list)];
    let server = Server::start(answers).await;
    let ran = run_in(&["clock__nwo", "--url", &server.url("/mcp")], &|_| None, PIPE).await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(ran.err.contains("error[TG5002]: unknown tool"));
    assert!(ran.err.contains("= help: did you mean `clock___now`?"), "{}", ran.err);
}

#[tokio::test]
async fn an_error_of_the_target_itself_counts_against_the_target() {
    let body = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"boom","data":"text"}}"#;
    let ran = answered(Canned::json(200, body), &[]).await;
    assert_eq!(ran.exit, Exit::Target);
    assert!(ran.err.starts_with("error[TG6011]: boom\n   = blame: target\n"), "{}", ran.err);
}

#[tokio::test]
async fn as_json_a_failure_is_one_document_with_the_same_exit_code() {
    let data = json!({
        "reason": "rate_limited", "blame": "caller", "retry_safe": false, "retry_after_ms": 4000,
    });
    let answer = refusal(429, 429, "too many calls", &data)
        .header("server-timing", "read;dur=0.100, total;dur=0.100");
    let ran = answered(answer, &["--output", "json"]).await;
    assert_eq!(ran.exit, Exit::Identity);
    let document = document(&ran);
    let error = &document["error"];
    assert_eq!(error["code"], "TG4291");
    assert_eq!(error["reason"], "rate_limited");
    assert_eq!(error["blame"], "caller");
    assert_eq!(error["retry_safe"], false);
    assert_eq!(error["retry_after_ms"], 4000);
    assert_eq!(error["request_id"], "0199c2e5-20c7");
    assert_eq!(error["exit"], 4);
    assert_eq!(document["status"], 429);
    assert_eq!(document["ledger"]["phases_ms"]["read"], 0.1);
    assert_eq!(document["ledger"]["source"], "headers");
}

#[tokio::test]
async fn as_json_a_result_comes_with_its_ledger() {
    let body = r#"{"jsonrpc":"2.0","id":1,"result":{"_meta":{"toolgate/ledger":{"phases_ms":{"wait":2.5},"total_ms":2.5,"attempts":[{"reason":"ok","ms":2.5}],"target":"clock"}},"content":[]}}"#;
    let ran = answered(Canned::json(200, body), &["--output", "json"]).await;
    let document = document(&ran);
    assert!(document.get("error").is_none());
    assert_eq!(document["result"]["content"], json!([]));
    assert_eq!(document["ledger"]["total_ms"], 2.5);
    assert_eq!(document["ledger"]["attempts"], json!([{"reason": "ok", "ms": 2.5}]));
    assert_eq!(document["ledger"]["target"], "clock");
    assert_eq!(document["ledger"]["source"], "result");
}

#[tokio::test]
async fn the_ledger_shows_on_a_terminal_and_on_demand_and_not_else() {
    let body = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;
    let answer =
        || Canned::json(200, body).header("server-timing", "wait;dur=9.000, total;dur=9.000");
    assert_eq!(answered(answer(), &[]).await.err, "");
    assert!(answered(answer(), &["--ledger"]).await.err.contains("target   wait         w"));
    let server = Server::start(vec![answer()]).await;
    let screen = Screen { out_is_terminal: true, ..PIPE };
    let ran = run_in(&["t", "--url", &server.url("/mcp")], &|_| None, screen).await;
    assert!(ran.err.starts_with("ok "), "{}", ran.err);
    assert!(ran.err.contains("target   wait         w"));
}

#[tokio::test]
async fn a_running_dev_is_found_and_asked_for_a_token() {
    let token = format!(r#"{{"access_token":"{SECRET}.x.y","token_type":"Bearer"}}"#);
    let server = Server::start(vec![Canned::json(200, token), Canned::json(200, DONE)]).await;
    let dev = Dev::new("dev-call", &server);
    let words = ["clock___now", "--scope", "k8s/write"];
    // The variable is for gateways that are named; it must not reach this one.
    let env = |name: &str| match name {
        "TOOLGATE_TOKEN" => Some("of-another-gateway".to_owned()),
        _ => dev.env(name),
    };
    let ran = run_in(&words, &env, PIPE).await;
    assert_eq!((ran.exit, &*ran.out), (Exit::Ok, "ten past ten\n"), "{}", ran.err);
    let seen = server.seen();
    assert_eq!(seen[0].path, "/oauth2/token");
    assert!(seen[0].body.ends_with("scope=gateway%2Finvoke%20gateway%2Fobserve%20k8s%2Fwrite"));
    assert_eq!(seen[1].path, "/mcp");
    assert_eq!(seen[1].header("authorization"), format!("Bearer {SECRET}.x.y"));
}

#[tokio::test]
async fn the_token_of_dev_stays_with_dev_and_the_variable_is_for_named_gateways() {
    let dev_server = Server::start(vec![Canned::json(200, "{}")]).await;
    let dev = Dev::new("dev-other", &dev_server);
    let other = Server::start(vec![Canned::json(200, DONE)]).await;
    let words = ["t", "--url", &other.url("/mcp")];
    let ran = run_in(&words, &|name| dev.env(name), PIPE).await;
    assert_eq!(ran.exit, Exit::Ok, "{}", ran.err);
    let env = |name: &str| (name == "TOOLGATE_TOKEN").then(|| SECRET.to_owned());
    run_in(&words, &env, PIPE).await;
    assert_eq!(other.seen()[0].header("authorization"), "");
    assert_eq!(other.seen()[1].header("authorization"), format!("Bearer {SECRET}"));
    assert!(dev_server.seen().is_empty());
}

#[tokio::test]
async fn without_dev_and_without_a_url_it_says_what_to_start() {
    let ran = run_in(&["clock___now"], &|_| None, PIPE).await;
    assert_eq!(ran.exit, Exit::Gateway);
    insta::assert_snapshot!(ran.err, @r"
    error[TG7002]: no `toolgate dev` of this user runs, and no gateway is named
       = help: start one in another terminal: `toolgate dev`, or name one: --url URL
       = exit: 7
    ");
}

#[tokio::test]
async fn a_token_variable_that_is_not_set_is_a_mistake_of_usage() {
    let words = ["t", "--url", "http://127.0.0.1:1/mcp", "--token-env", "NOWHERE"];
    let ran = run_in(&words, &|_| None, PIPE).await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(ran.err.starts_with("error[TG4013]: `NOWHERE` is not set\n"), "{}", ran.err);
}

#[tokio::test]
async fn curl_is_printed_with_a_variable_and_nothing_is_sent() {
    let server = Server::start(vec![Canned::json(200, DONE)]).await;
    let ran = call(&server, &["note=it's", "--curl"]).await;
    assert_eq!(ran.exit, Exit::Ok);
    assert!(server.seen().is_empty());
    let first: Vec<&str> = ran.out.lines().collect();
    assert_eq!(first[0], format!("curl -sS '{}' \\", server.url("/mcp")));
    assert_eq!(first[1], "  -H \"Authorization: Bearer $TOOLGATE_TOKEN\" \\");
    assert!(ran.out.contains("  -H 'Mcp-Name: clock___now' \\\n"));
    assert!(ran.out.contains(r#""arguments":{"note":"it'\''s"}"#), "{}", ran.out);
}

#[tokio::test]
async fn a_list_has_names_and_first_lines() {
    let body = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"clock___now","description":"The time.\nMore."},{"name":"a"}]}}"#;
    let server = Server::start(vec![Canned::json(200, body)]).await;
    let url = server.url("/mcp");
    let ran = run_in(&["--list", "--url", &url], &|_| None, PIPE).await;
    assert_eq!((ran.exit, &*ran.out), (Exit::Ok, "clock___now  The time.\na\n"));
    let ran = run_in(&["--list", "--url", &url, "--output", "json"], &|_| None, PIPE).await;
    assert_eq!(document(&ran)["tools"][0]["name"], "clock___now");
}
