//! Forms, as OAuth posts them.
//!
//! Enters: names and values. Leaves: `application/x-www-form-urlencoded` (WHATWG URL, section 5).
//! Never: a buffer with secrets in it that is not wiped.

use zeroize::Zeroizing;

/// A form under way.
pub(super) struct Form(Zeroizing<String>);

// === impl Form ===

impl Form {
    pub(super) fn new() -> Self {
        // Grown, a buffer would leave a copy behind.
        Self(Zeroizing::new(String::with_capacity(32 * 1024)))
    }

    pub(super) fn pair(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        encode(value, &mut self.0);
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// Everything but letters, digits and `*-._` as `%XX`, a space as `+`.
pub(super) fn encode(value: &str, into: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let hex = |half: u8| HEX.get(usize::from(half)).map_or('0', |digit| char::from(*digit));
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                into.push(char::from(byte));
            }
            b' ' => into.push('+'),
            _ => into.extend(['%', hex(byte >> 4), hex(byte & 0xf)]),
        }
    }
}

#[cfg(test)]
mod tests {
    //! What is encoded.

    use super::Form;

    #[test]
    fn what_means_something_in_a_form_is_encoded() {
        let mut form = Form::new();
        form.pair("grant_type", "client_credentials");
        form.pair("scope", "a/b c&d=é");
        assert_eq!(form.text(), "grant_type=client_credentials&scope=a%2Fb+c%26d%3D%C3%A9");
    }
}
