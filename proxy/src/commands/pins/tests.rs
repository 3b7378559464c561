//! What is asked for, and how differences are shown.

use clap::Parser as _;

use super::Pins;
use super::render::excerpts;
use crate::cli::{Cli, Command};

fn parsed(words: &str) -> Result<Pins, String> {
    let words = ["toolgate", "pins"].into_iter().chain(words.split(' '));
    let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
    let Command::Pins(what) = cli.command else { return Err(format!("{:?}", cli.command)) };
    Ok(what)
}

#[test]
fn what_is_accepted_must_be_named() {
    for wrong in
        ["diff", "accept -c f", "accept -c f --all --tool a___b", "accept -c f --all --target a"]
    {
        assert!(parsed(wrong).is_err(), "{wrong}");
    }
    for right in
        ["diff -c f", "accept -c f --all", "accept -c f --tool a___b --tool a___c", "show -c f"]
    {
        assert!(parsed(right).is_ok(), "{right}");
    }
    let Ok(Pins::Accept(args)) = parsed("accept --config f --target a --tool b___c") else {
        panic!()
    };
    assert_eq!(
        (args.target.as_slice(), args.tool.as_slice()),
        (&["a".to_owned()][..], &["b___c".to_owned()][..])
    );
}

#[test]
fn long_texts_are_shown_from_where_they_differ() {
    assert_eq!(excerpts(Some("a"), Some("b")), (Some("a".into()), Some("b".into())));
    assert_eq!(excerpts(None, Some("b")), (None, Some("b".into())));
    let same = "x".repeat(1000);
    let (old, new) = excerpts(Some(&same), Some(&format!("{same}evil")));
    let (old, new) = (old.unwrap(), new.unwrap());
    assert_eq!(old, format!("…{}", "x".repeat(24)));
    assert_eq!(new, format!("…{}evil", "x".repeat(24)));
    let (_, long) = excerpts(None, Some(&same));
    assert_eq!(long.unwrap(), format!("{}… (700 more)", "x".repeat(300)));
    // Nothing steers the terminal, and nothing is there that is not seen.
    let (_, shown) = excerpts(None, Some("a\u{1b}[2K\u{202e}\u{e0041}\n\"é\""));
    assert_eq!(shown.unwrap(), r#"a\u{1b}[2K\u{202e}\u{e0041}\n"é""#);
}
