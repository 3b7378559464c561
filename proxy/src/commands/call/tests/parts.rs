//! The small parts: results as text, colours, proposals, codes.

use serde_json::value::RawValue;
use toolgate_call::Reason;

use super::super::code;
use super::super::result::{Shown, show};
use super::super::screen::takes_colour;
use super::super::suggest::near;
use crate::exit::Exit;

fn shown(result: &str, to_terminal: bool) -> Shown {
    let raw: Box<RawValue> = serde_json::from_str(result).unwrap();
    show(&raw, to_terminal)
}

#[test]
fn text_blocks_are_printed_and_others_are_named() {
    let result = r#"{"content":[{"type":"text","text":"one"},{"type":"image","data":"AA=="},{"type":"text","text":"two\n"}]}"#;
    let shown = shown(result, false);
    assert_eq!(shown.out, "one\ntwo\n");
    let note = "not shown as text: image; --output json has the whole result";
    assert_eq!(shown.note.as_deref(), Some(note));
}

#[test]
fn structured_content_may_be_null_and_still_counts() {
    let result = r#"{"content":[{"type":"text","text":"x"}],"structuredContent":null}"#;
    assert_eq!(shown(result, false).out, "null\n");
    assert_eq!(shown(r#"{"content":[]}"#, false).out, "");
}

#[test]
fn a_terminal_is_not_steered_by_a_tool_and_a_pipe_gets_what_came() {
    let result = r#"{"content":[{"type":"text","text":"a\u001b[31mb\tc\u202ed"}]}"#;
    assert_eq!(shown(result, true).out, "a\u{fffd}[31mb\tc\u{fffd}d\n");
    assert_eq!(shown(result, false).out, "a\u{1b}[31mb\tc\u{202e}d\n");
}

#[test]
fn what_is_no_tool_result_is_printed_as_it_came() {
    assert_eq!(shown(r#"{"content":7}"#, false).out, "{\"content\":7}\n");
}

#[test]
fn colour_is_decided_in_the_documented_order() {
    type Set = &'static [(&'static str, &'static str)];
    let table: [(Set, bool, bool); 8] = [
        (&[], true, true),
        (&[], false, false),
        (&[("NO_COLOR", "1")], true, false),
        (&[("NO_COLOR", "")], true, true),
        (&[("FORCE_COLOR", "1")], false, true),
        (&[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")], false, true),
        (&[("NO_COLOR", "1"), ("FORCE_COLOR", "1")], true, false),
        (&[("TERM", "dumb")], true, false),
    ];
    for (set, is_terminal, expected) in table {
        let env = |name: &str| {
            set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(takes_colour(&env, is_terminal), expected, "{set:?} {is_terminal}");
    }
}

#[test]
fn near_names_are_proposed_and_far_ones_are_not() {
    let names = ["clock___now", "clock___sleep", "k8s___get_pods", "shop___create"];
    assert_eq!(near("clock__now", names), ["clock___now"]);
    assert_eq!(near("now", names), ["clock___now"]);
    assert_eq!(near("get_pod", names), ["k8s___get_pods"]);
    assert_eq!(near("clock___slep", names), ["clock___sleep"]);
    assert!(near("something_else", names).is_empty());
}

#[test]
fn every_reason_has_a_code_of_the_family_that_its_blame_and_exit_suggest() {
    for reason in Reason::ALL.iter().copied() {
        let entry = code::of(reason);
        assert!(!entry.help.is_empty());
        let family = match entry.exit {
            Exit::Identity => "TG4",
            Exit::Usage | Exit::Tool => "TG5",
            Exit::Target | Exit::Unknown => "TG6",
            Exit::Gateway | Exit::Interrupted => "TG7",
            Exit::Ok | Exit::Differs | Exit::Config | Exit::Invalid | Exit::Panic => {
                panic!("{reason:?}: {entry:?}")
            }
        };
        assert!(entry.code.starts_with(family), "{entry:?}");
    }
}
