//! Text that the gateway gives out to get it back.
//!
//! Enters: bytes, and whose they are. Leaves: visible ASCII that only this gateway (and its replicas,
//! which share the key) can make, bound to the principal and the server. Never: text that was sealed for another
//! use, or by another gateway, taken for its own.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use toolgate_call::{Holder, Refusal};

/// A key for one use.
pub(crate) struct Seal {
    key: RandomizedNonceKey,
    /// What ours begin with. It depends on the key, for what a gateway behind this one gave out is
    /// none of ours.
    mark: String,
}

// === impl Seal ===

impl Seal {
    /// A key that is derived from that one for a use of its own, which is named by `context`; what is
    /// sealed begins with `tag`.
    ///
    /// # Errors
    /// When the cipher does not take the key, which its length rules out.
    pub(crate) fn new(key: &[u8], context: &[u8], tag: &str) -> Result<Self, Refusal> {
        let own = digest(&SHA256, &[context, key].concat());
        let mark = digest(&SHA256, &[context, own.as_ref()].concat());
        let mark = mark.as_ref().get(..6).unwrap_or_default();
        let key = RandomizedNonceKey::new(&AES_256_GCM, own.as_ref())
            .map_err(|_| Refusal::internal("the session key is not usable"))?;
        Ok(Self { key, mark: format!("{tag}.{}.", URL_SAFE_NO_PAD.encode(mark)) })
    }

    /// Whether that text claims to be one of ours.
    pub(crate) fn claims(&self, text: &str) -> bool {
        text.starts_with(&self.mark)
    }

    /// Seals.
    ///
    /// # Errors
    /// When the cipher fails.
    pub(crate) fn seal(&self, mut plain: Vec<u8>, holder: Holder<'_>) -> Result<String, Refusal> {
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(holder.key()), &mut plain)
            .map_err(|_| Refusal::internal("something could not be sealed"))?;
        let all = [&nonce.as_ref()[..], &plain].concat();
        Ok(format!("{}{}", self.mark, URL_SAFE_NO_PAD.encode(all)))
    }

    /// Opens what is no longer than that; `None` if it was not made for that holder.
    pub(crate) fn open(&self, text: &str, longest: usize, holder: Holder<'_>) -> Option<Vec<u8>> {
        let text = text.strip_prefix(&self.mark).filter(|text| text.len() <= longest)?;
        let mut all = URL_SAFE_NO_PAD.decode(text).ok()?;
        if all.len() <= NONCE_LEN {
            return None;
        }
        let mut sealed = all.split_off(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(&all).ok()?;
        let plain = self.key.open_in_place(nonce, Aad::from(holder.key()), &mut sealed).ok()?;
        Some(plain.to_vec())
    }
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal")
    }
}
