//! What a terminal is shown.

use super::words::{short, time};
use super::*;
use std::time::Duration;

#[test]
fn nothing_that_a_tool_says_can_steer_the_terminal() {
    let hostile = "a\x1b[2Jb\u{202e}c\r\x07d\n\te";
    assert_eq!(plain(hostile), "a[2Jbcd\n\te");
    assert_eq!(short("a\n b\x1b c", 10), "a b c");
    assert_eq!(short("abcdef", 4), "abc…");
}

#[test]
fn colours_are_for_terminals() {
    assert_eq!(Look::of(false).red("x"), "x");
    assert_eq!(Look::of(true).red("x"), "\x1b[31mx\x1b[0m");
    assert_eq!(time(Duration::from_millis(999)), "999 ms");
    assert_eq!(time(Duration::from_millis(3_140)), "3.1 s");
}
