//! Times that questions ask about.
//!
//! In: questions, at noon of Thursday, 12 March 2026. Out: nothing. Never: the machine's clock.

use proptest::prelude::*;

use super::super::calendar::{date, day, weekday, year_and_month};
use super::super::time::{DAY as MILLIS, millis, time};
use super::super::when::when;
use super::*;

fn read(question: &str) -> (Option<(i64, i64)>, String) {
    let found = when(question, millis(now()));
    // In days of March 2026, where they are whole.
    let from = date(2026, 3, 1) - 1;
    let days = found
        .span
        .map(|(begin, end)| (day(begin) - from, (end + MILLIS - 1).div_euclid(MILLIS) - from));
    (days, found.rest)
}

#[test]
fn words_for_times_are_days() {
    for (question, days) in [
        ("what did I say last Tuesday", (10, 11)),
        ("what did I say last Thursday", (5, 6)),
        ("what did I say on Monday", (9, 10)),
        ("what did I say yesterday", (11, 12)),
        ("what did I say today", (12, 13)),
        ("what did I say this week", (9, 13)),
        ("what did I say this month", (1, 13)),
        ("what did I say last week", (2, 9)),
        ("what did I say last weekend", (7, 9)),
        ("what did I say last month", (-27, 1)),
        ("what did I say two days ago", (10, 11)),
        ("what did I say a couple of days ago", (10, 11)),
        ("what did I say on 5 March", (5, 6)),
        ("what did I say on March 5th", (5, 6)),
        ("what did I say on 2026-03-05", (5, 6)),
        ("what did I say in February", (-27, 1)),
        ("what did I say since Monday", (9, 13)),
        ("what did I say on 20 March", (20 - 365, 21 - 365)),
        ("what did I say in the last three days", (9, 14)),
    ] {
        assert_eq!(read(question).0, Some(days), "{question}");
        assert_eq!(read(question).1.trim(), "what did I say", "{question}");
        assert_eq!(read(&question.to_uppercase()).0, Some(days), "{question}");
    }
}

#[test]
fn a_span_about_something_longer_ago_is_wide_enough() {
    for (question, ago) in [
        ("what broke two weeks ago", 14),
        ("what broke three months ago", 91),
        ("what broke a year ago", 365),
        ("what broke six weeks ago", 40),
        ("what broke ten days ago", 11),
    ] {
        let (begin, end) = when(question, millis(now())).span.expect("a span");
        let then = millis(days_ago(ago));
        assert!(begin <= then && then < end, "{question}");
    }
}

#[test]
fn other_words_are_no_times() {
    for question in [
        "may I restart it",
        "march through the list",
        "the last pod of the deployment",
        "what was the last thing that failed",
        "the sun is out",
        "second attempt",
        "how many pods, 5 or 6",
        "who wed whom",
        "in the morning paper",
        "",
    ] {
        assert_eq!(read(question), (None, question.to_owned()), "{question}");
    }
}

#[test]
fn days_of_dates_are_those_of_the_calendar() {
    assert_eq!(date(1970, 1, 1), 0);
    assert_eq!(date(2000, 2, 29), 11_016);
    assert_eq!(date(2025, 13, 1), date(2026, 1, 1));
    assert_eq!(date(2026, 0, 1), date(2025, 12, 1));
    assert_eq!(weekday(date(2026, 3, 12)), 3, "a Thursday");
    assert_eq!(weekday(date(1969, 12, 31)), 2, "a Wednesday");
    assert_eq!(day(millis(now())), date(2026, 3, 12));
}

proptest! {
    #[test]
    fn any_question_has_a_time_or_none(question: String, at in -1_000_000_000_000_000..1_000_000_000_000_000_i64) {
        let found = when(&question, at);
        prop_assert!(found.rest.len() <= question.len());
        prop_assert!(found.span.is_none_or(|(begin, end)| begin < end));
    }

    #[test]
    fn words_of_times_in_any_order_are_no_fault(words in proptest::collection::vec("last|past|the|in|on|since|ago|two|a|few|400|9999|31|march|sept|monday|week|year|years|month|hours|of|this|2026|0", 0..9), at in i64::MIN / 4..i64::MAX / 4) {
        let _found = when(&words.join(" "), at);
    }

    #[test]
    fn a_month_is_that_of_its_days(at in -1_000_000_i64..1_000_000) {
        let (year, month) = year_and_month(at);
        let first = date(year, month, 1);
        prop_assert!(first <= at && at < date(year, month + 1, 1));
    }

    #[test]
    fn a_time_is_read_as_it_was_written(at in -100_000_000_000_000..100_000_000_000_000_i64) {
        prop_assert_eq!(millis(time(at)), at);
    }
}
