//! Arguments as typed.

use std::time::Duration;

use super::super::arguments::{duration, parse};
use super::stage::{PIPE, parsed, run_in};
use crate::exit::Exit;

fn object(words: &[&str]) -> Result<String, String> {
    let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    parse(&words).map(|raw| raw.get().to_owned())
}

#[test]
fn words_become_one_json_object() {
    let table: [(&[&str], &str); 12] = [
        (&[], "{}"),
        (&[r#"{"b": 1, "a": [2]}"#], r#"{"b": 1, "a": [2]}"#),
        (&[r#" {"id":12345678901234567890123} "#], r#"{"id":12345678901234567890123}"#),
        (&["zone=UTC"], r#"{"zone":"UTC"}"#),
        (&["limit=3"], r#"{"limit":3}"#),
        (&["id=12345678901234567890123"], r#"{"id":12345678901234567890123}"#),
        (&["flag=true", "none=null"], r#"{"flag":true,"none":null}"#),
        (&["text=\"3\""], r#"{"text":"3"}"#),
        (&["list=[1,2]"], r#"{"list":[1,2]}"#),
        (&["query=what is MCP", "empty="], r#"{"query":"what is MCP","empty":""}"#),
        (&["expr=a=b"], r#"{"expr":"a=b"}"#),
        (&["b=1", "a=007"], r#"{"b":1,"a":"007"}"#),
    ];
    for (words, expected) in table {
        assert_eq!(object(words).as_deref(), Ok(expected), "{words:?}");
    }
}

#[test]
fn what_is_neither_is_said_so() {
    let table: [(&[&str], &str); 6] = [
        (&["{\"a\":"], "the arguments are not JSON"),
        (&["[1]"], "the arguments are an array"),
        (&["zone"], "`zone` is neither key=value nor one JSON object"),
        (&["=1"], "`=1` is neither"),
        (&["a=1", "a=2"], "the argument `a` is given twice"),
        (&["{\"a\":1}", "b=2"], "`{\"a\":1}` is neither"),
    ];
    for (words, begins) in table {
        let problem = object(words).unwrap_err();
        assert!(problem.starts_with(begins), "{words:?}: {problem}");
    }
}

#[tokio::test]
async fn wrong_arguments_exit_2_before_anything_is_asked() {
    let ran = run_in(&["t", "zone"], &|_| None, PIPE).await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(ran.err.starts_with("error[TG5003]: `zone` is neither"), "{}", ran.err);
    assert!(ran.err.contains("= help: toolgate call t '{\"key\": 1}', or key=1"));
}

#[test]
fn a_duration_has_a_unit() {
    assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
    assert_eq!(duration("60s"), Ok(Duration::from_secs(60)));
    assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
    for wrong in ["", "60", "s", "1h", "-1s", "1.5s", "0s", "99999999999s", "1µ"] {
        assert!(duration(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_defaults_are_a_minute_and_text() {
    let args = parsed(&["clock___now"]);
    assert_eq!(args.timeout, Duration::from_secs(60));
    assert_eq!(args.output, crate::cli::Output::Text);
}
