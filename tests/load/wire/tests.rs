//! What the generator takes for an answer.

use super::*;

fn buffer(text: &str) -> BytesMut {
    BytesMut::from(text)
}

#[test]
fn an_answer_with_a_length_is_taken_and_the_next_one_stays() {
    let mut wire = buffer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 ");
    let answer = take_answer(&mut wire).unwrap().unwrap();
    assert_eq!((answer.status, &answer.body[..]), (200, &b"{}"[..]));
    assert_eq!(&wire[..], b"HTTP/1.1 ");
}

#[test]
fn every_unfinished_answer_is_waited_for() {
    let whole = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    for length in 0..whole.len() {
        let mut wire = BytesMut::from(&whole.as_bytes()[..length]);
        assert_eq!(take_answer(&mut wire).unwrap(), None, "at {length} bytes");
        assert_eq!(wire.len(), length);
    }
    let mut wire = buffer(whole);
    assert_eq!(&take_answer(&mut wire).unwrap().unwrap().body[..], b"{}");
    assert!(wire.is_empty());
}

#[test]
fn chunks_are_joined_and_their_extensions_dropped() {
    let (body, length) =
        unchunk(b"3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\nnext").unwrap().unwrap();
    assert_eq!(body, b"abc0123456789");
    assert_eq!(length, 32);
}

#[test]
fn a_chunk_that_is_longer_than_it_says_is_an_error() {
    assert!(unchunk(b"2\r\nabc\r\n0\r\n\r\n").is_err());
    assert!(unchunk(b"zz\r\n").is_err());
}

#[test]
fn headers_are_found_whatever_their_case() {
    let mut wire = buffer("HTTP/1.1 200 OK\r\nmcp-session-id:  abc \r\ncontent-length: 0\r\n\r\n");
    let answer = take_answer(&mut wire).unwrap().unwrap();
    assert_eq!(answer.header("Mcp-Session-Id"), Some("abc"));
    assert_eq!(answer.header("Mcp-Session"), None);
}

#[test]
fn an_accepted_notification_needs_no_length_but_any_other_answer_does() {
    let mut accepted = buffer("HTTP/1.1 202 Accepted\r\n\r\n");
    assert_eq!(take_answer(&mut accepted).unwrap().unwrap().status, 202);
    assert!(take_answer(&mut buffer("HTTP/1.1 200 OK\r\n\r\n")).is_err());
    assert!(take_answer(&mut buffer("SSH-2.0-x\r\n\r\n")).is_err());
}
