//! Ids and paths of AgentCore Memory.
//!
//! In: actors and sessions, with whatever characters they have. Out: ids that the service takes, and
//! the paths of an actor's records. Never: the same id or path for two names.
//!
//! A name that the service takes is its own id. Any other one is written with `_` and two hexadecimal
//! digits for each odd byte behind `x-e-`, or, if that is too long, as its SHA-256 behind `x-h-`. A
//! name that begins with `x-` is always written, so that nobody can choose another one's id.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use toolgate_agent_memory::{Actor, Session};

/// The longest id of an actor.
const ACTOR: usize = 255;
/// The longest id of a session.
const SESSION: usize = 100;
const MARK: &str = "x-";
const WRITTEN: &str = "x-e-";
const HASHED: &str = "x-h-";

/// The id of an actor.
pub(super) fn actor_id(actor: &Actor) -> String {
    id(actor.as_str(), ACTOR)
}

/// The id of a session.
pub(super) fn session_id(session: &Session) -> String {
    id(session.as_str(), SESSION)
}

/// The session of an id, if the id tells.
pub(super) fn session_of(id: &str) -> Option<Session> {
    let name = match id.strip_prefix(WRITTEN) {
        Some(written) => unmarked(written, b'_')?,
        None => id.to_owned(),
    };
    Session::new(&name).ok().filter(|session| session_id(session) == id)
}

/// A hash of parts in their order, as hexadecimal digits.
pub(super) fn hash(parts: &[&str]) -> String {
    let mut all = Vec::new();
    for part in parts {
        all.extend_from_slice(&part.len().to_be_bytes());
        all.extend_from_slice(part.as_bytes());
    }
    hex(digest(&SHA256, &all).as_ref())
}

/// Whether the records of that path are those of one actor: its id is a whole part of the path, and
/// nothing else is left open.
pub(super) fn keeps_apart(template: &str) -> bool {
    let mut parts = template.split('/');
    parts.any(|part| part == ACTOR_VARIABLE) && !fill(template, "a").contains('{')
}

/// The path of an actor's records.
pub(super) fn fill(template: &str, actor: &str) -> String {
    template.replace(ACTOR_VARIABLE, actor)
}

/// What stands for the actor in a path.
const ACTOR_VARIABLE: &str = "{actorId}";

fn id(name: &str, longest: usize) -> String {
    let begins_well = name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.len() <= longest && begins_well && name.bytes().all(plain) && !name.starts_with(MARK) {
        return name.to_owned();
    }
    let written = format!("{WRITTEN}{}", write(name));
    if written.len() <= longest { written } else { format!("{HASHED}{}", hash(&[name])) }
}

fn write(name: &str) -> String {
    let mut written = String::with_capacity(name.len() * 3);
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            written.push(char::from(byte));
        } else {
            written.push('_');
            written.push_str(&hex(&[byte]));
        }
    }
    written
}

/// What was written with the bytes that are not plain as a mark and two digits; `None` if nobody has
/// written it like this.
pub(super) fn unmarked(written: &str, mark: u8) -> Option<String> {
    let mut bytes = Vec::with_capacity(written.len());
    let mut rest = written.bytes();
    while let Some(byte) = rest.next() {
        if byte == mark {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Nothing can go wrong with a String.
        let _fine = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    //! Ids of names that mean no good.

    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// The service's own patterns.
    fn is_id(id: &str, longest: usize) -> bool {
        let odd = |byte: u8| !byte.is_ascii_alphanumeric() && byte != b'-' && byte != b'_';
        id.as_bytes()[0].is_ascii_alphanumeric() && id.len() <= longest && !id.bytes().any(odd)
    }

    #[test]
    fn a_good_name_is_its_own_id_and_an_odd_one_is_written() {
        let id = |name: &str| session_id(&Session::new(name).unwrap());
        assert_eq!(id("session-0193-ab"), "session-0193-ab");
        assert_eq!(id("devops_001"), "devops_001");
        assert_eq!(id("alice@example.com"), "x-e-alice_40example_2ecom");
        assert_eq!(id("x-e-a"), "x-e-x-e-a");
        assert_eq!(id("-a"), "x-e--a");
        assert_eq!(id("ü"), "x-e-_c3_bc");
        let long = id(&"a".repeat(101));
        assert!(long.starts_with("x-h-") && long.len() == 68, "{long}");
        assert_eq!(session_of("x-e-_c3_bc"), Session::new("ü").ok());
        for odd in ["x-e-a", "x-e-_4", "x-e-_zz", "x-e-_ff", "x-q", "a.b", long.as_str()] {
            assert_eq!(session_of(odd), None, "{odd}");
        }
    }

    #[test]
    fn names_that_try_to_be_another_one_are_apart() {
        let names = [
            "bob",
            "bob/",
            "bob/preferences",
            "{actorId}",
            "bob_2f",
            "x-e-bob_2f",
            "x-e-x-e-bob_5f2f",
            "bob*",
            "*",
            "Bob",
            "bob ",
        ];
        let ids: HashSet<String> =
            names.iter().map(|name| actor_id(&Actor::new(name).unwrap())).collect();
        assert_eq!(ids.len(), names.len());
        for id in ids {
            assert!(is_id(&id, ACTOR), "{id}");
            let path = fill("/agent/devops/{actorId}/preferences/", &id);
            assert_eq!(path.split('/').count(), 6, "{path}");
        }
    }

    #[test]
    fn a_path_has_the_actor_as_a_part() {
        for good in ["/agent/devops/{actorId}/semantic/", "agent/{actorId}", "{actorId}"] {
            assert!(keeps_apart(good), "{good}");
        }
        for bad in ["/all/", "/x{actorId}/", "/{actorId}/{sessionId}/", "", "/{actor}/"] {
            assert!(!keeps_apart(bad), "{bad}");
        }
    }

    #[test]
    fn a_hash_knows_where_parts_end() {
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
    }

    proptest! {
        #[test]
        fn ids_are_taken_and_tell_their_names(one in "[^\\p{Cc}]{1,40}", other in "[^\\p{Cc}]{1,40}") {
            let (one, other) = (Session::new(&one), Session::new(&other));
            if let (Ok(one), Ok(other)) = (one, other) {
                let id = session_id(&one);
                prop_assert!(is_id(&id, SESSION), "{}", id);
                prop_assert_eq!(id == session_id(&other), one == other);
                let told = session_of(&id);
                prop_assert!(told == Some(one) || id.starts_with(HASHED));
            }
        }
    }
}
