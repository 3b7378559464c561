//! The public keys of an issuer (RFC 7517).
//!
//! Enters: a JWK set. Leaves: the keys that can verify signatures here, by key id. Never: a
//! symmetric key; an RSA key below 2048 bits; a key used with an algorithm that it was not made for.

use std::collections::HashMap;

use aws_lc_rs::digest::{Context, SHA256};
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use toolgate_telemetry::AuthResult;

use super::denial::{Denial, shown};
use super::jws::{self, Alg, Jws, KeyKind};

/// How many keys a set may have; real ones have two or three.
const MOST_KEYS: usize = 64;

/// The sizes of an RSA modulus that are accepted, in bytes (2048 to 8192 bits).
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// The bytes of a coordinate on P-256 or of an Ed25519 key, and of a coordinate on P-384.
const CURVE_BYTES: usize = 32;
const P384_BYTES: usize = 48;

/// One public key.
#[derive(Clone, Debug)]
pub(super) struct Key {
    kind: KeyKind,
    /// The only algorithm it may be used with, if the issuer says so.
    alg: Option<Alg>,
    material: DecodingKey,
    fingerprint: Box<[u8]>,
}

/// Keys by key id.
pub(super) type Keys = HashMap<String, Key>;

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

/// A key as published (RFC 7517 section 4, RFC 7518 section 6, RFC 8037).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

// === impl Key ===

impl Key {
    /// Checks a token's signature.
    ///
    /// # Errors
    /// An algorithm that is not this key's, or a signature that does not hold.
    pub(super) fn verify(&self, jws: &Jws<'_>) -> Result<(), Denial> {
        if jws.alg.key_kind() != self.kind || self.alg.is_some_and(|alg| alg != jws.alg) {
            let detail = format!(
                "alg is {}, but the key `{}` is for another",
                jws.alg.as_str(),
                shown(&jws.kid)
            );
            return Err(Denial::invalid(AuthResult::BadAlgorithm, detail));
        }
        let signed = jws.signed.as_bytes();
        match jsonwebtoken::crypto::verify(jws.signature, signed, &self.material, jws.alg.library())
        {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => {
                let detail = format!("the signature does not hold with key `{}`", shown(&jws.kid));
                Err(Denial::invalid(AuthResult::BadSignature, detail))
            }
        }
    }

    /// Whether it is the same key, whatever its id.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }

    fn new(jwk: &Jwk) -> Option<Self> {
        if jwk.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        if jwk.key_ops.as_ref().is_some_and(|ops| !ops.iter().any(|op| op == "verify")) {
            return None;
        }
        let (kind, material, parts) = jwk.material()?;
        let alg = match jwk.alg.as_deref() {
            None => None,
            Some(name) => Some(Alg::parse(name).filter(|alg| alg.key_kind() == kind)?),
        };
        Some(Self { kind, alg, material, fingerprint: fingerprint(kind, &parts) })
    }
}

// === impl Jwk ===

impl Jwk {
    /// The key itself, and the bytes that tell it from others.
    fn material(&self) -> Option<(KeyKind, DecodingKey, [Vec<u8>; 2])> {
        let part = |part: &Option<String>| jws::decode(part.as_deref()?);
        let of_size = |p: &Option<String>, size| part(p).filter(|bytes| bytes.len() == size);
        let sized = |p: &Option<String>| of_size(p, CURVE_BYTES);
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => {
                let (n, e) = (part(&self.n)?, part(&self.e)?);
                let key = DecodingKey::from_rsa_raw_components(&n, &e);
                RSA_BYTES.contains(&n.len()).then_some((KeyKind::Rsa, key, [n, e]))
            }
            ("EC", Some("P-256")) => {
                let (x, y) = (sized(&self.x)?, sized(&self.y)?);
                let key = DecodingKey::from_ec_components(self.x.as_deref()?, self.y.as_deref()?);
                Some((KeyKind::P256, key.ok()?, [x, y]))
            }
            ("EC", Some("P-384")) => {
                let (x, y) = (of_size(&self.x, P384_BYTES)?, of_size(&self.y, P384_BYTES)?);
                let key = DecodingKey::from_ec_components(self.x.as_deref()?, self.y.as_deref()?);
                Some((KeyKind::P384, key.ok()?, [x, y]))
            }
            ("OKP", Some("Ed25519")) => {
                let x = sized(&self.x)?;
                let key = DecodingKey::from_ed_components(self.x.as_deref()?);
                Some((KeyKind::Ed25519, key.ok()?, [x, Vec::new()]))
            }
            _ => None,
        }
    }
}

/// The usable keys of a JWK set. Keys of other kinds, and keys without an id, are passed over.
///
/// # Errors
/// Not a JWK set, or too large a one.
pub(super) fn parse(document: &[u8]) -> Result<Keys, String> {
    let set: KeySet = serde_json::from_slice(document)
        .map_err(|error| format!("not a JWK set: {}", shown(&error.to_string())))?;
    if set.keys.len() > MOST_KEYS {
        return Err(format!("{} keys; at most {MOST_KEYS} are read", set.keys.len()));
    }
    let mut keys = Keys::new();
    for value in set.keys {
        let Ok(jwk) = serde_json::from_value::<Jwk>(value) else { continue };
        let Some(key) = Key::new(&jwk) else { continue };
        let Some(kid) = jwk.kid.filter(|kid| !kid.is_empty()) else { continue };
        keys.entry(kid).or_insert(key);
    }
    Ok(keys)
}

fn fingerprint(kind: KeyKind, parts: &[Vec<u8>; 2]) -> Box<[u8]> {
    let mut context = Context::new(&SHA256);
    context.update(format!("{kind:?}").as_bytes());
    for part in parts {
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    context.finish().as_ref().into()
}
