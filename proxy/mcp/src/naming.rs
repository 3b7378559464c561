//! The names under which callers see the tools of all targets.
//!
//! Enters: target and tool names. Leaves: unique names of at most 64 characters of
//! `[A-Za-z0-9_.-]`, the same after every restart. Never: a name that depends on arrival order.

use toolgate_call::name::{LONGEST, join};

/// When a tool's name carries its target's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefix {
    /// Always: `target___tool`.
    #[default]
    Always,
    /// Only where two targets offer a tool of the same name.
    WhenNeeded,
    /// Never; of two tools of the same name the first target's is offered.
    Never,
}

/// The name for one tool; `shared` says that another target offers a tool of that name.
///
/// `None`: it is not offered.
pub(crate) fn expose(prefix: Prefix, target: &str, tool: &str, shared: Shared) -> Option<String> {
    match (prefix, shared) {
        (Prefix::Always, _) | (Prefix::WhenNeeded, Shared::First | Shared::Later) => {
            Some(fit(&join(target, tool)))
        }
        (Prefix::Never, Shared::Later) => None,
        (Prefix::WhenNeeded, Shared::Alone) | (Prefix::Never, Shared::Alone | Shared::First) => {
            Some(fit(tool))
        }
    }
}

/// Whether a tool's name is taken by another target too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shared {
    /// No.
    Alone,
    /// Yes, and this target comes first in the configuration.
    First,
    /// Yes, and another comes before.
    Later,
}

/// The name itself if every client takes it, else an alias that ends in a digest of it.
fn fit(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name.len() <= LONGEST && name.chars().all(plain) {
        return name.to_owned();
    }
    let digest = format!("{:016x}", fnv1a(name.as_bytes()));
    let kept = name.chars().map(|c| if plain(c) { c } else { '-' });
    let mut alias: String = kept.take(LONGEST - digest.len() - 1).collect();
    alias.push('_');
    alias.push_str(&digest);
    alias
}

/// FNV-1a, 64 bits: stable over versions and machines, which the standard hasher does not promise.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    bytes.iter().fold(OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}
