//! One RSA key of the test issuer.
//!
//! In: the bytes to sign. Out: RS256 signatures, the public half as a JWK and as PEM.
//! It never writes the private half anywhere.

use std::fmt;

use anyhow::{Context, Result};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKey};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

const PEM_LINE: usize = 64;

/// An RSA key of 2048 bits with the key id it is published under.
pub(super) struct SigningKey {
    /// Standard base64 of the key's SHA-256, so it may hold `+`, `/` and `=` as Cognito's ids do.
    pub(super) kid: String,
    pair: KeyPair,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Makes a new key (some 100 ms of work).
    pub(super) fn generate() -> Result<Self> {
        let pair = KeyPair::generate(KeySize::Rsa2048).context("making an RSA key")?;
        let kid = STANDARD.encode(digest(&SHA256, pair.public_key().as_ref()));
        Ok(Self { kid, pair })
    }

    /// The RS256 signature (RFC 7518 section 3.3) of `message`.
    pub(super) fn rs256(&self, message: &[u8]) -> Result<Vec<u8>> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .context("signing with RS256")?;
        Ok(signature)
    }

    /// The public half as an entry of a JWK set (RFC 7517, RFC 7518 section 6.3).
    pub(super) fn jwk(&self) -> Value {
        let public: &PublicKey = self.pair.public_key();
        json!({
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.kid,
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        })
    }

    /// The public half as `SubjectPublicKeyInfo` in PEM (RFC 7468 section 13).
    pub(super) fn public_pem(&self) -> Result<String> {
        let der = self.pair.public_key().as_der().context("encoding the public key")?;
        let encoded = STANDARD.encode(der.as_ref());
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        for line in encoded.as_bytes().chunks(PEM_LINE) {
            pem.push_str(&String::from_utf8_lossy(line));
            pem.push('\n');
        }
        pem.push_str("-----END PUBLIC KEY-----\n");
        Ok(pem)
    }
}
