//! API keys: callers that have no issuer.
//!
//! Enters: what a key file says, and keys as callers present them. Leaves: the principal that a key stands
//! for. Never: a key, or a part of one, in a log or an error; a key in memory for longer than it takes to
//! compare its hash, or compared in a time that tells how much of it is right.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::{hmac, rand};
use toolgate_call::{Claims, Principal, Scopes};
use toolgate_telemetry::AuthResult;

use super::denial::Denial;

/// The name under which callers with a key are known: the issuer of their principals.
pub const ISSUER: &str = "keys";

/// What a key begins with, so that those who look for secrets in code find it.
pub(super) const PREFIX: &str = "tgk_";
/// Bytes of the id, which is no secret.
const ID: usize = 8;
/// Bytes of the secret. It is random, and so long that nobody tries them all: a hash that is slow on
/// purpose would slow down callers only.
const SECRET: usize = 32;
/// Bytes of the sum that tells a key which was cut off or mistyped from one that is not known.
const SUM: usize = 3;

/// The hash of a key: HMAC-SHA-256 under the pepper.
pub type KeyHash = [u8; 32];

/// One key, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public part.
    pub id: String,
    /// Whose it is: the subject of the principal. Several keys may have one name, as when one is to take
    /// the place of the other.
    pub name: String,
    /// What is kept of it.
    pub hash: KeyHash,
    /// The scopes that it grants.
    pub scopes: Vec<String>,
    /// When it ends, in seconds since the epoch; `None`: not by itself.
    pub expires: Option<u64>,
    /// Whether it was taken back.
    pub revoked: bool,
}

/// The keys that are taken, and the pepper of their hashes.
#[derive(Clone)]
pub struct ApiKeys {
    pepper: Arc<[u8]>,
    keys: Vec<ApiKey>,
}

/// A key that was just made.
pub struct Minted {
    /// What its owner is given, once.
    pub text: String,
    /// Its public part.
    pub id: String,
    /// What is kept of it.
    pub hash: KeyHash,
}

/// The keys of an authenticator that runs.
pub(super) struct Keys {
    pepper: hmac::Key,
    held: ArcSwap<HashMap<Box<str>, Held>>,
}

struct Held {
    hash: KeyHash,
    principal: Arc<Principal>,
    revoked: bool,
}

// === impl ApiKeys ===

impl ApiKeys {
    /// These keys, with hashes under that pepper.
    #[must_use]
    pub fn new(pepper: &[u8], keys: Vec<ApiKey>) -> Self {
        Self { pepper: pepper.into(), keys }
    }

    /// Makes a key.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn mint(pepper: &[u8]) -> Result<Minted, &'static str> {
        let mut random = [0; ID + SECRET];
        rand::fill(&mut random).map_err(|_| "the system gives no random bytes")?;
        let (id, secret) = random.split_at(ID);
        let (id, secret) = (hex(id), hex(secret));
        let open = format!("{PREFIX}{id}_{secret}");
        let text = format!("{open}{}", sum(&open));
        let key = hmac::Key::new(hmac::HMAC_SHA256, pepper);
        let hash = tag(&hmac::sign(&key, text.as_bytes()));
        Ok(Minted { text, id, hash })
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Minted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minted").field("id", &self.id).finish_non_exhaustive()
    }
}

// === impl Keys ===

impl Keys {
    pub(super) fn new(keys: &ApiKeys) -> Self {
        let pepper = hmac::Key::new(hmac::HMAC_SHA256, &keys.pepper);
        Self { pepper, held: ArcSwap::from_pointee(held(&keys.keys)) }
    }

    /// Takes these keys from now on, and no others.
    pub(super) fn take(&self, keys: &[ApiKey]) {
        self.held.store(Arc::new(held(keys)));
    }

