//! Cuts what looks like a secret out of what programs have written.
//!
//! Enters: lines of a log, a message. Leaves: the same, with keys, tokens and passwords replaced, and
//! how many. Never: a promise that all are found; who must not read secrets must not read logs.

use std::borrow::Cow;

/// What stands where a secret stood.
pub(super) const REDACTED: &str = "[redacted]";

/// Names before a `=` or `:` whose value is one, by a part of them.
const NAMES: [&str; 13] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "access_key",
    "accesskey",
    "private_key",
    "credential",
    "authorization",
];
/// How tokens begin that say themselves what they are, and how many more characters they have at least.
const TOKENS: [(&str, usize); 16] = [
    ("eyJ", 20),
    ("AKIA", 16),
    ("ASIA", 16),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghs_", 20),
    ("github_pat_", 20),
    ("glpat-", 15),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("sk-", 20),
    ("sk_live_", 10),
    ("rk_live_", 10),
    ("AIza", 30),
    ("k8s-aws-v1.", 20),
    ("tgk_", 20),
];
/// Words before a token in a header (RFC 9110, 11.6.2).
const SCHEMES: [&str; 2] = ["bearer ", "basic "];

/// A text without its secrets, and how many there were.
pub(super) fn redact(text: &str) -> (String, usize) {
    let mut lines: Vec<Cow<'_, str>> = Vec::new();
    let (mut found, mut in_key) = (0, false);
    for line in text.split('\n') {
        let ends_key = line.contains("-----END ") && line.contains("PRIVATE KEY-----");
        let begins_key = line.contains("-----BEGIN ") && line.contains("PRIVATE KEY-----");
        if ends_key && !in_key && !begins_key {
            // Its beginning is not here: what stands before it in base64 is the key.
            while lines.last().is_some_and(|line| is_base64(line)) {
                lines.pop();
            }
        }
        if in_key || begins_key || ends_key {
            if begins_key || (ends_key && !in_key) {
                lines.push(Cow::Borrowed(REDACTED));
                found += 1;
            }
            in_key = (in_key || begins_key) && !ends_key;
            continue;
        }
        let (line, more) = one_line(line);
        lines.push(line);
        found += more;
    }
    (lines.join("\n"), found)
}

fn one_line(line: &str) -> (Cow<'_, str>, usize) {
    let (mut clean, mut kept, mut at, mut found) = (String::new(), 0, 0, 0);
    while at < line.len() {
        let Some(rest) = line.get(at..) else {
            at += 1;
            continue;
        };
        let Some((skip, length)) = secret(rest, line.get(..at).unwrap_or_default()) else {
            at += 1;
            continue;
        };
        clean.push_str(line.get(kept..at + skip).unwrap_or_default());
        clean.push_str(REDACTED);
        at += skip + length;
        (kept, found) = (at, found + 1);
    }
    if found == 0 {
        return (Cow::Borrowed(line), 0);
    }
    clean.push_str(line.get(kept..).unwrap_or_default());
    (Cow::Owned(clean), found)
}

/// Whether a secret begins here or after a few bytes: those bytes, and its length.
fn secret(rest: &str, before: &str) -> Option<(usize, usize)> {
    let starts_word = !before.ends_with(|letter: char| letter.is_ascii_alphanumeric());
    scheme(rest)
        .filter(|_| starts_word)
        .or_else(|| token(rest, starts_word))
        .or_else(|| named(rest, before))
        .or_else(|| in_url(rest))
}

fn scheme(rest: &str) -> Option<(usize, usize)> {
    let scheme = SCHEMES.iter().find(|scheme| begins(rest, scheme))?;
    let length = token_length(rest.get(scheme.len()..)?);
    (length >= 8).then_some((scheme.len(), length))
}

fn token(rest: &str, starts_word: bool) -> Option<(usize, usize)> {
    let (prefix, least) = TOKENS.iter().find(|(prefix, _)| rest.starts_with(prefix))?;
    let length = token_length(rest);
    (starts_word && length >= prefix.len() + least).then_some((0, length))
}

/// `password=…`, `"api_key": "…"`, `DB_PASSWORD: …`; `before` ends in the name.
fn named(rest: &str, before: &str) -> Option<(usize, usize)> {
    if !rest.starts_with(['=', ':']) {
        return None;
    }
    let before = before.trim_end_matches(['"', '\'', '\\', ' ']);
    let of_name = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
    let name = before.rsplit(|letter| !of_name(letter)).next()?.to_ascii_lowercase();
    if !NAMES.iter().any(|part| name.contains(part)) {
        return None;
    }
    let value = rest.get(1..)?;
    let bare = value.trim_start_matches([' ', '\\', '>', '=']);
    let quote = bare.chars().next().filter(|first| matches!(first, '"' | '\''));
    let bare = quote.map_or(Some(bare), |_| bare.get(1..))?;
    let is_nested = value.get(..value.len() - bare.len())?.contains('\\');
    let length = match quote {
        Some(quote) => quoted_length(bare, quote, is_nested),
        None => {
            let ends = |letter: char| letter.is_whitespace() || ",;&)}]\"'".contains(letter);
            bare.find(ends).unwrap_or(bare.len())
        }
    };
    let is_word =
        matches!(bare.get(..length)?, "null" | "true" | "false" | "None" | "nil" | REDACTED);
    // A scheme is not the secret; what follows it is.
    let is_scheme = SCHEMES.iter().any(|scheme| begins(bare, scheme));
    (length > 0 && !is_word && !is_scheme).then_some((rest.len() - bare.len(), length))
}

