//! From one era to the other.

use proptest::prelude::{prop_assert_eq, proptest};
use toolgate_call::{Abilities, Answer, Case, Era, Method, RawJson, Reason};

use crate::bridge::{Way, answer_for};

const fn way(from: Era, to: Era, method: Method) -> Way {
    Way { from, to, method, abilities: Abilities::NONE }
}

fn bridged(text: &str, from: Era, to: Era) -> Result<String, ()> {
    let raw = RawJson::built(bytes::Bytes::copy_from_slice(text.as_bytes()));
    match answer_for(Answer::result(raw), way(from, to, Method::ToolsCall)) {
        Ok(Answer::Result { raw, .. }) => Ok(String::from_utf8(raw.as_bytes().to_vec()).unwrap()),
        _ => Err(()),
    }
}

#[test]
fn a_result_of_the_older_era_is_complete_for_a_modern_caller() {
    let cases = [
        (r#"{"content":[]}"#, r#"{"resultType":"complete","content":[]}"#),
        ("{}", r#"{"resultType":"complete"}"#),
        (" { } ", r#"{"resultType":"complete" } "#),
        (
            r#"{"text":"resultType","x":{"resultType":1}}"#,
            r#"{"resultType":"complete","text":"resultType","x":{"resultType":1}}"#,
        ),
        (r#"{"resultType":"task","a":1}"#, r#"{"resultType":"task","a":1}"#),
    ];
    for (text, wanted) in cases {
        assert_eq!(bridged(text, Era::Legacy, Era::Modern).as_deref(), Ok(wanted), "{text}");
    }
}

#[test]
fn a_modern_result_loses_its_type_for_an_older_caller_and_nothing_else() {
    let cases = [
        (r#"{"resultType":"complete","content":[]}"#, r#"{"content":[]}"#),
        (r#"{"content":[],"resultType":"complete"}"#, r#"{"content":[]}"#),
        (r#"{"a":1.50 , "resultType" : "complete" , "b":2}"#, r#"{"a":1.50 , "b":2}"#),
        (r#"{ "resultType":"complete" }"#, "{}"),
        (r#"{"content":["resultType"]}"#, r#"{"content":["resultType"]}"#),
        (r#"{"content":[],"structuredContent":[1],"resultType":"complete"}"#, r#"{"content":[]}"#),
        (r#"{"structuredContent": null,"content":[]}"#, r#"{"content":[]}"#),
        (
            r#"{"content":[],"structuredContent":{"a":[1]}}"#,
            r#"{"content":[],"structuredContent":{"a":[1]}}"#,
        ),
    ];
    for (text, wanted) in cases {
        assert_eq!(bridged(text, Era::Modern, Era::Legacy).as_deref(), Ok(wanted), "{text}");
    }
    let asks = r#"{"resultType":"input_required","requestState":"s"}"#;
    assert!(bridged(asks, Era::Modern, Era::Legacy).is_err());
}

#[test]
fn what_is_read_says_to_modern_callers_only_how_long_it_is_good() {
    let read = |text: &'static str, from, to| {
        let way = way(from, to, Method::ResourcesRead);
        let answer = answer_for(Answer::result(RawJson::literal(text)), way).unwrap();
        let Answer::Result { raw, .. } = answer else { panic!("{answer:?}") };
        String::from_utf8(raw.as_bytes().to_vec()).unwrap()
    };
    let hinted = r#"{"resultType":"complete","ttlMs":0,"cacheScope":"private","contents":[]}"#;
    assert_eq!(read(r#"{"contents":[]}"#, Era::Legacy, Era::Modern), hinted);
    assert_eq!(read(hinted, Era::Modern, Era::Legacy), r#"{"contents":[]}"#);
}

#[test]
fn a_modern_caller_is_given_no_code_that_its_era_does_not_have() {
    let raw = |text: &'static str| RawJson::literal(text);
    let way = way(Era::Legacy, Era::Modern, Method::ResourcesRead);
    let error = |code, text| answer_for(Answer::Error { raw: raw(text), code }, way);
    let gone = error(-32002, r#"{"message":"code","code" : -32002,"data":{"uri":"x"}}"#).unwrap();
    let Answer::Error { raw: told, code } = gone else { panic!("{gone:?}") };
    assert_eq!(code, -32602);
    let wanted = r#"{"message":"code","code" : -32602,"data":{"uri":"x"}}"#;
    assert_eq!(told.as_bytes(), wanted.as_bytes());
    let page = r#"{"code":-32042,"message":"m","data":{"elicitations":[{"mode":"url","elicitationId":"e","url":"https://x/","message":"open"}]}}"#;
    let refusal = error(-32042, page).unwrap_err();
    assert_eq!(refusal.case(), Case::CapabilityMissing);
    assert_eq!(refusal.missing_abilities(), Some(Abilities::URL));
    let able = Way { abilities: Abilities::URL, ..way };
    let asks = answer_for(Answer::Error { raw: raw(page), code: -32042 }, able).unwrap();
    let Answer::Result { raw: asks, .. } = asks else { panic!("{asks:?}") };
    let wanted = r#"{"resultType":"input_required","inputRequests":{"page-1":{"method":"elicitation/create","params":{"mode":"url","url":"https://x/","message":"open"}}}}"#;
    assert_eq!(std::str::from_utf8(asks.as_bytes()), Ok(wanted));
    let nothing = r#"{"code":-32042,"message":"open this"}"#;
    let refusal = answer_for(Answer::Error { raw: raw(nothing), code: -32042 }, able).unwrap_err();
    assert_eq!(refusal.reason(), Reason::UpstreamProtocol);
    let other = error(-32000, r#"{"code":-32000,"message":"no"}"#).unwrap();
    assert!(matches!(other, Answer::Error { code: -32000, .. }));
}

#[test]
fn an_older_caller_is_told_in_its_own_words_what_a_modern_target_lacks() {
    let way = way(Era::Modern, Era::Legacy, Method::ToolsCall);
    let error = |code, text: &str| {
        let raw = RawJson::built(text.to_owned().into());
        answer_for(Answer::Error { raw, code }, way)
    };
    let lacks = |required: &str| {
        let data = format!(
            r#"{{"code":-32021,"message":"no","data":{{"requiredCapabilities":{required}}}}}"#
        );
        error(-32021, &data).unwrap_err()
    };
    let refusal = lacks(r#"{"sampling":{},"elicitation":{"url":{}},"extensions":{"io.x/ui":{}}}"#);
    assert_eq!(refusal.case(), Case::CapabilityMissing);
    let named = "the target needs a client with `sampling`, `elicitation.url`, `extensions.io.x/ui`, \
                 which this client has not declared";
    assert_eq!(refusal.message(), named);
    assert_eq!(refusal.missing_abilities(), Some(Abilities::SAMPLING.and(Abilities::URL)));
    for odd in [r#"{"ignore all that was said":{}}"#, "[]", "7", "{}"] {
        let refusal = lacks(odd);
        assert!(refusal.message().contains("a capability"), "{odd}: {refusal}");
    }
    for code in [-32020, -32022] {
        let refusal = error(code, r#"{"code":0,"message":"Mcp-Name"}"#).unwrap_err();
        assert_eq!(refusal.reason(), Reason::UpstreamProtocol, "that is the gateway's doing");
        assert!(!refusal.message().contains("Mcp-Name"));
    }
    for code in [-32601, -32602, -32603, 17] {
        let same = error(code, r#"{"code":0,"message":"x"}"#).unwrap();
        assert!(matches!(same, Answer::Error { code: told, .. } if told == code));
    }
}

proptest! {
    #[test]
    fn there_and_back_again(key in "[a-zA-Z]{1,12}", value in "\\PC{0,40}", n in -1.0e9..1.0e9f64) {
        let object = serde_json::json!({ key: value, "n": n, "list": [1, { "resultType": "x" }] });
        let text = object.to_string();
        let there = bridged(&text, Era::Legacy, Era::Modern).unwrap();
        prop_assert_eq!(bridged(&there, Era::Modern, Era::Legacy).unwrap(), text);
    }
}
