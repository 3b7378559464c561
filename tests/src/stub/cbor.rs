//! CBOR (RFC 8949), as much as the SDK needs.
//!
//! In: a document, or bytes. Out: the other. It knows no tags and no byte strings.

use serde_json::{Map, Number, Value};

/// Appends a document.
pub(super) fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(flag) => out.push(if *flag { 0xf5 } else { 0xf4 }),
        Value::Number(number) => match number.as_u64() {
            Some(whole) => head(0, whole, out),
            None => {
                out.push(0xfb);
                out.extend_from_slice(&number.as_f64().unwrap_or_default().to_be_bytes());
            }
        },
        Value::String(text) => {
            head(3, text.len() as u64, out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Array(list) => {
            head(4, list.len() as u64, out);
            list.iter().for_each(|item| write(item, out));
        }
        Value::Object(fields) => {
            head(5, fields.len() as u64, out);
            for (key, value) in fields {
                write(&Value::from(key.as_str()), out);
                write(value, out);
            }
        }
    }
}

/// A major type and its number, in the longest form, which readers take too.
fn head(major: u8, number: u64, out: &mut Vec<u8>) {
    out.push(major << 5 | 27);
    out.extend_from_slice(&number.to_be_bytes());
}

/// Reads a document; `None` when it is not one, or has what is not known here.
pub(super) fn read(bytes: &[u8]) -> Option<Value> {
    Reader { left: bytes }.value()
}

struct Reader<'a> {
    left: &'a [u8],
}

// === impl Reader ===

impl Reader<'_> {
    fn value(&mut self) -> Option<Value> {
        let first = self.byte()?;
        let (major, short) = (first >> 5, first & 31);
        match (major, short) {
            (7, 20 | 21) => return Some(Value::from(short == 21)),
            (7, 22 | 23) => return Some(Value::Null),
            (7, 26) => {
                let bits = u32::try_from(self.whole(4)?).ok()?;
                return Number::from_f64(f64::from(f32::from_bits(bits))).map(Value::Number);
            }
            (7, 27) => return Number::from_f64(f64::from_bits(self.whole(8)?)).map(Value::Number),
            _ => {}
        }
        // Without a number, it goes on until a break.
        let number = match short {
            31 => None,
            24..=27 => Some(self.whole(1 << (short - 24))?),
            small => Some(u64::from(small)),
        };
        match major {
            0 => Some(Value::from(number?)),
            1 => i64::try_from(number?).ok().map(|below| Value::from(-1 - below)),
            3 => self.text(number?).map(Value::from),
            4 => {
                let mut list = Vec::new();
                while self.more(number, list.len())? {
                    list.push(self.value()?);
                }
                Some(list.into())
            }
            5 => {
                let mut fields = Map::new();
                while self.more(number, fields.len())? {
                    let key = self.value()?;
                    fields.insert(key.as_str()?.to_owned(), self.value()?);
                }
                Some(fields.into())
            }
            _ => None,
        }
    }

    /// Whether another item follows; takes the break.
    fn more(&mut self, number: Option<u64>, read: usize) -> Option<bool> {
        match number {
            Some(number) => Some((read as u64) < number),
            None if self.left.first() == Some(&0xff) => self.byte().map(|_| false),
            None => Some(true),
        }
    }

    fn text(&mut self, length: u64) -> Option<String> {
        let (text, left) = self.left.split_at_checked(usize::try_from(length).ok()?)?;
        self.left = left;
        String::from_utf8(text.to_vec()).ok()
    }

    fn whole(&mut self, bytes: u32) -> Option<u64> {
        (0..bytes).try_fold(0, |number, _| Some(number << 8 | u64::from(self.byte()?)))
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, left) = self.left.split_first()?;
        self.left = left;
        Some(*first)
    }
}

#[cfg(test)]
mod tests {
    //! What is written is read, and the forms that the SDK writes are.

    use serde_json::json;

    use super::{read, write};

    #[test]
    fn what_is_written_is_read() {
        let document = json!({"a": [1, 2.5, true, null, "text"], "b": {"c": []}});
        let mut bytes = Vec::new();
        write(&document, &mut bytes);
        assert_eq!(read(&bytes), Some(document));
    }

    #[test]
    fn short_and_open_forms_are_read() {
        // {_ "a": [_ 10, -1, 300], "b": 1.5}
        let open = b"\xbf\x61a\x9f\x0a\x20\x19\x01\x2c\xff\x61b\xfb\x3f\xf8\0\0\0\0\0\0\xff";
        assert_eq!(read(open), Some(json!({"a": [10, -1, 300], "b": 1.5})));
        assert_eq!(read(b"\x62a"), None);
    }
}
