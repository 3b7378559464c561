//! `application/vnd.amazon.eventstream`: prelude, headers, payload, checksums (Smithy's Amazon event
//! stream specification).
//!
//! In: a kind and a document. Out: the bytes of one message.

use flate2::Crc;
use serde_json::{Value, json};

/// The type of a header's value that is a text.
const TEXT: u8 = 7;
/// Bytes of a message beside its headers and its payload: two lengths, two checksums.
const FRAME: usize = 16;

/// An event.
pub(super) fn event(kind: &str, payload: &Value) -> Vec<u8> {
    frame(&[(":message-type", "event"), (":event-type", kind)], payload)
}

/// An exception in the middle of a stream.
pub(super) fn exception(kind: &str, message: &str) -> Vec<u8> {
    let headers = [(":message-type", "exception"), (":exception-type", kind)];
    frame(&headers, &json!({ "message": message }))
}

fn frame(headers: &[(&str, &str)], payload: &Value) -> Vec<u8> {
    let payload = payload.to_string().into_bytes();
    let mut head = Vec::new();
    for (name, value) in headers.iter().chain(&[(":content-type", "application/json")]) {
        head.push(u8::try_from(name.len()).unwrap_or_default());
        head.extend_from_slice(name.as_bytes());
        head.push(TEXT);
        head.extend_from_slice(&u16::try_from(value.len()).unwrap_or_default().to_be_bytes());
        head.extend_from_slice(value.as_bytes());
    }
    let mut frame = Vec::new();
    frame.extend_from_slice(&length(FRAME + head.len() + payload.len()));
    frame.extend_from_slice(&length(head.len()));
    frame.extend_from_slice(&checksum(&frame));
    frame.extend_from_slice(&head);
    frame.extend_from_slice(&payload);
    frame.extend_from_slice(&checksum(&frame));
    frame
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or_default().to_be_bytes()
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_be_bytes()
}

#[test]
fn the_checksum_is_the_known_one() {
    assert_eq!(checksum(b"123456789"), 0xCBF4_3926_u32.to_be_bytes());
}
