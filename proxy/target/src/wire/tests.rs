//! What a message from a target may look like.

use bytes::Bytes;
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof, proptest,
};
use serde_json::Value;
use toolgate_call::Answer;

use super::{Incoming, WireError, read_message};

fn read(text: &str) -> Result<Incoming, WireError> {
    read_message(Bytes::copy_from_slice(text.as_bytes()))
}

fn result_of(text: &str) -> (String, bool) {
    let message = read(text).unwrap();
    let Incoming::Answer { answer: Answer::Result { raw, is_error }, .. } = message else {
        panic!("{message:?}");
    };
    (String::from_utf8(raw.as_bytes().to_vec()).unwrap(), is_error)
}

#[test]
fn a_result_keeps_its_bytes_and_its_id() {
    let text = r#" {"id": "7" ,"x":1,"result":{ "b":1.50,"a":[1e2] },"jsonrpc":"2.0"} "#;
    let Ok(Incoming::Answer { id, answer: Answer::Result { raw, is_error } }) = read(text) else {
        panic!("not an answer");
    };
    assert_eq!(id.as_bytes(), br#""7""#);
    assert_eq!(raw.as_bytes(), br#"{ "b":1.50,"a":[1e2] }"#);
    assert!(!is_error);
}

#[test]
fn values_are_slices_of_the_message() {
    let message = Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"result":{"a":1}}"#);
    let Ok(Incoming::Answer { answer: Answer::Result { raw, .. }, .. }) =
        read_message(message.clone())
    else {
        panic!("not an answer");
    };
    assert!(message.as_ptr_range().contains(&raw.as_bytes().as_ptr()));
}

#[test]
fn only_a_true_at_the_top_level_is_a_tool_error() {
    let says =
        |result: &str| result_of(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#)).1;
    assert!(says(r#"{"isError":true}"#));
    assert!(says("{\"content\":[], \"isError\" :\n true }"));
    assert!(!says(r#"{"isError":false}"#));
    assert!(!says(r#"{"isError":"true"}"#));
    assert!(!says(r#"{"isError":1}"#));
    assert!(!says(r#"{"structuredContent":{"isError":true}}"#));
    assert!(!says(r#"{"content":[{"text":"\"isError\":true"}]}"#));
    assert!(!says(r#"{"isError":false,"structuredContent":{"isError":true}}"#));
    assert!(!says("{}"));
}

#[test]
fn an_error_keeps_its_code_and_what_else_it_says() {
    let error = r#"{"code":-32022,"message":"no","data":{"supported":[]},"more":1}"#;
    let text = format!(r#"{{"jsonrpc":"2.0","id":3,"error":{error}}}"#);
    let Ok(Incoming::Answer { id, answer: Answer::Error { raw, code } }) = read(&text) else {
        panic!("not an error");
    };
    assert_eq!((id.as_bytes(), code), (&b"3"[..], -32022));
    assert_eq!(raw.as_bytes(), error.as_bytes());
}

#[test]
fn an_error_may_name_no_request() {
    for text in [
        r#"{"jsonrpc":"2.0","error":{"code":-32700}}"#,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700}}"#,
    ] {
        let Ok(Incoming::Answer { id, .. }) = read(text) else { panic!("{text}") };
        assert_eq!(id.as_bytes(), b"null");
    }
}

#[test]
fn progress_tells_its_token_and_other_notices_have_none() {
    let text = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1,"progressToken":"p-1"}}"#;
    let Ok(Incoming::Notice { method, raw, progress_token }) = read(text) else {
        panic!("not a notice");
    };
    assert_eq!(method, "notifications/progress");
    assert_eq!(raw.as_bytes(), text.as_bytes());
    assert_eq!(progress_token.unwrap().as_bytes(), br#""p-1""#);
    for text in [
        r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"progressToken":1}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":[1]}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":null}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#,
    ] {
        let Ok(Incoming::Notice { progress_token, .. }) = read(text) else { panic!("{text}") };
        assert!(progress_token.is_none(), "{text}");
    }
}

#[test]
fn a_question_keeps_its_id() {
    let text = r#"{"jsonrpc":"2.0","id":"u7","method":"roots/list"}"#;
    let Ok(Incoming::Request { id, method, raw }) = read(text) else { panic!("not a request") };
    assert_eq!((id.as_bytes(), method.as_str()), (&br#""u7""#[..], "roots/list"));
    assert_eq!(raw.as_bytes(), text.as_bytes());
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let text = "\u{feff}{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}";
    let Ok(Incoming::Notice { raw, .. }) = read(text) else { panic!("not a notice") };
    assert_eq!(raw.as_bytes().first(), Some(&b'{'));
}

#[test]
fn what_is_not_one_message_is_refused() {
    let cases = [
        (r#"[{"jsonrpc":"2.0","id":1,"result":{}}]"#, WireError::NotObject),
        ("7", WireError::NotObject),
        (r#"{"id":1,"result":{}}"#, WireError::Version),
        (r#"{"jsonrpc":"1.0","id":1,"result":{}}"#, WireError::Version),
        (r#"{"jsonrpc":"2.0","id":1}"#, WireError::Kind),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1}}"#, WireError::Kind),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":null}"#, WireError::Kind),
        (r#"{"jsonrpc":"2.0","id":1,"method":"x","result":{}}"#, WireError::Kind),
        (r#"{"jsonrpc":"2.0","method":7}"#, WireError::Kind),
        (r#"{"jsonrpc":"2.0","result":{}}"#, WireError::Id),
        (r#"{"jsonrpc":"2.0","id":null,"result":{}}"#, WireError::Id),
        (r#"{"jsonrpc":"2.0","id":{},"method":"x"}"#, WireError::Id),
        (r#"{"jsonrpc":"2.0","id":1,"result":null}"#, WireError::Result),
        (r#"{"jsonrpc":"2.0","id":1,"result":[1]}"#, WireError::Result),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"isError":true,"isError":false}}"#,
            WireError::Result,
        ),
        (r#"{"jsonrpc":"2.0","id":1,"error":[1]}"#, WireError::Error),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":"1"}}"#, WireError::Error),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1.5}}"#, WireError::Error),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"message":"x"}}"#, WireError::Error),
    ];
    for (text, wanted) in cases {
        assert_eq!(read(text).unwrap_err(), wanted, "{text}");
    }
}

#[test]
fn a_known_member_may_be_there_only_once() {
    for member in ["\"id\":2", "\"jsonrpc\":\"2.0\"", "\"result\":{}"] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{}},{member}}}"#);
        let error = read(&text).unwrap_err();
        assert!(matches!(error, WireError::Syntax { json: true, .. }), "{text}: {error}");
    }
}

#[test]
fn what_is_not_json_is_refused_without_quoting_it() {
    let cases = ["", "hello", "{", r#"{"jsonrpc":"2.0"} {}"#, r#"{"jsonrpc":"2.0",}"#];
    for text in cases {
        let error = read(text).unwrap_err();
        assert!(matches!(error, WireError::Syntax { json: false, .. }), "{text}: {error}");
    }
    let error = read(r#"{"jsonrpc":{"top":"secret"}}"#).unwrap_err().to_string();
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn what_is_not_utf_8_is_refused() {
    let bytes = Bytes::from_static(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"x\":\"\xff\"}");
    assert_eq!(read_message(bytes).unwrap_err(), WireError::Encoding);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map("\\PC{0,8}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn a_result_survives_byte_for_byte(value in any_json(), id in any::<u64>(), pretty in any::<bool>()) {
        let result = serde_json::json!({ "structuredContent": value });
        let inner = if pretty {
            serde_json::to_string_pretty(&result).unwrap()
        } else {
            result.to_string()
        };
        let text = format!("{{\"result\":\t{inner},\"id\":{id},\"jsonrpc\":\"2.0\"}}\n");
        let (raw, is_error) = result_of(&text);
        prop_assert_eq!(raw, inner);
        prop_assert_eq!(is_error, false);
    }

    #[test]
    fn a_notice_survives_byte_for_byte(params in any_json(), method in "notifications/[a-z]{1,9}") {
        let text = serde_json::json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string();
        match read(&text) {
            Ok(Incoming::Notice { raw, .. }) => prop_assert_eq!(raw.as_bytes(), text.as_bytes()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(read_message(Bytes::from(bytes)));
    }
}
