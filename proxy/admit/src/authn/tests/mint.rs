//! Keys and tokens for the tests: good ones, and every kind of bad one.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _, RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A key pair with an id.
pub(super) struct TestKey {
    pub(super) kid: String,
    pair: Pair,
}

enum Pair {
    Rsa(Arc<RsaKeyPair>),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// RSA keys take long to make, so the tests of a process share one.
static RSA: OnceLock<Arc<RsaKeyPair>> = OnceLock::new();

impl TestKey {
    pub(super) fn rsa(kid: &str) -> Self {
        let pair = RSA.get_or_init(|| Arc::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()));
        Self { kid: kid.into(), pair: Pair::Rsa(Arc::clone(pair)) }
    }

    pub(super) fn p256(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { kid: kid.into(), pair: Pair::P256(pair) }
    }

    pub(super) fn p384(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        Self { kid: kid.into(), pair: Pair::P384(pair) }
    }

    pub(super) fn ed25519(kid: &str) -> Self {
        Self { kid: kid.into(), pair: Pair::Ed25519(Ed25519KeyPair::generate().unwrap()) }
    }

    /// The public half, as an issuer publishes it.
    pub(super) fn jwk(&self) -> Value {
        match &self.pair {
            Pair::Rsa(pair) => {
                let public: RsaPublicKeyComponents<Vec<u8>> = pair.public_key().into();
                json!({"kty": "RSA", "kid": self.kid, "use": "sig",
                       "n": encode(&public.n), "e": encode(&public.e)})
            }
            Pair::P256(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "kid": self.kid, "alg": "ES256",
                       "x": encode(&point[1..33]), "y": encode(&point[33..])})
            }
            Pair::P384(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-384", "kid": self.kid,
                       "x": encode(&point[1..49]), "y": encode(&point[49..])})
            }
            Pair::Ed25519(pair) => {
                let x = encode(pair.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "x": x})
            }
        }
    }

    /// The algorithm the key usually signs with.
    pub(super) fn alg(&self) -> &'static str {
        match &self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::P256(_) => "ES256",
            Pair::P384(_) => "ES384",
            Pair::Ed25519(_) => "EdDSA",
        }
    }

    /// A good token with these claims.
    pub(super) fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({"alg": self.alg(), "kid": self.kid}), claims)
    }

    /// A token with that header, signed by this key as the header's `alg` wants it.
    pub(super) fn token_with(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let signature = self.sign(header["alg"].as_str().unwrap_or_default(), message.as_bytes());
        format!("{message}.{}", encode(&signature))
    }

    /// A good token but for its claims, which are this text.
    pub(super) fn token_with_raw(&self, claims: &str) -> String {
        let header = encode(json!({"alg": self.alg(), "kid": self.kid}).to_string().as_bytes());
        let message = format!("{header}.{}", encode(claims.as_bytes()));
        let signature = self.sign(self.alg(), message.as_bytes());
        format!("{message}.{}", encode(&signature))
    }

    fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        let rng = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let encoding: &'static dyn signature::RsaEncoding = match alg {
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    "PS512" => &signature::RSA_PSS_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &rng, message, &mut out).unwrap();
                out
            }
            Pair::P256(pair) | Pair::P384(pair) => {
                pair.sign(&rng, message).unwrap().as_ref().to_vec()
            }
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// A token without a signature.
pub(super) fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.", message(header, claims))
}

/// A token whose "secret" is what the issuer publishes: the classic confusion of RS256 and HS256.
pub(super) fn hs256_with_public_key(key: &TestKey, claims: &Value) -> String {
    let message = message(&json!({"alg": "HS256", "kid": key.kid}), claims);
    let public = key.jwk().to_string();
    let secret = hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes());
    format!("{message}.{}", encode(hmac::sign(&secret, message.as_bytes()).as_ref()))
}

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn message(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| encode(value.to_string().as_bytes());
    format!("{}.{}", part(header), part(claims))
}
