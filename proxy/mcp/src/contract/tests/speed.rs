//! What a list costs to look at. Prints, and fails only where something is out of all proportion.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use toolgate_call::RawJson;

use crate::contract::{Definition, Pin, survey};

/// A tool of 2 KiB, as real ones are.
fn tool(n: usize, word: &str) -> Value {
    let property = |p: usize| {
        let text =
            format!("{word}: what the {p}th argument means, and how it is written, at some length");
        (
            format!("argument_{p}"),
            json!({ "type": "string", "description": text, "maxLength": 200 }),
        )
    };
    let properties: serde_json::Map<String, Value> = (0..12).map(property).collect();
    json!({
        "name": format!("tool_{n}"), "description": format!("{word} {}", "words ".repeat(60)),
        "inputSchema": { "type": "object", "properties": properties, "required": ["argument_1"] },
        "annotations": { "readOnlyHint": true },
    })
}

#[test]
fn a_thousand_tools_are_looked_at_in_no_time() {
    let texts = |word: &str| -> Vec<(String, String)> {
        (0..1000).map(|n| (format!("tool_{n}"), tool(n, word).to_string())).collect()
    };
    let (old, new) = (texts("old"), texts("new"));
    let pins: HashMap<String, Pin> = old
        .iter()
        .map(|(name, text)| {
            let definition = RawJson::built(Bytes::from(text.clone()));
            let hash = Definition::read(text.as_bytes()).hash();
            (name.clone(), Pin { hash, definition })
        })
        .collect();
    let read = |texts: &[(String, String)]| -> Vec<(String, Definition)> {
        texts.iter().map(|(name, text)| (name.clone(), Definition::read(text.as_bytes()))).collect()
    };
    let start = Instant::now();
    let (same, other) = (read(&old), read(&new));
    let hashed = start.elapsed() / 2;
    let start = Instant::now();
    assert!(survey(&pins, &same).is_empty());
    let compared = start.elapsed();
    let start = Instant::now();
    assert_eq!(survey(&pins, &other).len(), 1000);
    let classified = start.elapsed();
    println!(
        "1000 tools, {} bytes: hashed in {hashed:?}, compared in {compared:?}, all changed and \
         classified in {classified:?}",
        old.iter().map(|(_, text)| text.len()).sum::<usize>()
    );
    assert!(hashed + classified < Duration::from_secs(10));
}
