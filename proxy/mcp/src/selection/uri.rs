//! The one way in which a URI is spelled where patterns decide on it.
//!
//! Enters: a URI, or a template of URIs, as a caller or a target has written it. Leaves: whether that is
//! its plain form (RFC 3986, 6.2.2): what a target would read as the same has no second spelling that
//! passes a pattern. Never: a URI that is put into that form: the target is asked for what was asked.

/// Whether it is: nothing in it leads up or nowhere, no letter is written in another way than need be,
/// and there is nothing that no URI has.
pub(super) fn is_plain(uri: &str) -> bool {
    let odd = |byte: u8| byte == b'\\' || byte == b' ' || byte.is_ascii_control();
    let (head, path) = parts(uri);
    !uri.bytes().any(odd)
        && !climbs(uri)
        && is_spelled_plainly(uri.as_bytes())
        && !has_capitals(head)
        && !is_idle(path)
        && !is_odd_file(uri)
}

/// Scheme and authority, and the path.
fn parts(uri: &str) -> (&str, &str) {
    let (before, _) = uri.split_at(uri.find(['?', '#']).unwrap_or(uri.len()));
    let scheme = before.find(':').filter(|at| !before.get(..*at).unwrap_or_default().contains('/'));
    let Some(colon) = scheme else { return ("", before) };
    let rest = before.get(colon + 1..).unwrap_or_default();
    let authority = rest.strip_prefix("//");
    let length = authority.map_or(0, |rest| 2 + rest.find('/').unwrap_or(rest.len()));
    before.split_at(colon + 1 + length)
}

/// Whether there are capitals where they say nothing; names of a template's variables are its own.
fn has_capitals(head: &str) -> bool {
    let mut within = false;
    head.bytes().any(|byte| {
        within = byte == b'{' || (within && byte != b'}');
        !within && byte.is_ascii_uppercase()
    })
}

/// Whether a path has segments that lead nowhere. At its end an empty one says something.
fn is_idle(path: &str) -> bool {
    let path = path.strip_prefix('/').unwrap_or(path);
    let (before, last) =
        path.rsplit_once('/').map_or((None, path), |(all, last)| (Some(all), last));
    let nowhere = |segment: &str| segment.is_empty() || segment == ".";
    last == "." || before.is_some_and(|before| before.split('/').any(nowhere))
}

/// Whether a file of this machine is named in another way than `file:///path` (RFC 8089, 2 and B).
fn is_odd_file(uri: &str) -> bool {
    let Some(rest) = uri.strip_prefix("file:") else { return false };
    let host = rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?', '#']).next());
    host.is_none_or(|host| host == "localhost")
}

/// Whether `%` stands only before what cannot stand for itself, in capitals.
fn is_spelled_plainly(mut bytes: &[u8]) -> bool {
    while let [first, rest @ ..] = bytes {
        bytes = rest;
        if *first != b'%' {
            continue;
        }
        let Some((byte, after)) = escape(rest) else { continue };
        let capitals = rest.iter().take(2).all(|digit| !digit.is_ascii_lowercase());
        if !capitals || byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            return false;
        }
        bytes = after;
    }
    true
}

/// The byte that two hexadecimal digits stand for, and what follows them.
fn escape(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let [high, low, rest @ ..] = bytes else { return None };
    digit(*high).zip(digit(*low)).map(|(high, low)| (high * 16 + low, rest))
}

/// Whether a URI has a segment that leads up (RFC 3986, 5.2.4), also one that is spelled with `%`.
fn climbs(uri: &str) -> bool {
    let plain = unescaped(uri.as_bytes());
    plain.split(|byte| b"/\\?#".contains(byte)).any(|segment| segment == b"..")
}

fn unescaped(mut bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    while let [first, rest @ ..] = bytes {
        let escaped = if *first == b'%' { escape(rest) } else { None };
        let (byte, rest) = escaped.unwrap_or((*first, rest));
        plain.push(byte);
        bytes = rest;
    }
    plain
}
