//! What goes out, and what each kind of answer is read as.

use std::time::Duration;

use serde_json::json;
use serde_json::value::RawValue;

use super::server::{Canned, Server};
use crate::{Answer, Bearer, Client, Failure};

const RESULT: &str =
    r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"big":12345678901234567890123}}"#;
const LONG: Duration = Duration::from_secs(30);

fn client(server: &Server) -> Client {
    let token = Bearer::new("abc.def.ghi");
    Client::new(&server.url("/mcp"), token, LONG).unwrap()
}

fn arguments(text: &str) -> Box<RawValue> {
    serde_json::from_str(text).unwrap()
}

/// Calls once, and gives the progress messages too.
async fn called(answer: Canned) -> (Result<Answer, Failure>, Vec<String>) {
    let server = Server::start(vec![answer]).await;
    let mut told = Vec::new();
    let done = client(&server)
        .call("t", &arguments("{}"), &mut |progress| {
            told.push(format!("{} {:?}", progress.progress, progress.message));
        })
        .await;
    (done, told)
}

async fn failed(answer: Canned) -> Failure {
    called(answer).await.0.unwrap_err()
}

#[tokio::test]
async fn a_call_carries_its_headers_its_meta_and_its_arguments_as_typed() {
    let server = Server::start(vec![Canned::json(200, RESULT)]).await;
    let typed = arguments(r#"{"id":12345678901234567890123,"b":1,"a":2}"#);
    client(&server).call("shop___create", &typed, &mut |_| {}).await.unwrap();
    let seen = server.only();
    assert_eq!(seen.path, "/mcp");
    assert_eq!(seen.header("authorization"), "Bearer abc.def.ghi");
    assert_eq!(seen.header("accept"), "application/json, text/event-stream");
    assert_eq!(seen.header("content-type"), "application/json");
    assert_eq!(seen.header("mcp-protocol-version"), "2026-07-28");
    assert_eq!(seen.header("mcp-method"), "tools/call");
    assert_eq!(seen.header("mcp-name"), "shop___create");
    assert!(seen.body.contains(r#""arguments":{"id":12345678901234567890123,"b":1,"a":2}"#));
    let body = seen.json();
    let meta = &body["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], json!({}));
    assert_eq!(meta["progressToken"], 1);
}

#[tokio::test]
async fn a_name_that_no_header_can_carry_goes_in_base64() {
    let server = Server::start(vec![Canned::json(200, RESULT)]).await;
    client(&server).call("größe", &arguments("{}"), &mut |_| {}).await.unwrap();
    assert_eq!(server.only().header("mcp-name"), "=?base64?Z3LDtsOfZQ==?=");
}

#[tokio::test]
async fn the_result_comes_back_as_the_bytes_it_was() {
    let (done, _) = called(Canned::json(200, RESULT).header("x-request-id", "r-1")).await;
    let answer = done.unwrap();
    assert_eq!(answer.result.get(), r#"{"content":[],"big":12345678901234567890123}"#);
    assert_eq!(answer.head.status, 200);
    assert_eq!(answer.head.request_id(), Some("r-1"));
    assert_eq!(answer.head.bytes, RESULT.len());
}

#[tokio::test]
async fn an_event_stream_gives_progress_and_then_the_result() {
    let chunks = [
        ":\r\n\r\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",",
        "\"params\":{\"progressToken\":1,\"progress\":3,\"total\":10,\"message\":\"three\"}}\r",
        "\n\r\ndata: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"other\":true}}\n\n",
        "data: {\"jsonrpc\":\"2.0\",\n",
        "data: \"id\":1,\"result\":{\"ok\":true}}\n\n",
    ];
    let (done, told) = called(Canned::events(&chunks)).await;
    assert_eq!(told, [r#"3 Some("three")"#]);
    let answer = done.unwrap();
    assert_eq!(answer.result.get(), r#"{"ok":true}"#);
    assert!(answer.head.streamed);
}

#[tokio::test]
async fn a_stream_that_ends_without_an_answer_is_a_lost_answer() {
    let failure = failed(Canned::events(&["data: {\"jsonrpc\":\"2.0\"}\n\n"])).await;
    assert!(matches!(failure, Failure::Lost { .. }), "{failure:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_is_a_lost_answer() {
    for answer in [Canned::hang_up(), Canned::json(200, "{\"jsonrpc\"").broken()] {
        let failure = failed(answer).await;
        assert!(matches!(failure, Failure::Lost { .. }), "{failure:?}");
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::new(&url, None, LONG).unwrap();
    let failure = client.call("t", &arguments("{}"), &mut |_| {}).await.unwrap_err();
    assert!(matches!(failure, Failure::Unreachable { .. }), "{failure:?}");
    assert!(failure.to_string().contains("refused"), "{failure}");
}

#[tokio::test]
async fn a_silent_gateway_runs_out_of_time_and_the_request_had_gone_out() {
    let server = Server::start(vec![Canned::json(200, "").stuck()]).await;
    let short = Duration::from_secs(1);
    let client = Client::new(&server.url("/mcp"), None, short).unwrap();
    let failure = client.call("t", &arguments("{}"), &mut |_| {}).await.unwrap_err();
    assert!(matches!(failure, Failure::TimedOut { was_sent: true, .. }), "{failure:?}");
}

#[tokio::test]
async fn an_error_keeps_status_code_and_data() {
    let body = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no","data":{"reason":"invalid_params","retry_safe":false,"retry_after_ms":9}}}"#;
    let Failure::Refused(refused) = failed(Canned::json(200, body)).await else { panic!() };
    assert_eq!((refused.code, &*refused.message), (-32602, "no"));
    assert_eq!(refused.text("reason"), Some("invalid_params"));
    assert_eq!(refused.is_retry_safe(), Some(false));
    assert_eq!(refused.retry_after_ms(), Some(9));
    assert!(!refused.is_outcome_unknown());
}

#[tokio::test]
async fn an_error_without_an_id_is_ours_too() {
    let body = r#"{"jsonrpc":"2.0","error":{"code":401,"message":"a token is needed"}}"#;
    let challenge = r#"Bearer error="insufficient_scope", scope="a b""#;
    let answer = Canned::json(401, body).header("www-authenticate", challenge);
    let Failure::Refused(refused) = failed(answer).await else { panic!() };
    assert_eq!(refused.head.status, 401);
    assert_eq!(refused.head.needed_scopes(), Some("a b"));
}

#[tokio::test]
async fn a_tool_that_says_it_failed_is_a_failure_with_its_result() {
    let body = r#"{"jsonrpc":"2.0","id":1,"result":{"isError":true,"content":[]}}"#;
    let Failure::Tool(answer) = failed(Canned::json(200, body)).await else { panic!() };
    assert_eq!(answer.result.get(), r#"{"isError":true,"content":[]}"#);
}

#[tokio::test]
async fn what_is_not_mcp_is_told_apart_and_quoted_briefly() {
    let page = "<html>\n<body>Bad   Gateway</body>".to_owned() + &"x".repeat(5000);
    let cases = [
        (
            Canned::of(502, "text/html", vec![page]),
            "HTTP 502: not a JSON-RPC answer: <html> <body>Bad Gateway",
        ),
        (Canned::json(200, "{}"), "HTTP 200: not a JSON-RPC answer: {}"),
        (Canned::json(200, ""), "HTTP 200: an empty answer, not JSON-RPC"),
        (
            Canned::json(308, "").header("location", "https://elsewhere/mcp"),
            "HTTP 308: redirected to https://elsewhere/mcp; redirects are not followed",
        ),
    ];
    for (answer, begins) in cases {
        let failure = failed(answer).await;
        assert!(matches!(failure, Failure::NotMcp { .. }), "{failure:?}");
        assert!(failure.to_string().starts_with(begins), "{failure}");
        assert!(failure.to_string().len() < 200);
    }
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let page = |name: &str, next: &str| {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{{"name":"{name}","inputSchema":{{}}}}]{next}}}}}"#
        );
        Canned::json(200, body)
    };
    let server = Server::start(vec![page("a", r#","nextCursor":"""#), page("b", "")]).await;
    let tools = client(&server).tools().await.unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| &*tool.name).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(tools[0].raw.get(), r#"{"name":"a","inputSchema":{}}"#);
    let seen = server.seen();
    assert_eq!(seen[0].header("mcp-method"), "tools/list");
    assert!(seen[0].json()["params"].get("cursor").is_none());
    assert_eq!(seen[1].json()["params"]["cursor"], "", "an empty cursor is a cursor");
}

#[test]
fn a_url_that_cannot_be_asked_is_said_so_without_its_password() {
    let wrong = |url: &str| Client::new(url, None, LONG).unwrap_err().to_string();
    assert!(wrong("127.0.0.1:8800/mcp").contains("must begin with http"));
    assert!(wrong("ftp://host/mcp").contains("must begin with http"));
    for url in ["http://user:sesame@host/mcp", "http://user:se same@host/mcp", "sesame@host"] {
        assert!(!wrong(url).contains("same"), "{url}");
    }
}

#[test]
fn a_token_is_one_word_and_not_in_its_debug_form() {
    for wrong in ["", "  ", "two words", "quo\"te", "$(id)", "new\nline", "ü"] {
        assert!(Bearer::new(wrong).is_none(), "{wrong:?}");
    }
    let token = Bearer::new(" abc.def \n").unwrap();
    assert_eq!(token.reveal(), "abc.def");
    let client = Client::new("http://127.0.0.1:1/mcp", Some(token), LONG).unwrap();
    assert!(!format!("{client:?}").contains("abc"));
}
