//! The form of a token request (`application/x-www-form-urlencoded`).
//!
//! Enters: the body. Leaves: its parameters. Never: a parameter that is there twice (RFC 6749
//! section 3.2 forbids it).

use std::collections::HashMap;

/// The parameters of a request.
#[derive(Debug)]
pub(super) struct Form(HashMap<String, String>);

// === impl Form ===

impl Form {
    /// Reads a body; `None` if it is not a form.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let mut fields = HashMap::new();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next()?)?;
            let value = decode(halves.next().unwrap_or_default())?;
            if fields.insert(name, value).is_some() {
                return None;
            }
        }
        Some(Self(fields))
    }

    /// The parameter of that name; an empty one counts as none (RFC 6749 section 3.2).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Undoes the escaping of a name or a value.
pub(super) fn decode(text: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            plain => plain,
        });
    }
    String::from_utf8(out).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
