//! The pins file, and what is done about differences.

use proptest::prelude::proptest;
use toolgate_mcp::contract::Actions;
use toolgate_telemetry::{ContractAction, ContractChange, Word as _};

use super::super::PinFile;
use super::config;

const GOOD: &str = include_str!("good.pins.json");
const HEAD: &str = "auth: { anonymous: true }\n";

/// Why a pins file is wrong, with its line and column.
fn wrong(text: &str) -> String {
    PinFile::parse(text).unwrap_err().to_string()
}

#[test]
fn a_pins_file_is_read_and_written_the_same() {
    let file = PinFile::parse(GOOD).unwrap();
    let pin = &file.targets["github"]["search_issues"];
    assert!(!pin.definition.as_bytes().contains(&b'\n'), "it may be sent on a line");
    assert_eq!(file.render(), GOOD);
    assert_eq!(PinFile::parse(&file.render()).unwrap().render(), GOOD);
    let empty = PinFile::default().render();
    assert!(PinFile::parse(&empty).unwrap().targets.is_empty());
}

#[test]
fn a_wrong_pins_file_is_told_with_its_line() {
    let edit = |from: &str, to: &str| {
        assert!(GOOD.contains(from), "{from}");
        GOOD.replacen(from, to, 1)
    };
    let cases = [
        (String::new(), "line 1, column 0: EOF"),
        ("{}".to_owned(), "line 1, column 2: missing field `toolgate_pins`"),
        (edit("_pins\": 1", "_pins\": 2"), "version 2 of the format"),
        (edit("\"targets\"", "\"targetz\""), "line 3, column 11: unknown field `targetz`"),
        (
            edit("Finds issues", "Finds anything"),
            "line 7, column 21: the definition of \"search_issues\" does not have the hash",
        ),
        (
            edit("\"search_issues\": {", "\"other\": {"),
            "line 8, column 25: the definition of \"other\" is that of another tool",
        ),
        (edit("\"sha256\": \"", "\"sha256\": \"x"), "line 7, column 21: `sha256` of"),
        (
            edit("\"name\"", "\"name\": \"x\", \"name\""),
            "line 9, column 48: the member \"name\" is there twice",
        ),
        (edit("\"query\"\n", "\"query\n"), "line 20, column 0: control character"),
    ];
    for (text, said) in cases {
        let found = wrong(&text);
        assert!(found.starts_with(said), "{found} does not begin with {said}");
    }
}

#[test]
fn what_is_not_written_is_safe_and_a_target_has_the_last_word() {
    let pins = config(&format!(
        "{HEAD}pins: {{ file: toolgate.pins.json, actions: {{ widened: warn, text: allow }} }}\n\
         targets:\n  clock: {{ builtin: clock }}\n  a: {{ mcp: {{ url: \"https://a.example\" }} }}\n  \
         b: {{ mcp: {{ url: \"https://b.example\" }}, pins: {{ actions: {{ text: quarantine }} }} }}\n"
    ));
    let pins = pins.pins.unwrap();
    assert_eq!(pins.file.to_str(), Some("/etc/toolgate/toolgate.pins.json"));
    let [(a, of_a), (b, of_b)] = pins.targets.as_slice() else { panic!("{pins:?}") };
    assert_eq!((a.as_str(), b.as_str()), ("a", "b"), "what is built in is not held to pins");
    let words = |actions: &Actions| -> Vec<&str> {
        ContractChange::ALL.iter().map(|class| actions.of(*class).word()).collect()
    };
    let others = ["quarantine", "warn", "quarantine", "quarantine", "warn", "pinned"];
    assert_eq!(words(of_a), [&others[..], &["allow"]].concat());
    assert_eq!(words(of_b), [&others[..], &["quarantine"]].concat());
    assert_eq!(of_b.of(ContractChange::Text), ContractAction::Quarantine);
}

#[test]
fn without_pins_nothing_is_held() {
    let none = config(&format!("{HEAD}targets: {{ c: {{ builtin: clock }} }}\n"));
    assert!(none.pins.is_none());
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[ -~\n]{0,80}", at in 0..500_usize) {
        let mut edited = GOOD.to_owned();
        edited.insert_str(at.min(GOOD.len()), &text);
        let _read = (PinFile::parse(&text), PinFile::parse(&edited));
    }
}
