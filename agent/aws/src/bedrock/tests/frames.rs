//! `application/vnd.amazon.eventstream`, written by hand: prelude, headers, payload, checksums.

use serde_json::{Value, json};

/// The head of an answer that comes in pieces.
pub(super) const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\nx-amzn-requestid: req-4711\r\ntransfer-encoding: chunked\r\n\r\n";
/// Its end.
pub(super) const END: &[u8] = b"0\r\n\r\n";

/// An event.
pub(super) fn event(kind: &str, payload: &Value) -> Vec<u8> {
    frame(&[(":message-type", "event"), (":event-type", kind)], payload)
}

/// An exception in the middle of a stream.
pub(super) fn exception(kind: &str, message: &str) -> Vec<u8> {
    let headers = [(":message-type", "exception"), (":exception-type", kind)];
    frame(&headers, &json!({ "message": message }))
}

/// A piece of an answer.
pub(super) fn chunk(bytes: &[u8]) -> Vec<u8> {
    let size = format!("{:x}\r\n", bytes.len());
    [size.as_bytes(), bytes, b"\r\n"].concat()
}

/// A whole answer; pieces have `size` bytes, wherever that cuts frames and letters.
pub(super) fn answer(events: &[Vec<u8>], size: usize) -> Vec<u8> {
    let body = events.concat();
    let pieces = body.chunks(size).flat_map(chunk).collect::<Vec<_>>();
    [HEAD.as_bytes(), &pieces, END].concat()
}

pub(super) fn text(block: i32, delta: &str) -> Vec<u8> {
    event("contentBlockDelta", &json!({ "contentBlockIndex": block, "delta": { "text": delta } }))
}

pub(super) fn tool(block: i32, id: &str, name: &str) -> Vec<u8> {
    let start = json!({ "toolUse": { "toolUseId": id, "name": name } });
    event("contentBlockStart", &json!({ "contentBlockIndex": block, "start": start }))
}

pub(super) fn input(block: i32, piece: &str) -> Vec<u8> {
    let delta = json!({ "toolUse": { "input": piece } });
    event("contentBlockDelta", &json!({ "contentBlockIndex": block, "delta": delta }))
}

pub(super) fn stop(reason: &str) -> Vec<u8> {
    event("messageStop", &json!({ "stopReason": reason }))
}

pub(super) fn usage() -> Vec<u8> {
    let used = json!({
        "inputTokens": 11, "outputTokens": 7, "totalTokens": 30,
        "cacheReadInputTokens": 9, "cacheWriteInputTokens": 3,
    });
    event("metadata", &json!({ "usage": used, "metrics": { "latencyMs": 5 } }))
}

fn frame(headers: &[(&str, &str)], payload: &Value) -> Vec<u8> {
    let payload = payload.to_string().into_bytes();
    let mut head = Vec::new();
    for (name, value) in headers.iter().chain(&[(":content-type", "application/json")]) {
        head.push(u8::try_from(name.len()).unwrap());
        head.extend_from_slice(name.as_bytes());
        head.push(7); // a text
        head.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        head.extend_from_slice(value.as_bytes());
    }
    let total = 16 + head.len() + payload.len();
    let mut frame = Vec::new();
    frame.extend_from_slice(&u32::try_from(total).unwrap().to_be_bytes());
    frame.extend_from_slice(&u32::try_from(head.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(&crc32(&frame).to_be_bytes());
    frame.extend_from_slice(&head);
    frame.extend_from_slice(&payload);
    frame.extend_from_slice(&crc32(&frame).to_be_bytes());
    frame
}

/// CRC-32 as in ISO 3309, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let fold = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    };
    !bytes.iter().fold(u32::MAX, fold)
}

#[test]
fn the_checksum_is_the_known_one() {
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
}
