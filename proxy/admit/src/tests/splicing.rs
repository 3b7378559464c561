//! A request comes out of a rewrite as the same request, whatever is in it and in whatever order.

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use serde_json::Value;

use crate::fuzzing::a_request;

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

/// Members of an object, in any order, with any of these spaces between.
fn object(members: Vec<String>) -> impl Strategy<Value = String> {
    let space = prop_oneof![Just(""), Just(" "), Just("\n\t")];
    (Just(members).prop_shuffle(), space).prop_map(|(members, space)| {
        format!("{{{space}{}{space}}}", members.join(&format!(",{space}")))
    })
}

fn member(name: &str, value: &Value) -> String {
    format!("{}:{value}", Value::from(name))
}

fn request() -> impl Strategy<Value = String> {
    let pieces = ("[a-zA-Z0-9_.\"é-]{1,20}", any_json(), any_json(), "x-[a-z]{1,8}", any::<bool>());
    pieces
        .prop_flat_map(|(name, arguments, more, key, has_meta)| {
            let meta = object(vec![
                member("progressToken", &Value::from(7)),
                member(&format!("vendor/{key}"), &more),
            ]);
            let known = vec![
                member("name", &name.into()),
                member("arguments", &arguments),
                member(&key, &more),
            ];
            (Just(known), meta, Just(has_meta))
        })
        .prop_flat_map(|(mut known, meta, has_meta)| {
            if has_meta {
                known.push(format!("\"_meta\":{meta}"));
            }
            object(known)
        })
        .prop_flat_map(|params| {
            object(vec![
                member("jsonrpc", &"2.0".into()),
                member("id", &"first".into()),
                member("method", &"tools/call".into()),
                format!("\"params\":{params}"),
            ])
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn nothing_changes_but_what_is_to_be(body in request()) {
        let head = "mcp-protocol-version: 2025-11-25\nmcp-session-id: s\n\n";
        assert!(a_request(format!("{head}{body}").as_bytes()), "not taken for a request: {body}");
    }
}

/// What the fuzzer begins with must reach what it is to try: a request that is refused tries nothing.
#[test]
fn what_the_fuzzer_begins_with_is_taken_for_requests() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz/corpus/decode");
    let mut refused = Vec::new();
    let mut taken = 0;
    for file in std::fs::read_dir(corpus).unwrap() {
        let file = file.unwrap();
        if a_request(&std::fs::read(file.path()).unwrap()) {
            taken += 1;
        } else {
            refused.push(file.file_name().into_string().unwrap());
        }
    }
    refused.sort();
    assert_eq!(refused, ["batch", "twice"], "refused, where only these are to be");
    assert!(taken >= 19, "only {taken} files are taken for a request");
}
