//! The ledger as it is drawn.

use http::HeaderMap;
use proptest::{prop_assert, prop_assert_eq, prop_assume, proptest};
use serde_json::json;
use serde_json::value::RawValue;
use toolgate_call::Phase;

use super::super::draw::{draw, segments};
use super::super::ledger::{Ledger, Source, letter};
use super::stage::PIPE;
use crate::commands::call::Screen;
use toolgate_client::Head;

fn head(timing: &'static str, streamed: bool) -> Head {
    let mut headers = HeaderMap::new();
    headers.insert("server-timing", http::HeaderValue::from_static(timing));
    Head { status: 200, headers, streamed, bytes: 0, elapsed: std::time::Duration::ZERO }
}

fn result(ledger: &serde_json::Value) -> Box<RawValue> {
    let result = json!({"_meta": {"toolgate/ledger": ledger}, "content": []});
    serde_json::value::to_raw_value(&result).unwrap()
}

/// The call of the reference: two attempts with a pause.
fn retried() -> Ledger {
    let told = json!({
        "phases_ms": {
            "read": 0.2, "authenticate": 0.02, "authorize": 0.1, "queue": 12.0, "backoff": 100.3,
            "connect": 4.1, "send": 0.2, "wait": 291.0, "receive": 4.3, "write": 0.4,
        },
        "total_ms": 412.62,
        "attempts": [{"reason": "upstream_5xx", "ms": 152.2}, {"reason": "ok", "ms": 147.4}],
        "target": "k8s",
    });
    Ledger::of(Some(&result(&told)), &head("total;dur=1", false)).unwrap()
}

#[test]
fn a_retried_call_is_drawn_as_bar_table_and_attempts() {
    insta::assert_snapshot!(draw(&retried(), &PIPE), @r"
    0             100            200           300            400 ms
    qqbbbbbbbbbbbbbbbwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwr   one column = 6.877 ms
    caller   read                 0.2   <.1%
             write                0.4    .1%
    gateway  authenticate         0.0   <.1%
             authorize            0.1   <.1%
             queue        q      12.0   2.9%
             backoff      b     100.3  24.3%
    network  connect              4.1   1.0%
             send                 0.2   <.1%
             receive      r       4.3   1.0%
    target   wait         w     291.0  70.5%
    total                       412.6   100%   sum of phases = time in the gateway
    attempt 1      152.2 ms  target upstream_5xx
    attempt 2      147.4 ms  ok
    ");
}

#[test]
fn a_quick_call_is_drawn_in_microseconds() {
    let timing = "read;dur=0.041, authorize;dur=0.012, wait;dur=0.180, total;dur=0.233";
    let ledger = Ledger::of(None, &head(timing, false)).unwrap();
    insta::assert_snapshot!(draw(&ledger, &Screen { columns: 20, ..PIPE }), @r"
    0                0.2 ms
    iiiizwwwwwwwwwwwwwww   one column = 0.012 ms
    caller   read         i     0.041  17.6%
             write              0.000     0%
    gateway  authenticate       0.000     0%
             authorize    z     0.012   5.2%
             queue              0.000     0%
             backoff            0.000     0%
    network  connect            0.000     0%
             send               0.000     0%
             receive            0.000     0%
    target   wait         w     0.180  77.3%
    total                       0.233   100%   sum of phases = time in the gateway
    ");
}

#[test]
fn colour_goes_by_blame_and_changes_no_letter() {
    let coloured = draw(&retried(), &Screen { colour: true, ..PIPE });
    assert!(coloured.contains("\u{1b}[31mwww"), "target is red");
    assert!(coloured.contains("\u{1b}[35mq"), "gateway is magenta");
    let mut plain = coloured;
    for code in ["\u{1b}[31m", "\u{1b}[33m", "\u{1b}[34m", "\u{1b}[35m", "\u{1b}[36m", "\u{1b}[0m"]
    {
        plain = plain.replace(code, "");
    }
    assert_eq!(plain, draw(&retried(), &PIPE));
}

#[test]
fn every_phase_has_its_own_letter() {
    let letters: std::collections::BTreeSet<char> = Phase::ALL.into_iter().map(letter).collect();
    assert_eq!(letters.len(), Phase::ALL.len());
}

#[test]
fn the_start_of_a_stream_is_not_taken_for_the_whole() {
    let ledger = Ledger::of(None, &head("wait;dur=9, total;dur=9", true)).unwrap();
    assert_eq!(ledger.source, Source::StreamStart);
    assert!(draw(&ledger, &PIPE).contains("up to the start of the stream"));
}

#[test]
fn a_sum_that_is_not_the_total_is_said_so() {
    let ledger = Ledger::of(None, &head("wait;dur=9, total;dur=12", false)).unwrap();
    assert!(draw(&ledger, &PIPE).contains("but the gateway says 12.000 ms"));
}

#[test]
fn a_ledger_that_makes_no_sense_is_none() {
    for timing in ["", "wait", "wait;dur=x, total;dur=1", "wait;dur=1", "wait;dur=-1, total;dur=1"]
    {
        assert_eq!(Ledger::of(None, &head(timing, false)), None, "{timing}");
    }
    let told = json!({"phases_ms": {"wait": -1.0}, "total_ms": 1.0});
    assert_eq!(Ledger::of(Some(&result(&told)), &head("", false)), None);
}

#[test]
fn a_call_that_took_no_time_has_a_table_and_no_bar() {
    let ledger = Ledger::of(None, &head("total;dur=0", false)).unwrap();
    let drawn = draw(&ledger, &PIPE);
    assert!(!drawn.contains("one column"), "{drawn}");
    assert_eq!(drawn.lines().count(), 11);
}

proptest! {
    #[test]
    fn the_bar_always_fills_its_width(
        spent in proptest::collection::vec(0.0..1000.0_f64, 10),
        width in 20..=120_usize,
    ) {
        prop_assume!(spent.iter().sum::<f64>() > 0.0);
        let phases: Vec<(Phase, f64)> = Phase::ALL.into_iter().zip(spent).collect();
        let total: f64 = phases.iter().map(|(_, ms)| ms).sum();
        let bar = segments(&phases, width);
        prop_assert_eq!(bar.iter().map(|segment| segment.columns).sum::<usize>(), width);
        for segment in bar {
            let (_, ms) = phases[segment.phase as usize];
            prop_assert!(ms / total * width as f64 >= 0.5);
        }
    }
}
