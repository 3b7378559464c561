//! JSON in one form only (RFC 8785, JCS).
//!
//! Enters: a value. Leaves: its bytes: members sorted by UTF-16 code units, no space, the shortest
//! numbers. Never: two forms of one value. Integers of 64 bits that a double does not hold keep all
//! their digits, where the RFC would round them: two of them are two values. Larger ones are doubles, so
//! that two of them may be one.

use serde_json::{Number, Value};

/// The canonical bytes of a value.
#[must_use]
pub fn canonical(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write(value, &mut out);
    out
}

/// Whether two values are the same, however they are written.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || number_text(a) == number_text(b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let also = |(key, a): (&String, &Value)| b.get(key).is_some_and(|b| same(a, b));
            a.len() == b.len() && a.iter().all(also)
        }
        _ => a == b,
    }
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => out.extend_from_slice(number_text(number).as_bytes()),
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push(b'{');
            for (at, (key, value)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_text(key, out);
                out.push(b':');
                write(value, out);
            }
            out.push(b'}');
        }
    }
}

/// RFC 8785, 3.2.2.2: what `serde_json` writes too.
fn write_text(text: &str, out: &mut Vec<u8>) {
    // Into memory: this cannot fail.
    let _written = serde_json::to_writer(out, text);
}

fn number_text(number: &Number) -> String {
    if number.is_i64() || number.is_u64() {
        return number.to_string();
    }
    number.as_f64().map_or_else(|| number.to_string(), double_text)
}

/// As ECMAScript writes a number (RFC 8785, 3.2.2.3; ECMA-262, `Number::toString`).
pub(super) fn double_text(double: f64) -> String {
    // As many digits as read back as this number, the nearest of those, and of two the even one.
    let shortest = format!("{:e}", double.abs());
    let mantissa = shortest.split('e').next().unwrap_or_default();
    let count = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let text = format!("{:.*e}", count.saturating_sub(1), double.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let point = exponent.parse::<i32>().unwrap_or_default() + 1;
    let body = laid_out(&digits, point);
    if double < 0.0 { format!("-{body}") } else { body }
}

/// `digits` with the point behind so many of them.
fn laid_out(digits: &str, point: i32) -> String {
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or_default());
    let split = |at: i32| digits.split_at_checked(usize::try_from(at).unwrap_or_default());
    match (point, split(point)) {
        _ if digits == "0" => digits.to_owned(),
        (1..=21, _) if count <= point => format!("{digits}{}", zeros(point - count)),
        (1..=21, Some((whole, part))) => format!("{whole}.{part}"),
        (-5..=0, _) => format!("0.{}{digits}", zeros(-point)),
        _ => {
            let (first, rest) = split(1).unwrap_or((digits, ""));
            let dot = if rest.is_empty() { "" } else { "." };
            let sign = if point > 0 { "+" } else { "-" };
            format!("{first}{dot}{rest}e{sign}{}", (point - 1).abs())
        }
    }
}
