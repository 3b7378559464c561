//! What a modern client is given to bring back: which parked call it answers.
//!
//! Enters: the place of a parked call and whose it is. Leaves: text that only this gateway (and its
//! replicas, which share the key) can make, bound to the principal and the server. Never: anything of the call
//! itself; never a state of somebody else's taken for one of ours.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use toolgate_call::{Holder, Refusal};

/// What the key is used for here, which is not what it is used for elsewhere.
const CONTEXT: &[u8] = b"toolgate request state\0";
/// The longest state worth opening.
const LONGEST: usize = 512;
/// Four numbers and a digest.
const PLAIN: usize = 4 * 8 + 32;

/// Seals and opens states.
pub(crate) struct States {
    key: RandomizedNonceKey,
    /// What ours begin with. It depends on the key, for the state of a gateway behind this one is
    /// none of ours.
    mark: String,
}

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
        let own = digest(&SHA256, &[CONTEXT, key].concat());
        let mark = digest(&SHA256, &[CONTEXT, own.as_ref()].concat());
        let mark = mark.as_ref().get(..6).unwrap_or_default();
        let key = RandomizedNonceKey::new(&AES_256_GCM, own.as_ref())
            .map_err(|_| Refusal::internal("the session key is not usable"))?;
        Ok(Self { key, mark: format!("tg1.{}.", URL_SAFE_NO_PAD.encode(mark)) })
    }

    /// Whether that text claims to be one of ours.
    pub(crate) fn claims(&self, text: &str) -> bool {
        text.starts_with(&self.mark)
    }

    /// Writes a state.
    pub(crate) fn seal(&self, state: &State, holder: Holder<'_>) -> Result<String, Refusal> {
        let mut sealed = Vec::with_capacity(PLAIN + 16);
        for number in [state.node, state.number, state.round, state.expires] {
            sealed.extend_from_slice(&number.to_be_bytes());
        }
        sealed.extend_from_slice(&state.digest);
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(holder.key()), &mut sealed)
            .map_err(|_| Refusal::internal("a request state could not be sealed"))?;
        let all = [&nonce.as_ref()[..], &sealed].concat();
        Ok(format!("{}{}", self.mark, URL_SAFE_NO_PAD.encode(all)))
    }

    /// Reads a state; `None` if it is not one that was made for that principal at that server.
    pub(crate) fn open(&self, text: &str, holder: Holder<'_>) -> Option<State> {
        let text = text.strip_prefix(&self.mark).filter(|text| text.len() <= LONGEST)?;
        let mut all = URL_SAFE_NO_PAD.decode(text).ok()?;
        if all.len() <= NONCE_LEN {
            return None;
        }
        let mut sealed = all.split_off(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(&all).ok()?;
        let plain = self.key.open_in_place(nonce, Aad::from(holder.key()), &mut sealed).ok()?;
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

impl std::fmt::Debug for States {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("States")
    }
}
