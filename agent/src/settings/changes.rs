//! What differs between two readings of the settings.
//!
//! In: the settings in force, and those that were read later. Out: the keys that differ, apart by
//! whether a change of them is applied while the agent runs. Never: a value.

use super::keys::KEYS;
use super::layers::Merged;

/// Keys with other values than before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Those that are applied for the next turn.
    pub live: Vec<&'static str>,
    /// Those that wait for a restart.
    pub later: Vec<&'static str>,
}

// === impl Changes ===

impl Changes {
    /// What has changed. Where a value comes from does not matter.
    #[must_use]
    pub fn between(old: &Merged, new: &Merged) -> Self {
        let mut changes = Self::default();
        for key in KEYS.iter().filter(|key| old.text(key.path) != new.text(key.path)) {
            let to = if key.live { &mut changes.live } else { &mut changes.later };
            to.push(key.path);
        }
        // The way to a token belongs to its gateway.
        if changes.later.contains(&"gateway/url") {
            let of_gateway = |key: &mut &'static str| key.starts_with("gateway/");
            changes.later.extend(changes.live.extract_if(.., of_gateway));
        }
        changes
    }

    /// Whether everything is what it was.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.live.is_empty() && self.later.is_empty()
    }
}
