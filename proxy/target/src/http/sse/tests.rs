//! An event stream means the same however it is cut.

use std::time::Duration;

use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof, proptest,
};

use super::{Place, SseDecoder};

type Read = (Vec<Vec<u8>>, Place);

/// What a decoder makes of pieces that come one after the other.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let mut decoder = SseDecoder::new(4096);
    let mut events = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        while let Some(data) = decoder.next().unwrap() {
            events.push(data.to_vec());
        }
    }
    (events, decoder.place().clone())
}

fn whole(text: &str) -> Read {
    read([text.as_bytes()])
}

fn id(text: &str) -> Option<Vec<u8>> {
    whole(text).1.id
}

fn retry(text: &str) -> Option<Duration> {
    whole(text).1.retry
}

#[test]
fn an_event_is_its_lines_of_data() {
    let (events, place) =
        whole("\u{feff}event: message\ndata: a\ndata:b\r\ndata\r: c\n\ndatas: x\n\n");
    assert_eq!(events, [b"a\nb\n".to_vec()]);
    assert_eq!(place, Place::default());
}

#[test]
fn an_event_without_its_end_is_none() {
    assert_eq!(whole("data: a\n\ndata: b\nid: 7\n"), (vec![b"a".to_vec()], Place::default()));
}

#[test]
fn the_last_id_is_that_of_the_last_event_that_had_one() {
    assert_eq!(id("id: 1\ndata: a\n\nid:2\n\ndata: c\n\n").as_deref(), Some(&b"2"[..]));
    assert_eq!(id("id: 1\n\nid\n\n"), None, "an empty id takes the last one back");
    assert_eq!(id("id: 1\n\nid: a\0b\n\n").as_deref(), Some(&b"1"[..]));
    let long = format!("id: 1\n\nid: {}\n\n", "x".repeat(1025));
    assert_eq!(id(&long), None, "nothing can be taken up after an id that is not kept");
}

#[test]
fn a_time_to_wait_is_digits_alone() {
    assert_eq!(retry("retry: 250\n\n"), Some(Duration::from_millis(250)));
    assert_eq!(retry("retry: 250\nretry: soon\nretry: +1\n"), Some(Duration::from_millis(250)));
    assert_eq!(retry("retry: 99999999999999999999\n"), None);
}

#[test]
fn what_comes_after_a_place_goes_on_from_it() {
    let place = Place { id: Some(b"7".to_vec()), retry: Some(Duration::from_secs(1)) };
    let mut decoder = SseDecoder::from(place.clone(), 100);
    decoder.push(b"data: a\n\n");
    assert_eq!(decoder.next(), Ok(Some("a".into())));
    assert_eq!(decoder.place(), &place);
}

#[test]
fn an_event_beyond_the_limit_is_refused() {
    let mut decoder = SseDecoder::new(10);
    decoder.push(b"data: 0123456789a");
    assert_eq!(decoder.next(), Err(10));
}

fn line() -> impl Strategy<Value = String> {
    let field = prop_oneof![Just("data"), Just("id"), Just("retry"), Just("event"), Just("")];
    let sign = prop_oneof![Just(":"), Just(": "), Just("")];
    let end = prop_oneof![Just("\n"), Just("\r"), Just("\r\n"), Just("\n\n")];
    (field, sign, "[a-z0-9: é]{0,6}", end)
        .prop_map(|(field, sign, value, end)| format!("{field}{sign}{value}{end}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn no_cut_changes_it(
        mark in any::<bool>(),
        lines in proptest::collection::vec(line(), 0..12),
        size in 1..9_usize,
    ) {
        let text = format!("{}{}", if mark { "\u{feff}" } else { "" }, lines.concat());
        let wanted = whole(&text);
        for cut in 0..=text.len() {
            let (head, tail) = text.as_bytes().split_at(cut);
            prop_assert_eq!(&read([head, tail]), &wanted, "cut at {}", cut);
        }
        prop_assert_eq!(&read(text.as_bytes().chunks(size)), &wanted);
    }
}
