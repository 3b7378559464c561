//! What a modern client is given to bring back: which parked call it answers.
//!
//! Enters: the place of a parked call and whose it is. Leaves: text that only this gateway (and its
//! replicas, which share the key) can make, bound to the principal and the server. Never: anything of the call
//! itself; never a state of somebody else's taken for one of ours.

use toolgate_call::{Holder, Refusal};

use crate::sealed::Seal;

/// What the key is used for here, which is not what it is used for elsewhere.
const CONTEXT: &[u8] = b"toolgate request state\0";
/// The longest state worth opening.
const LONGEST: usize = 512;
/// Four numbers and a digest.
const PLAIN: usize = 4 * 8 + 32;

/// Seals and opens states.
#[derive(Debug)]
pub(crate) struct States(Seal);

/// What a state says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// The process in which the call is parked.
    pub(crate) node: u64,
    /// Its number there.
    pub(crate) number: u64,
    /// Drawn anew each time it is parked, so that a state is good for one time.
    pub(crate) round: u64,
    /// When it ends, in seconds since the epoch.
    pub(crate) expires: u64,
    /// The digest of what was asked.
    pub(crate) digest: [u8; 32],
}

// === impl States ===

impl States {
    /// States sealed with that key.
    ///
    /// # Errors
    /// When the cipher does not take the key, which its length rules out.
    pub(crate) fn new(key: &[u8]) -> Result<Self, Refusal> {
        Seal::new(key, CONTEXT, "tg1").map(Self)
    }

    /// Whether that text claims to be one of ours.
    pub(crate) fn claims(&self, text: &str) -> bool {
        self.0.claims(text)
    }

    /// Writes a state.
    pub(crate) fn seal(&self, state: &State, holder: Holder<'_>) -> Result<String, Refusal> {
        let mut plain = Vec::with_capacity(PLAIN + 16);
        for number in [state.node, state.number, state.round, state.expires] {
            plain.extend_from_slice(&number.to_be_bytes());
        }
        plain.extend_from_slice(&state.digest);
        self.0.seal(plain, holder)
    }

    /// Reads a state; `None` if it is not one that was made for that principal at that server.
    pub(crate) fn open(&self, text: &str, holder: Holder<'_>) -> Option<State> {
        let plain = self.0.open(text, LONGEST, holder)?;
        let (numbers, digest) = plain.split_at_checked(4 * 8)?;
        let number =
            |at: usize| Some(u64::from_be_bytes(numbers.get(at * 8..at * 8 + 8)?.try_into().ok()?));
        Some(State {
            node: number(0)?,
            number: number(1)?,
            round: number(2)?,
            expires: number(3)?,
            digest: digest.try_into().ok()?,
        })
    }
}