/// Up to the quote that ends it; in JSON within JSON that one has a backslash too.
fn quoted_length(text: &str, quote: char, is_nested: bool) -> usize {
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' if is_nested => return at,
            '\\' => drop(letters.next()),
            _ if letter == quote => return at,
            _ => {}
        }
    }
    text.len()
}

/// `://user:password@`.
fn in_url(rest: &str) -> Option<(usize, usize)> {
    let authority = rest.strip_prefix("://")?;
    let end = authority.find(|c: char| c == '/' || c == '?' || c == '"' || c.is_whitespace());
    let authority = authority.get(..end.unwrap_or(authority.len()))?;
    let (user, _) = authority.rsplit_once('@')?;
    let (name, password) = user.split_once(':')?;
    (!password.is_empty()).then_some(("://".len() + name.len() + 1, password.len()))
}

fn begins(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// The characters of a token (RFC 6750, 2.1).
fn token_length(text: &str) -> usize {
    let of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=%".contains(byte);
    text.bytes().take_while(of_token).count()
}

/// Whether a line may be of a key: base64 and nothing else, but for the time that it may begin with
/// (RFC 3339, as the cluster writes it).
pub(super) fn is_base64(line: &str) -> bool {
    let is_time = |word: &str| {
        let of_time = |byte: u8| byte.is_ascii_digit() || b"-:.TZ+".contains(&byte);
        word.len() >= 20 && word.contains('T') && word.bytes().all(of_time)
    };
    let line =
        line.split_once(' ').filter(|(word, _)| is_time(word)).map_or(line, |(_, rest)| rest);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=\r".contains(&byte);
    !line.is_empty() && line.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    //! What is cut out, and what stays.

    use super::redact;

    #[test]
    fn secrets_go_and_the_rest_stays() {
        let jwt = format!("eyJ{}", "a".repeat(40));
        for (text, wanted) in [
            ("DB_PASSWORD=hunter2 next".to_owned(), "DB_PASSWORD=[redacted] next"),
            (r#"{"api_key": "abc\"d", "a": 1}"#.to_owned(), r#"{"api_key": "[redacted]", "a": 1}"#),
            (r#""{\"token\":\"abc\"}""#.to_owned(), r#""{\"token\":\"[redacted]\"}""#),
            ("Authorization: Bearer abcdefgh1234".to_owned(), "Authorization: Bearer [redacted]"),
            (format!("got {jwt}, done"), "got [redacted], done"),
            ("key AKIAIOSFODNN7EXAMPLE.".to_owned(), "key [redacted]"),
            ("postgres://app:p@ss@db/x".to_owned(), "postgres://app:[redacted]@db/x"),
            ("clientSecret: 'a b'".to_owned(), "clientSecret: '[redacted]'"),
            ("token=null password=".to_owned(), "token=null password="),
            ("é tokens used: many".to_owned(), "é tokens used: many"),
            ("GET /health 200 12ms".to_owned(), "GET /health 200 12ms"),
        ] {
            assert_eq!(redact(&text).0, wanted, "{text}");
        }
    }

    #[test]
    fn a_private_key_goes_whole_and_also_the_end_of_one() {
        let whole =
            "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nAbc=\n-----END RSA PRIVATE KEY-----\nb";
        assert_eq!(redact(whole), ("a\n[redacted]\nb".to_owned(), 1));
        let end = "MIIE\nAbc=\n-----END PRIVATE KEY-----\nb";
        assert_eq!(redact(end), ("[redacted]\nb".to_owned(), 1));
        let at = "2026-11-26T17:45:00.123456789Z";
        let timed =
            format!("{at} a b\n{at} MIIE\n{at} Abc=\n{at} -----END PRIVATE KEY-----\n{at} b c");
        let clean = format!("{at} a b\n[redacted]\n{at} b c");
        assert_eq!(redact(&timed), (clean, 1));
        let begun = "a\n-----BEGIN PRIVATE KEY-----\nMIIE";
        assert_eq!(redact(begun), ("a\n[redacted]".to_owned(), 1));
    }
}
