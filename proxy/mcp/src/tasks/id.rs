//! What a caller knows a task by.
//!
//! Enters: a target's id of a task, the tool that became it, how it was called, and whose it is. Leaves: text fit for a
//! header that any replica with the same key opens, for that principal at that server, for nobody else
//! and nowhere else. Never: a table; a right by itself: whoever brings it is judged by the tool's scopes
//! again.

use std::sync::Arc;

use toolgate_call::{Abilities, Holder, Reason, Refusal};

use crate::sealed::Seal;

/// What the key is used for here, which is not what it is used for elsewhere.
const CONTEXT: &[u8] = b"toolgate task 2\0";
/// The longest id of a target's that is taken, in bytes.
const OF_TARGET: usize = 1024;
/// The longest text worth opening: all of it at its longest, in Base64, and some air.
const LONGEST: usize = 2048;

/// Seals and opens ids.
#[derive(Debug)]
pub(crate) struct TaskIds(Seal);

/// What an id says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    /// The target's configured name.
    pub(crate) target: String,
    /// Its name of the tool.
    pub(crate) tool: String,
    /// Its id of the task.
    pub(crate) id: String,
    /// What the caller could be asked when it was made: an older target knows the task in the session
    /// that has declared just that.
    pub(crate) abilities: Abilities,
}

// === impl TaskIds ===

impl TaskIds {
    /// Ids sealed with that key.
    ///
    /// # Errors
    /// When the cipher does not take the key, which its length rules out.
    pub(crate) fn new(key: &[u8]) -> Result<Self, Refusal> {
        Seal::new(key, CONTEXT, "tt1").map(Self)
    }

    /// Writes an id.
    ///
    /// # Errors
    /// `upstream_protocol` for a target's id that is empty, too long or has control characters.
    pub(crate) fn seal(&self, bound: &Bound, holder: Holder<'_>) -> Result<String, Refusal> {
        let Bound { target, tool, id, abilities } = bound;
        let usable = (1..=OF_TARGET).contains(&id.len()) && !id.chars().any(char::is_control);
        let sizes = u8::try_from(target.len()).ok().zip(u16::try_from(tool.len()).ok());
        let Some((of_target, of_tool)) = sizes.filter(|_| usable) else {
            let name = Arc::from(&**target);
            let message = format!("`{target}` gives its task an id that cannot be used");
            return Err(Refusal::target(Reason::UpstreamProtocol, &name, message).after_send());
        };
        let mut plain = Vec::with_capacity(4 + target.len() + tool.len() + id.len() + 16);
        plain.push(abilities.bits());
        plain.push(of_target);
        plain.extend_from_slice(target.as_bytes());
        plain.extend_from_slice(&of_tool.to_be_bytes());
        plain.extend_from_slice(tool.as_bytes());
        plain.extend_from_slice(id.as_bytes());
        self.0.seal(plain, holder)
    }

    /// Reads an id; `None` if it is not one that was made for that principal at that server.
    pub(crate) fn open(&self, text: &str, holder: Holder<'_>) -> Option<Bound> {
        let plain = self.0.open(text, LONGEST, holder)?;
        let (abilities, rest) = plain.split_first()?;
        let abilities = Abilities::of_bits(*abilities);
        let (size, rest) = rest.split_first()?;
        let (target, rest) = rest.split_at_checked(usize::from(*size))?;
        let (size, rest) = rest.split_first_chunk::<2>()?;
        let (tool, id) = rest.split_at_checked(usize::from(u16::from_be_bytes(*size)))?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        Some(Bound { target: text(target)?, tool: text(tool)?, id: text(id)?, abilities })
    }
}

#[cfg(test)]
mod tests {
    //! Who can open what.

    use std::sync::Arc;

    use proptest::prelude::*;
    use toolgate_call::{Abilities, Holder, Principal, Scopes, Server};

    use super::{Bound, TaskIds};

    fn someone(subject: &str) -> Principal {
        Principal { subject: Arc::from(subject), ..Principal::anonymous() }
    }

    fn bound(target: &str, tool: &str, id: &str) -> Bound {
        let abilities = Abilities::FORM.and(Abilities::ROOTS);
        Bound { target: target.to_owned(), tool: tool.to_owned(), id: id.to_owned(), abilities }
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_opens_for_its_owner_only(
            target in "[a-z0-9][a-z0-9-]{0,47}",
            tool in "[^\\p{Cc}]{1,60}",
            id in "[^\\p{Cc}]{1,250}",
        ) {
            let ids = TaskIds::new(b"key").unwrap();
            let one = bound(&target, &tool, &id);
            let text = ids.seal(&one, Holder::of(&someone("a"))).unwrap();
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert!(text.len() <= super::LONGEST);
            prop_assert_eq!(ids.open(&text, Holder::of(&someone("a"))), Some(one));
            prop_assert_eq!(ids.open(&text, Holder::of(&someone("b"))), None);
            let server = Server { name: Arc::from("s"), number: 0, scopes: Scopes::default() };
            let owner = someone("a");
            let elsewhere = Holder { server: Some(&server), ..Holder::of(&owner) };
            prop_assert_eq!(ids.open(&text, elsewhere), None);
            let others = TaskIds::new(b"other").unwrap();
            prop_assert_eq!(others.open(&text, Holder::of(&someone("a"))), None);
        }

        #[test]
        fn whatever_was_touched_does_not_open(at in 0_usize..60, byte in b'0'..b'z') {
            let ids = TaskIds::new(b"key").unwrap();
            let text = ids.seal(&bound("t", "tool", "id"), Holder::of(&someone("a"))).unwrap();
            let mut other = text.clone().into_bytes();
            other[at % text.len()] = byte;
            let other = String::from_utf8(other).unwrap();
            prop_assume!(other != text);
            prop_assert_eq!(ids.open(&other, Holder::of(&someone("a"))), None);
        }
    }

    #[test]
    fn the_longest_of_all_opens_and_a_longer_one_is_not_made() {
        let ids = TaskIds::new(b"key").unwrap();
        let (target, tool) = ("t".repeat(48), "n".repeat(256));
        let longest = bound(&target, &tool, &"i".repeat(super::OF_TARGET));
        let text = ids.seal(&longest, Holder::of(&someone("a"))).unwrap();
        assert_eq!(text.len(), 1827, "as ADR 23 says");
        assert_eq!(ids.open(&text, Holder::of(&someone("a"))), Some(longest));
        for odd in ["", "a\nb", &"i".repeat(super::OF_TARGET + 1)] {
            assert!(ids.seal(&bound(&target, &tool, odd), Holder::of(&someone("a"))).is_err());
        }
    }
}
