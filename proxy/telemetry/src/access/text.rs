//! Strings and numbers as JSON.
//!
//! Enters: any text or bytes. Leaves: one JSON value on one line. Never: a raw control character,
//! invalid UTF-8, or more than [`LONGEST`] bytes for one string.

/// The most bytes that one string may take on a line, its quotes not counted.
pub(super) const LONGEST: usize = 4096;

/// Ends a string that was cut.
const CUT: &[u8] = "…".as_bytes();

/// Appends a JSON string.
pub(crate) fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    if text.len() <= LONGEST && text.bytes().all(is_plain) {
        out.extend_from_slice(text.as_bytes());
    } else {
        push_escaped(out, text);
    }
    out.push(b'"');
}

/// Appends a number.
pub(crate) fn push_number(out: &mut Vec<u8>, number: u64) {
    push_padded(out, number, 1);
}

/// Appends a number with at least so many digits, at most twenty.
pub(super) fn push_padded(out: &mut Vec<u8>, mut number: u64, digits: usize) {
    let mut buffer = [b'0'; 20];
    let mut used = 0;
    for place in buffer.iter_mut().rev() {
        if number == 0 && used >= digits {
            break;
        }
        *place =
            ASCII_DIGITS.get(usize::try_from(number % 10).unwrap_or(0)).copied().unwrap_or(b'0');
        number /= 10;
        used += 1;
    }
    out.extend_from_slice(buffer.get(buffer.len() - used..).unwrap_or_default());
}

const ASCII_DIGITS: &[u8; 10] = b"0123456789";
const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Appends a number as so many hex digits.
pub(crate) fn push_hex(out: &mut Vec<u8>, number: u128, digits: u32) {
    for place in (0..digits).rev() {
        let digit = usize::try_from((number >> (4 * place)) & 0xf).unwrap_or(0);
        out.push(HEX_DIGITS.get(digit).copied().unwrap_or(b'0'));
    }
}

/// Printable ASCII that needs no escape.
pub(super) const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

fn push_escaped(out: &mut Vec<u8>, text: &str) {
    let end = out.len() + LONGEST;
    let mut utf8 = [0; 4];
    for letter in text.chars() {
        let before = out.len();
        match letter {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            letter if misleads(letter) => {
                out.extend_from_slice(b"\\u");
                push_hex(out, u128::from(u32::from(letter)), 4);
            }
            letter => out.extend_from_slice(letter.encode_utf8(&mut utf8).as_bytes()),
        }
        if out.len() > end - CUT.len() {
            out.truncate(before);
            out.extend_from_slice(CUT);
            return;
        }
    }
}

/// What a terminal or a line reader may act upon: controls, line separators, changes of writing
/// direction.
fn misleads(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
