//! Secrets of a test, and the watch over everything that the gateway says while it runs.
//!
//! In: each secret that the harness sends or hands over, and each text that comes out of the gateway's
//! process: logs, audit records, pages, spans, answers that are errors. Out: a failed test when one is in
//! the other. It never prints a whole secret.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The shortest text that is taken for a secret: shorter ones are words that stand anywhere.
const SHORTEST: usize = 12;
/// How many secrets of a test are looked for. Tokens by the thousand are found by how they begin.
const MOST: usize = 256;
/// How the parts of every JWT begin that are JSON (RFC 7519): `{"` in base64url.
const JWT: &str = "eyJ";
/// The shortest part of a JWT that is looked for.
const PART: usize = 20;
/// How much of a secret an error shows.
const SHOWN: usize = 6;
/// Variables of an environment whose values are secrets.
const NAMES: [&str; 5] = ["TOKEN", "KEY", "SECRET", "PEPPER", "PASSWORD"];
/// How long a page may take.
const PAGE: Duration = Duration::from_secs(5);

static PLANTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// From now on nothing may say this text.
pub fn plant(secret: &str) {
    let mut planted = planted();
    // Of a JWT the signature alone is a secret that is not found by how it begins.
    let secret =
        if secret.starts_with(JWT) { secret.rsplit('.').next().unwrap_or("") } else { secret };
    if secret.len() >= SHORTEST && planted.len() < MOST {
        planted.insert(secret.to_owned());
    }
}

/// The same of what an environment says under names that secrets have.
pub fn plant_env(env: &[(&str, &str)]) {
    let secret = |name: &str| NAMES.iter().any(|part| name.contains(part));
    env.iter().filter(|(name, _)| secret(name)).for_each(|(_, value)| plant(value));
}

/// The same of a header that carries one.
pub fn plant_header(name: &str, value: &str) {
    if name.eq_ignore_ascii_case("authorization") {
        plant(value.split_once(' ').map_or(value, |(_, secret)| secret));
    }
}

/// What is wrong with a text that came out of the gateway.
#[must_use]
pub fn found(place: &str, text: &str) -> Option<String> {
    let planted = planted();
    let known = planted.iter().find(|secret| text.contains(secret.as_str()));
    let secret = known.map(String::as_str).or_else(|| token(text))?;
    let line = text.lines().find(|line| line.contains(secret)).unwrap_or_default();
    let at = line.find(secret).unwrap_or_default();
    let before = line.get(at.saturating_sub(120)..at).unwrap_or_default();
    let start: String = secret.chars().take(SHOWN).collect();
    Some(format!("{place} has a secret: {before}{start}…"))
}

/// Fails the test when a text that came out of the gateway holds a secret.
///
/// # Panics
/// See above; not while the test fails already.
pub fn watch(place: &str, text: &str) {
    let found = found(place, text);
    if !std::thread::panicking() {
        assert!(found.is_none(), "{}", found.unwrap_or_default());
    }
}

/// [`watch`] over what the gateway has written into a folder.
pub(crate) fn watch_folder(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        // Some tests log to a device that has no end.
        let is_file = fs::metadata(&path).is_ok_and(|found| found.is_file());
        let output = name.starts_with("toolgate.out") || name.starts_with("toolgate.err");
        if is_file && (output || is_log(name)) {
            let text = fs::read(&path).unwrap_or_default();
            watch(name, &String::from_utf8_lossy(&text));
        }
    }
}

/// Access logs, and audit logs that were begun anew.
fn is_log(name: &str) -> bool {
    name.contains(".log") || name.contains(".jsonl")
}

/// [`watch`] over the pages of a gateway that runs; of one that does not, there are none.
pub(crate) fn watch_pages(admin: SocketAddr) {
    for path in ["/metrics", "/readyz"] {
        if let Some(text) = page(admin, path) {
            watch(path, &text);
        }
    }
}

fn page(admin: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&admin, PAGE).ok()?;
    stream.set_read_timeout(Some(PAGE)).ok()?;
    let ask = format!("GET {path} HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).ok()?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// The first part of a JWT in a text.
fn token(text: &str) -> Option<&str> {
    let part = |at: usize| {
        let rest = text.get(at..)?;
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
        rest.get(..end.unwrap_or(rest.len())).filter(|part| part.len() >= PART)
    };
    text.match_indices(JWT).find_map(|(at, _)| part(at))
}

fn planted() -> MutexGuard<'static, BTreeSet<String>> {
    PLANTED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{found, plant, plant_env, plant_header};

    #[test]
    fn what_was_planted_is_found_and_not_shown() {
        plant("a-planted-secret");
        plant_env(&[("SICK_TOKEN", "secret-of-the-target"), ("COLOUR", "something-harmless")]);
        plant_header("Authorization", "Basic c2VjcmV0IGJhc2lj");
        plant("short");
        for secret in ["a-planted-secret", "secret-of-the-target", "c2VjcmV0IGJhc2lj"] {
            let said = found("a log", &format!("one\ntwo {secret} three")).unwrap();
            assert!(said.starts_with("a log has a secret: two "), "{said}");
            assert!(!said.contains(secret), "{said}");
        }
        for harmless in ["something-harmless", "short", "nothing"] {
            assert_eq!(found("a log", harmless), None);
        }
    }

    #[test]
    fn a_token_is_found_by_how_it_begins_and_by_its_signature() {
        let jwt =
            "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJzb21lYm9keSJ9.c2lnbmF0dXJlLW9mLWl0";
        plant(jwt);
        for part in jwt.split('.') {
            assert!(found("a log", &format!("x=\"{part}\"")).is_some(), "{part}");
        }
        assert_eq!(found("a log", "eyJ is how it begins"), None);
    }
}
