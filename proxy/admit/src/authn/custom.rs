//! Claims that policies are handed.
//!
//! Enters: the payload of a token that holds, and which claims the configuration names. Leaves: those that
//! are there, of the type it names. Never: another claim; a token of which a policy could not see what it
//! has to.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use toolgate_call::{Claim, ClaimKind, Claims, LARGEST_CLAIM};
use toolgate_telemetry::AuthResult;

use super::denial::{Denial, shown};
use super::jws;

/// The claims that are wanted.
pub(super) type Wanted = [(String, ClaimKind)];

/// Takes them out of a payload.
///
/// # Errors
/// One of them is there twice, is of another type, or is too large.
pub(super) fn read(payload: &str, wanted: &Wanted) -> Result<Claims, Denial> {
    if wanted.is_empty() {
        return Ok(Claims::default());
    }
    let json = jws::decode(payload).ok_or_else(|| malformed("the payload is not base64url"))?;
    let mut reader = serde_json::Deserializer::from_slice(&json);
    let mut found = reader
        .deserialize_map(Taking(wanted))
        .map_err(|_| malformed("a claim that policies read is there twice"))?;
    let mut claims = Vec::with_capacity(found.len());
    for (name, kind) in wanted {
        let Some(value) = found.remove(name).filter(|value| !value.is_null()) else { continue };
        let claim = claim(value, *kind).ok_or_else(|| {
            let name = shown(name);
            malformed(&format!("the claim `{name}` is not of the type that `policy.claims` says"))
        })?;
        if !claim.fits() {
            let name = shown(name);
            let detail = format!("the claim `{name}` has more than {LARGEST_CLAIM} bytes");
            return Err(malformed(&detail));
        }
        claims.push((Box::from(name.as_str()), claim));
    }
    Ok(claims.into_iter().collect())
}

fn claim(value: Value, kind: ClaimKind) -> Option<Claim> {
    match (kind, value) {
        (ClaimKind::Text, Value::String(text)) => Some(Claim::Text(text.into())),
        (ClaimKind::Number, Value::Number(number)) => number.as_i64().map(Claim::Number),
        (ClaimKind::Bool, Value::Bool(said)) => Some(Claim::Bool(said)),
        (ClaimKind::List, Value::String(text)) => Some(Claim::List(Box::from([text.into()]))),
        (ClaimKind::List, Value::Array(all)) => {
            let text = |one| if let Value::String(text) = one { Some(text.into()) } else { None };
            all.into_iter().map(text).collect::<Option<_>>().map(Claim::List)
        }
        _ => None,
    }
}

fn malformed(detail: &str) -> Denial {
    Denial::invalid(AuthResult::Malformed, detail.to_owned())
}

struct Taking<'a>(&'a Wanted);

impl<'de> Visitor<'de> for Taking<'_> {
    type Value = BTreeMap<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a set of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = BTreeMap::new();
        while let Some(key) = members.next_key::<String>()? {
            if !self.0.iter().any(|(name, _)| *name == key) {
                let _other: IgnoredAny = members.next_value()?;
            } else if found.insert(key, members.next_value()?).is_some() {
                return Err(A::Error::custom("twice"));
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    //! What becomes of claims.

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use toolgate_call::{Claim, ClaimKind};

    use super::read;

    fn wanted() -> Vec<(String, ClaimKind)> {
        [
            ("department", ClaimKind::Text),
            ("level", ClaimKind::Number),
            ("staff", ClaimKind::Bool),
            ("cognito:groups", ClaimKind::List),
        ]
        .map(|(name, kind)| (name.to_owned(), kind))
        .to_vec()
    }

    fn taken(json: &str) -> Result<Vec<(String, Claim)>, String> {
        let claims = read(&URL_SAFE_NO_PAD.encode(json), &wanted());
        let claims = claims.map_err(|denial| format!("{denial:?}"))?;
        Ok(claims.iter().map(|(name, claim)| (name.to_owned(), claim.clone())).collect())
    }

    #[test]
    fn what_is_named_is_taken_and_nothing_else() {
        let json = r#"{"sub":"a","mail":"a@b","level":3,"department":"ops","staff":true,"cognito:groups":["x","y"]}"#;
        let list = Claim::List(Box::from([Box::from("x"), Box::from("y")]));
        let all = [
            ("department", Claim::Text(Box::from("ops"))),
            ("level", Claim::Number(3)),
            ("staff", Claim::Bool(true)),
            ("cognito:groups", list),
        ];
        assert_eq!(taken(json).unwrap(), all.map(|(name, claim)| (name.to_owned(), claim)));
        assert!(taken(r#"{"level":null}"#).unwrap().is_empty());
        let one = taken(r#"{"cognito:groups":"x"}"#).unwrap();
        assert_eq!(one[0].1, Claim::List(Box::from([Box::from("x")])));
        assert!(read(&URL_SAFE_NO_PAD.encode(json), &[]).unwrap().iter().next().is_none());
    }

    #[test]
    fn a_token_that_a_policy_could_misread_is_refused() {
        let long = format!(r#"{{"department":"{}"}}"#, "x".repeat(1025));
        for json in [
            r#"{"department":3}"#,
            r#"{"level":1.5}"#,
            r#"{"level":"3"}"#,
            r#"{"staff":"true"}"#,
            r#"{"cognito:groups":["x",1]}"#,
            r#"{"department":"a","department":"b"}"#,
            &long,
        ] {
            assert!(taken(json).is_err(), "{json}");
        }
        assert!(taken(&long.replacen('x', "", 1)).is_ok());
    }
}
