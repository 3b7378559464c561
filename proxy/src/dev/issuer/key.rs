//! The issuer's key pair.
//!
//! Enters: randomness, and claims. Leaves: the public half as a JWK set, and signed tokens. Never:
//! the private half.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// An RSA key pair of 2048 bits, and the id it goes by.
#[derive(Debug)]
pub(super) struct SigningKey {
    pair: RsaKeyPair,
    kid: String,
}

// === impl SigningKey ===

impl SigningKey {
    /// A new key. Takes a good part of a second at worst: not for a thread that serves.
    pub(super) fn generate() -> Option<Self> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).ok()?;
        let (n, e) = public(&pair);
        // The thumbprint of RFC 7638: the required members, in order, without white space.
        let members = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
        let kid = encode(digest(&SHA256, members.as_bytes()).as_ref());
        Some(Self { pair, kid })
    }

    /// The public half (RFC 7517).
    pub(super) fn jwks(&self) -> Value {
        let (n, e) = public(&self.pair);
        json!({"keys": [
            {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": n, "e": e},
        ]})
    }

    /// A token with these claims (RFC 7515, compact form).
    pub(super) fn sign(&self, claims: &Value) -> Option<String> {
        let header = json!({"alg": "RS256", "kid": self.kid, "typ": "JWT"});
        let part = |value: &Value| encode(value.to_string().as_bytes());
        let message = format!("{}.{}", part(&header), part(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let rng = SystemRandom::new();
        self.pair.sign(&RSA_PKCS1_SHA256, &rng, message.as_bytes(), &mut signature).ok()?;
        Some(format!("{message}.{}", encode(&signature)))
    }
}

/// Modulus and exponent, encoded.
fn public(pair: &RsaKeyPair) -> (String, String) {
    let public: RsaPublicKeyComponents<Vec<u8>> = pair.public_key().into();
    (encode(&public.n), encode(&public.e))
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
