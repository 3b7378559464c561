//! A signed token taken apart (RFC 7515, compact form).
//!
//! Enters: the token. Leaves: its algorithm and key id, and its three parts. Never: an algorithm
//! that is not on the list, whatever keys there may be; never a look at the claims.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use toolgate_telemetry::AuthResult;

use super::denial::{self, Denial};

/// The signature algorithms that are accepted (RFC 7518 section 3.1, RFC 8037). All of them are
/// asymmetric: a public key can never be taken for a shared secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alg {
    /// RSA PKCS #1 v1.5 with SHA-256.
    Rs256,
    /// RSA PKCS #1 v1.5 with SHA-384.
    Rs384,
    /// RSA PKCS #1 v1.5 with SHA-512.
    Rs512,
    /// RSA PSS with SHA-256.
    Ps256,
    /// RSA PSS with SHA-384.
    Ps384,
    /// RSA PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256.
    Es256,
    /// ECDSA on P-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

/// The kind of key that an algorithm works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    /// `kty` RSA.
    Rsa,
    /// `kty` EC, `crv` P-256.
    P256,
    /// `kty` EC, `crv` P-384.
    P384,
    /// `kty` OKP, `crv` Ed25519.
    Ed25519,
}

/// A token's parts. Nothing of it is verified yet.
#[derive(Debug)]
pub(super) struct Jws<'a> {
    /// How it claims to be signed.
    pub(super) alg: Alg,
    /// With which of the issuer's keys.
    pub(super) kid: String,
    /// What the signature covers.
    pub(super) signed: &'a str,
    /// The claims, encoded.
    pub(super) payload: &'a str,
    /// The signature, encoded.
    pub(super) signature: &'a str,
}

/// The members of the header that matter.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// `null` is a `crit` that is there.
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

// === impl Alg ===

impl Alg {
    /// Every accepted algorithm.
    pub(super) const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The algorithm of that name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.as_str() == name)
    }

    /// Its name.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The kind of key it needs.
    pub(super) const fn key_kind(self) -> KeyKind {
        match self {
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => {
                KeyKind::Rsa
            }
            Self::Es256 => KeyKind::P256,
            Self::Es384 => KeyKind::P384,
            Self::EdDsa => KeyKind::Ed25519,
        }
    }

    /// The library's word for it.
    pub(super) const fn library(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Rs384 => Algorithm::RS384,
            Self::Rs512 => Algorithm::RS512,
            Self::Ps256 => Algorithm::PS256,
            Self::Ps384 => Algorithm::PS384,
            Self::Ps512 => Algorithm::PS512,
            Self::Es256 => Algorithm::ES256,
            Self::Es384 => Algorithm::ES384,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }
}

// === impl Jws ===

impl<'a> Jws<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// Not three parts, a header that is not one, an algorithm that is not on the list, a critical
    /// extension (none is understood here), or no key id.
    pub(super) fn parse(token: &'a str) -> Result<Self, Denial> {
        let parts = token.rsplit_once('.').and_then(|(signed, signature)| {
            let (header, payload) = signed.split_once('.')?;
            (!payload.contains('.')).then_some((signed, header, payload, signature))
        });
        let Some((signed, header, payload, signature)) = parts else {
            return Err(malformed("it does not have three parts"));
        };
        let header = decode(header).ok_or_else(|| malformed("its header is not base64url"))?;
        let header: Header =
            object(&header).map_err(|_| malformed("its header is not an object with one alg"))?;
        let alg = Alg::parse(&header.alg).ok_or_else(|| bad_algorithm(&header.alg, &Alg::ALL))?;
        if header.crit {
            return Err(malformed("its header has crit; no extension is understood here"));
        }
        let kid = header.kid.filter(|kid| !kid.is_empty());
        let kid = kid.ok_or_else(|| {
            Denial::invalid(AuthResult::UnknownKid, "its header has no kid to find the key by")
        })?;
        Ok(Self { alg, kid, signed, payload, signature })
    }
}

/// Base64 as tokens have it: the URL alphabet, no padding, nothing left over (RFC 7515 section 2).
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Reads a JSON object. An array would do as well for serde: its values in the order of the members.
pub(super) fn object<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Result<T, serde_json::Error> {
    if json.trim_ascii_start().first() == Some(&b'{') {
        return serde_json::from_slice(json);
    }
    Err(serde::de::Error::custom("not an object"))
}

fn present<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(from).map(|_| true)
}

/// An algorithm that is not one of those that are taken.
pub(super) fn bad_algorithm(name: &str, taken: &[Alg]) -> Denial {
    let listed: Vec<&str> = taken.iter().map(|alg| alg.as_str()).collect();
    let listed = listed.join(", ");
    let detail = format!("alg is `{}`; accepted are {listed}", denial::shown(name));
    Denial::invalid(AuthResult::BadAlgorithm, detail)
}

fn malformed(what: &str) -> Denial {
    Denial::invalid(AuthResult::Malformed, format!("not a signed token: {what}"))
}
