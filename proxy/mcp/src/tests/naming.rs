//! Names.

use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

use crate::naming::{Prefix, Shared, expose};

#[test]
fn prefixes_are_put_where_they_are_wanted() {
    let name = |prefix, shared| expose(prefix, "a", "x", shared);
    for shared in [Shared::Alone, Shared::First, Shared::Later] {
        assert_eq!(name(Prefix::Always, shared).as_deref(), Some("a___x"));
    }
    assert_eq!(name(Prefix::WhenNeeded, Shared::Alone).as_deref(), Some("x"));
    assert_eq!(name(Prefix::WhenNeeded, Shared::First).as_deref(), Some("a___x"));
    assert_eq!(name(Prefix::WhenNeeded, Shared::Later).as_deref(), Some("a___x"));
    assert_eq!(name(Prefix::Never, Shared::First).as_deref(), Some("x"));
    assert_eq!(name(Prefix::Never, Shared::Later), None);
}

#[test]
fn aliases_never_change() {
    let long = "x".repeat(80);
    let alias = expose(Prefix::Always, "target", &long, Shared::Alone).unwrap();
    assert_eq!(alias, "target___xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx_c71ec89ecaa09cf3");
}

proptest! {
    #[test]
    fn every_name_is_one_that_every_client_takes(tool in "\\PC{1,120}") {
        let name = expose(Prefix::Always, "a-b", &tool, Shared::Alone).unwrap();
        prop_assert!((1..=64).contains(&name.len()));
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        prop_assert!(name.chars().all(plain));
        prop_assert_eq!(expose(Prefix::Always, "a-b", &tool, Shared::Alone).unwrap(), name);
    }
}
