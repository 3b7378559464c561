//! What a function is told, and what is made of what it says.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use toolgate_call::Run;

use super::FunctionTools;
use super::answer::{Answered, Told, told};
use super::context::{About, MOST, client_context};
use super::report;

const ABOUT: About<'_> = About {
    request: "01a2",
    message: "7",
    gateway: "toolgate",
    target: "search",
    tool: "search___web",
};

fn decoded(context: &str) -> Value {
    serde_json::from_slice(&STANDARD.decode(context).unwrap()).unwrap()
}

#[test]
fn the_client_context_is_that_of_agentcore() {
    let context = decoded(&client_context(ABOUT).unwrap());
    let custom = json!({
        "bedrockAgentCoreMessageVersion": "1.0",
        "bedrockAgentCoreAwsRequestId": "01a2",
        "bedrockAgentCoreMcpMessageId": "7",
        "bedrockAgentCoreGatewayId": "toolgate",
        "bedrockAgentCoreTargetId": "search",
        "bedrockAgentCoreToolName": "search___web",
    });
    assert_eq!(context, json!({ "custom": custom }));
    for (id, said) in [(r#""a-1""#, "a-1"), (r#""say \"hi\"""#, r#"say "hi""#), ("", "")] {
        let text = decoded(&client_context(About { message: id, ..ABOUT }).unwrap());
        assert_eq!(text["custom"]["bedrockAgentCoreMcpMessageId"], said);
    }
}

#[test]
fn the_client_context_is_never_longer_than_lambda_takes() {
    let long = "m".repeat(10_000);
    let id = format!("\"{long}\"");
    let context = client_context(About { message: &id, ..ABOUT }).unwrap();
    assert_eq!(
        decoded(&context)["custom"]["bedrockAgentCoreMcpMessageId"],
        "",
        "a caller's own id"
    );
    assert!(context.len() <= MOST);
    assert_eq!(client_context(About { tool: &long, ..ABOUT }), None);
}

fn answered(payload: &str) -> Told {
    let payload = payload.as_bytes();
    told(Answered { status: 200, function_error: None, error_type: None, payload })
}

fn result(payload: &str) -> (Value, bool) {
    let Told::Result(result, is_error) = answered(payload) else { panic!("{payload}") };
    assert_eq!((&result["isError"], &result["resultType"]), (&is_error.into(), &"complete".into()));
    (result, is_error)
}

#[test]
fn what_a_function_returns_is_the_result() {
    let (object, is_error) = result(r#"{"a":1}"#);
    assert_eq!((object["structuredContent"].clone(), is_error), (json!({ "a": 1 }), false));
    assert_eq!(object["content"][0]["text"], r#"{"a":1}"#);
    let (list, _) = result("[1]");
    assert_eq!(list["structuredContent"], json!({ "result": [1] }));
    let (text, _) = result(r#""hello""#);
    assert_eq!(
        (&text["content"][0]["text"], text.get("structuredContent")),
        (&json!("hello"), None)
    );
    let (null, _) = result("null");
    assert_eq!(null["content"][0]["text"], "null");
}

#[test]
fn a_result_of_mcp_stays_one_and_may_say_no() {
    let (no, is_error) =
        result(r#"{"content":[{"type":"text","text":"no"}],"isError":true,"x":1}"#);
    assert!(is_error);
    assert_eq!((&no["content"][0]["text"], &no["x"]), (&json!("no"), &json!(1)));
    // A list that is no content is data.
    let (data, is_error) = result(r#"{"content":["no"],"isError":true}"#);
    assert!(!is_error && data["structuredContent"]["content"] == json!(["no"]));
}

#[test]
fn an_answer_in_the_shape_of_api_gateway_is_unwrapped() {
    let (good, is_error) = result(r#"{"statusCode":200,"headers":{},"body":"{\"a\":1}"}"#);
    assert!(!is_error && good["structuredContent"] == json!({ "a": 1 }));
    let (bad, is_error) = result(r#"{"statusCode":500,"body":"{\"success\":false}"}"#);
    assert!(is_error, "the article's functions fail with 200 and say so within");
    assert_eq!(bad["content"][0]["text"], r#"500: {"success":false}"#);
}

#[test]
fn a_function_that_broke_has_said_nothing() {
    let payload = br#"{"errorMessage":"division by zero","errorType":"ZeroDivisionError"}"#;
    let broke =
        Answered { status: 200, function_error: Some("Unhandled"), error_type: None, payload };
    let how = "Unhandled: ZeroDivisionError division by zero".to_owned();
    assert_eq!(told(broke), Told::Crashed(how));
    let payload =
        br#"{"errorType":"Sandbox.Timedout","errorMessage":"Task timed out after 3.00 seconds"}"#;
    let late = told(Answered { payload, ..broke });
    assert!(matches!(&late, Told::TimedOut(how) if how.contains("3.00 seconds")), "{late:?}");
    let silent = Answered { payload: b"", ..broke };
    assert!(matches!(told(silent), Told::Crashed(_)));
    assert!(matches!(answered("<html>"), Told::Garbled(_)));
    assert!(matches!(answered(""), Told::Garbled(_)));
}

#[test]
fn no_room_is_told_apart_from_a_failure() {
    let kind = Some("TooManyRequestsException");
    let full = Answered { status: 429, function_error: None, error_type: kind, payload: b"{}" };
    assert_eq!(told(full), Told::Throttled("TooManyRequestsException".to_owned()));
    for status in [400, 403, 404, 413, 500, 502, 504] {
        assert!(matches!(told(Answered { status, ..full }), Told::Failed(it, _) if it == status));
    }
}

#[test]
fn the_report_is_lambdas_own_line() {
    let log = "START RequestId: 1\nREPORT RequestId: x\tDuration: 1.00 ms\nhello\nEND RequestId: 1\n\
        REPORT RequestId: 8f5\tDuration: 102.25 ms\tBilled Duration: 103 ms\tMemory Size: 128 MB\t\
        Max Memory Used: 51 MB\tInit Duration: 250.50 ms\t\n";
    let read = report::read(&STANDARD.encode(log)).unwrap();
    let due = Run {
        duration: Duration::from_micros(102_250),
        init: Some(Duration::from_micros(250_500)),
    };
    assert_eq!(read, due);
    let warm = "REPORT RequestId: 8f5\tDuration: 2.00 ms\tBilled Duration: 3 ms\n";
    assert_eq!(report::read(&STANDARD.encode(warm)).unwrap().init, None);
    for none in ["", "!", "U1RBUlQ="] {
        assert_eq!(report::read(none), None);
    }
}

#[test]
fn definitions_are_those_of_agentcore() {
    let text = r#"[{"name":"web","description":"d","inputSchema":{"type":"object"}}]"#;
    assert_eq!(FunctionTools::parse(text).unwrap().names().collect::<Vec<_>>(), ["web"]);
    let yaml = "tools:\n- { name: a, inputSchema: { type: object } }\n- { name: b, inputSchema: { type: object } }\n";
    assert_eq!(FunctionTools::parse(yaml).unwrap().names().collect::<Vec<_>>(), ["a", "b"]);
    for (text, why) in [
        ("{}", "no list of tools"),
        ("[]", "0 tools"),
        (r#"[{"inputSchema":{"type":"object"}}]"#, "tool 1: it has no name"),
        (r#"[{"name":"a___b","inputSchema":{"type":"object"}}]"#, "`a___b` is no name"),
        (r#"[{"name":"a"}]"#, "no inputSchema"),
        (r#"[{"name":"a","inputSchema":{"type":"array"}}]"#, "not of the type `object`"),
        (
            r#"[{"name":"a","inputSchema":{"type":"object"},"input":1}]"#,
            "`input`, which means nothing",
        ),
        (
            r#"[{"name":"a","inputSchema":{"type":"object"}},{"name":"a","inputSchema":{"type":"object"}}]"#,
            "two tools",
        ),
    ] {
        let said = FunctionTools::parse(text).unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
}
