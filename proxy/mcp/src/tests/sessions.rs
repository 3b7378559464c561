//! Sealed sessions.

use std::time::{Duration, SystemTime};

use toolgate_call::{Abilities, Case, Holder, Principal, Version};

use crate::{SessionConfig, Sessions};

fn sessions(key: &str, lifetime: u64) -> Sessions {
    let config = SessionConfig { key: key.into(), lifetime: Duration::from_secs(lifetime) };
    Sessions::new(&config).unwrap()
}

fn someone(subject: &str) -> Principal {
    Principal { subject: subject.into(), ..Principal::anonymous() }
}

#[test]
fn a_session_opens_for_its_owner_at_every_replica_and_for_nobody_else() {
    let (one, replica, stranger) = (sessions("k", 60), sessions("k", 60), sessions("other", 60));
    let id = one.create(Holder::of(&someone("a")), Version::V2025_06_18, Abilities::NONE).unwrap();
    assert!(id.bytes().all(|byte| byte.is_ascii_graphic()));
    let able = Abilities::FORM.and(Abilities::ROOTS);
    let id_of_able = one.create(Holder::of(&someone("a")), Version::V2025_11_25, able).unwrap();
    assert_eq!(replica.open(&id_of_able, Holder::of(&someone("a"))).unwrap().abilities, able);
    assert_eq!(replica.open(&id, Holder::of(&someone("a"))).unwrap().version, Version::V2025_06_18);
    let case = |sessions: &Sessions, id: &str, who: &str| {
        sessions.open(id, Holder::of(&someone(who))).unwrap_err().case()
    };
    assert_eq!(case(&replica, &id, "b"), Case::SessionUnknown);
    assert_eq!(case(&stranger, &id, "a"), Case::SessionUnknown);
    for forged in [
        "",
        "x",
        id.trim_start_matches(|c| c == id.chars().next().unwrap()),
        &"A".repeat(100),
        &"A".repeat(10_000),
    ] {
        assert_eq!(case(&one, forged, "a"), Case::SessionUnknown, "{forged}");
    }
}

#[test]
fn every_bit_of_an_id_counts() {
    let one = sessions("k", 60);
    let id = one.create(Holder::of(&someone("a")), Version::V2025_11_25, Abilities::NONE).unwrap();
    for at in 0..id.len() - 1 {
        let mut bytes = id.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(bytes).unwrap();
        assert!(one.open(&forged, Holder::of(&someone("a"))).is_err(), "byte {at}");
    }
}

#[test]
fn a_session_ends_by_time_and_by_wish() {
    let over = sessions("k", 0);
    let id = over.create(Holder::of(&someone("a")), Version::V2025_11_25, Abilities::NONE).unwrap();
    assert!(over.open(&id, Holder::of(&someone("a"))).is_err());

    let one = sessions("k", 60);
    let id = one.create(Holder::of(&someone("a")), Version::V2025_11_25, Abilities::NONE).unwrap();
    let other =
        one.create(Holder::of(&someone("a")), Version::V2025_11_25, Abilities::NONE).unwrap();
    assert!(one.end(&id, Holder::of(&someone("b"))).is_err(), "only the owner ends it");
    one.end(&id, Holder::of(&someone("a"))).unwrap();
    assert!(one.open(&id, Holder::of(&someone("a"))).is_err());
    assert!(one.open(&other, Holder::of(&someone("a"))).is_ok());
}

#[test]
fn an_id_tells_when_its_session_was_made() {
    let one = sessions("k", 60);
    let before = SystemTime::now();
    let id = one.create(Holder::of(&someone("a")), Version::V2025_11_25, Abilities::NONE).unwrap();
    let created = one.created(&id, Holder::of(&someone("a"))).unwrap();
    assert!((before..=SystemTime::now()).contains(&created), "{created:?}");
    assert_eq!(one.created(&id, Holder::of(&someone("b"))), None, "only to its owner");
}