    /// Whether a bearer token means to be a key.
    pub(super) fn claims(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Whose key that is.
    ///
    /// # Errors
    /// Not a key, none that is known, or one that has ended or was taken back.
    pub(super) fn principal(&self, text: &str, now: u64) -> Result<Arc<Principal>, Denial> {
        self.check(text, now).map_err(|denial| denial.at(&Arc::from(ISSUER)))
    }

    fn check(&self, text: &str, now: u64) -> Result<Arc<Principal>, Denial> {
        let id = id(text).ok_or_else(|| {
            let detail = "it is not an API key of this gateway, or a part of it is missing";
            Denial::invalid(AuthResult::Malformed, detail)
        })?;
        let held = self.held.load();
        let unknown = || Denial::invalid(AuthResult::UnknownKey, format!("no API key {id}"));
        let key = held.get(id).ok_or_else(unknown)?;
        // Takes as long whatever is wrong with it.
        hmac::verify(&self.pepper, text.as_bytes(), &key.hash).map_err(|_| {
            let detail = format!("it has the id of the API key {id}, and is another one");
            Denial::invalid(AuthResult::BadSignature, detail)
        })?;
        if key.revoked {
            let detail = format!("the API key {id} was revoked");
            return Err(Denial::invalid(AuthResult::Revoked, detail));
        }
        if let Some(expires) = key.principal.expires.filter(|expires| now >= *expires) {
            let detail = format!("the API key {id} expired {} s ago", now - expires);
            return Err(Denial::invalid(AuthResult::Expired, detail));
        }
        Ok(Arc::clone(&key.principal))
    }
}

fn held(keys: &[ApiKey]) -> HashMap<Box<str>, Held> {
    let issuer: Arc<str> = Arc::from(ISSUER);
    let entry = |key: &ApiKey| {
        let principal = Arc::new(Principal {
            issuer: Arc::clone(&issuer),
            subject: Arc::from(&*key.name),
            client: Some(Arc::from(&*key.id)),
            scopes: key.scopes.iter().map(String::as_str).collect::<Scopes>(),
            claims: Claims::default(),
            expires: key.expires,
        });
        (Box::from(&*key.id), Held { hash: key.hash, principal, revoked: key.revoked })
    };
    keys.iter().map(entry).collect()
}

/// The id of a key that is whole.
fn id(text: &str) -> Option<&str> {
    let at = text.len().checked_sub(2 * SUM)?;
    let (open, end) = text.split_at_checked(at)?;
    let (id, secret) = open.strip_prefix(PREFIX)?.split_once('_')?;
    let is_whole = id.len() == 2 * ID && secret.len() == 2 * SECRET && sum(open) == end;
    is_whole.then_some(id)
}

fn sum(open: &str) -> String {
    hex(digest(&SHA256, open.as_bytes()).as_ref().get(..SUM).unwrap_or_default())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn tag(tag: &hmac::Tag) -> KeyHash {
    let mut out = KeyHash::default();
    for (to, from) in out.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    out
}

#[cfg(test)]
mod tests {
    //! Which keys open.

    use toolgate_telemetry::AuthResult;

    use super::{ApiKey, ApiKeys, Keys, Minted, PREFIX};

    const PEPPER: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn kept(minted: &Minted, name: &str) -> ApiKey {
        let (id, hash) = (minted.id.clone(), minted.hash);
        let (name, scopes) = (name.to_owned(), vec!["a".to_owned(), "b".to_owned()]);
        ApiKey { id, name, hash, scopes, expires: Some(1000), revoked: false }
    }

    fn result(keys: &Keys, text: &str, now: u64) -> Result<String, AuthResult> {
        let principal = keys.principal(text, now).map_err(|denial| denial.result)?;
        Ok(format!("{} {}", principal.key(), principal.scopes))
    }

    #[test]
    fn a_key_stands_for_its_name_until_it_ends_or_is_taken_back() {
        let minted = ApiKeys::mint(PEPPER).unwrap();
        let key = kept(&minted, "ci");
        let keys = Keys::new(&ApiKeys::new(PEPPER, vec![key.clone()]));
        assert_eq!(result(&keys, &minted.text, 999), Ok("keys:ci a b".to_owned()));
        assert_eq!(result(&keys, &minted.text, 1000), Err(AuthResult::Expired));
        keys.take(&[ApiKey { revoked: true, ..key.clone() }]);
        assert_eq!(result(&keys, &minted.text, 0), Err(AuthResult::Revoked));
        keys.take(&[]);
        assert_eq!(result(&keys, &minted.text, 0), Err(AuthResult::UnknownKey));
        keys.take(&[ApiKey { expires: None, ..key }]);
        assert!(result(&keys, &minted.text, u64::MAX).is_ok());
    }

    #[test]
    fn a_key_under_another_pepper_or_with_anothers_id_does_not_open() {
        let (one, other) = (ApiKeys::mint(PEPPER).unwrap(), ApiKeys::mint(b"pepper").unwrap());
        let mixed = ApiKey { id: other.id.clone(), ..kept(&one, "ci") };
        let keys = Keys::new(&ApiKeys::new(PEPPER, vec![kept(&one, "ci"), mixed]));
        assert_eq!(result(&keys, &other.text, 0), Err(AuthResult::BadSignature));
        let peppered = Keys::new(&ApiKeys::new(b"pepper", vec![kept(&one, "ci")]));
        assert_eq!(result(&peppered, &one.text, 0), Err(AuthResult::BadSignature));
    }

    #[test]
    fn what_was_cut_off_or_mistyped_is_told_from_what_is_not_known() {
        let Minted { text, .. } = ApiKeys::mint(PEPPER).unwrap();
        assert_eq!(text.len(), 91);
        let keys = Keys::new(&ApiKeys::new(PEPPER, Vec::new()));
        for at in 0..text.len() {
            let mut typed = text.clone().into_bytes();
            typed[at] = if typed[at] == b'0' { b'1' } else { b'0' };
            let typed = String::from_utf8(typed).unwrap();
            assert_eq!(result(&keys, &typed, 0), Err(AuthResult::Malformed), "{at}");
            let (cut, _) = text.split_at(at);
            assert_eq!(result(&keys, cut, 0), Err(AuthResult::Malformed), "{at}");
        }
        assert_eq!(result(&keys, &text, 0), Err(AuthResult::UnknownKey));
        assert_eq!(result(&keys, &format!("{PREFIX}ä_ß"), 0), Err(AuthResult::Malformed));
    }

    #[test]
    fn nothing_shows_a_key() {
        let minted = ApiKeys::mint(PEPPER).unwrap();
        let keys = ApiKeys::new(PEPPER, vec![kept(&minted, "ci")]);
        let (_, secret) = minted.text.split_at(PREFIX.len() + 17);
        let running = Keys::new(&keys);
        let (wrong, _) = minted.text.split_at(80);
        let denial = format!("{:?}", running.principal(wrong, 0).unwrap_err());
        for shown in [format!("{minted:?}{keys:?}"), denial] {
            assert!(!shown.contains(secret) && !shown.contains("0123456789abcdef"), "{shown}");
        }
    }
}
