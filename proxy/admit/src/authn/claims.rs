//! What a token says, and whether it may say it here.
//!
//! Enters: the payload of a token, and the rules of the issuer it names. Leaves: a `Principal`.
//! Never: the clock (the caller passes the time); a claim nobody asked for.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use toolgate_call::{Principal, Scopes};
use toolgate_telemetry::AuthResult;

use super::audience::Reach;
use super::config::Profile;
use super::denial::{Denial, shown};
use super::jws;
use super::rules::ClaimRules;

/// What an issuer's tokens have to satisfy.
#[derive(Debug)]
pub(super) struct Rules {
    /// The profile, with its list of clients or audiences.
    pub(super) profile: Profile,
    /// By how much clocks may differ, in seconds.
    pub(super) leeway: u64,
    /// The resource URIs of the servers, in the order of their numbers.
    pub(super) resources: Arc<[String]>,
    /// What else they must say.
    pub(super) claims: ClaimRules,
}

/// The claims that are read (RFC 7519 section 4.1, RFC 9068 section 2.2, Cognito's).
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    /// The issuer.
    pub(super) iss: Option<String>,
    sub: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    exp: Option<u64>,
    #[serde(default, deserialize_with = "seconds")]
    nbf: Option<u64>,
    #[serde(default, deserialize_with = "seconds")]
    iat: Option<u64>,
    aud: Option<OneOrMany>,
    client_id: Option<String>,
    azp: Option<String>,
    token_use: Option<String>,
    scope: Option<String>,
    scp: Option<OneOrMany>,
}

/// A claim that is a string or an array of strings.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// A NumericDate: an integer, or a number with a fraction.
#[derive(Deserialize)]
#[serde(untagged)]
enum NumericDate {
    Whole(u64),
    Fraction(f64),
}

// === impl Claims ===

impl Claims {
    /// Reads the payload of a token.
    ///
    /// # Errors
    /// Not base64url, not an object, a claim of the wrong type, a claim that is there twice.
    pub(super) fn parse(payload: &str) -> Result<Self, Denial> {
        let json = jws::decode(payload)
            .ok_or_else(|| malformed("the payload of the token is not base64url"))?;
        jws::object(&json).map_err(|error| {
            let at = error.column();
            Denial::invalid(
                AuthResult::Malformed,
                format!("the payload is not a set of claims as RFC 7519 has them (byte {at})"),
            )
        })
    }

    /// Checks the claims of a token whose signature holds, and tells where it is good.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub(super) fn check(&self, rules: &Rules, now: u64) -> Result<Reach, Denial> {
        self.check_time(rules.leeway, now)?;
        match &rules.profile {
            // Its tokens have no audience.
            Profile::Cognito { clients } => self.check_cognito(clients).map(|()| Reach::Everywhere),
            Profile::Oidc { audiences, clients } => {
                let reach = self.check_audience(audiences, &rules.resources)?;
                self.check_party(clients)?;
                Ok(reach)
            }
        }
    }

    /// The identity that the claims amount to.
    ///
    /// # Errors
    /// No `sub`, or no `exp`.
    pub(super) fn principal(&self, issuer: &Arc<str>) -> Result<Principal, Denial> {
        let subject = self.sub.as_deref().filter(|sub| !sub.is_empty());
        let subject = subject.ok_or_else(|| malformed("the token has no sub"))?;
        let client = self.client_id.as_deref().or(self.azp.as_deref());
        Ok(Principal {
            issuer: Arc::clone(issuer),
            subject: Arc::from(subject),
            client: client.map(Arc::from),
            scopes: self.scopes(),
            claims: toolgate_call::Claims::default(),
            expires: Some(self.expiry()?),
        })
    }

    fn expiry(&self) -> Result<u64, Denial> {
        self.exp.ok_or_else(|| malformed("the token has no exp"))
    }

    fn check_time(&self, leeway: u64, now: u64) -> Result<(), Denial> {
        let expires = self.expiry()?;
        if now >= expires.saturating_add(leeway) {
            let ago = now.saturating_sub(expires);
            return Err(Denial::invalid(AuthResult::Expired, format!("expired {ago} s ago")));
        }
        let latest = now.saturating_add(leeway);
        for (claim, from) in [("nbf", self.nbf), ("iat", self.iat)] {
            if let Some(from) = from.filter(|from| *from > latest) {
                let ahead = from.saturating_sub(now);
                let detail = format!("{claim} is {ahead} s ahead of this machine's clock");
                return Err(Denial::invalid(AuthResult::NotYetValid, detail));
            }
        }
        Ok(())
    }

    /// Cognito's access tokens: no `aud`, but a `token_use` and a `client_id`.
    fn check_cognito(&self, clients: &[String]) -> Result<(), Denial> {
        if self.token_use.as_deref() != Some("access") {
            let found = shown(self.token_use.as_deref().unwrap_or_default());
            let detail = format!("token_use is `{found}`; an access token is needed");
            return Err(Denial::invalid(AuthResult::BadTokenUse, detail));
        }
        let client = self.client_id.as_deref().unwrap_or_default();
        if !clients.iter().any(|allowed| allowed == client) {
            let detail = format!("client_id `{}` is not among the clients allowed", shown(client));
            return Err(Denial::invalid(AuthResult::BadClient, detail));
        }
        Ok(())
    }

    fn check_audience(&self, audiences: &[String], resources: &[String]) -> Result<Reach, Denial> {
        let meant = self.aud.as_ref().map(OneOrMany::as_slice).unwrap_or_default();
        if let Some(reach) = Reach::of(meant, audiences, resources) {
            return Ok(reach);
        }
        let first = shown(meant.first().map(String::as_str).unwrap_or_default());
        let wanted = audiences.join(", ");
        let detail = format!("aud is `{first}` ({} in all), not one of: {wanted}", meant.len());
        Err(Denial::invalid(AuthResult::BadAudience, detail))
    }

    /// Whom the token was issued to: `azp` (OpenID Connect Core, 2) or `client_id` (RFC 9068, 2.2).
    /// A token with both must satisfy with both, or the list would hold only for the one read.
    fn check_party(&self, clients: &[String]) -> Result<(), Denial> {
        if clients.is_empty() {
            return Ok(());
        }
        let named = [("azp", &self.azp), ("client_id", &self.client_id)];
        let mut named = named.into_iter().filter_map(|(claim, id)| Some((claim, id.as_ref()?)));
        let Some(first) = named.next() else {
            let detail = "the token names no client (azp or client_id), and only some are allowed";
            return Err(Denial::invalid(AuthResult::BadClient, detail));
        };
        match std::iter::once(first).chain(named).find(|(_, id)| !clients.contains(*id)) {
            Some((claim, id)) => {
                let detail = format!("{claim} `{}` is not among the clients allowed", shown(id));
                Err(Denial::invalid(AuthResult::BadClient, detail))
            }
            None => Ok(()),
        }
    }

    /// `scope` as OAuth has it, else `scp` as some issuers do.
    fn scopes(&self) -> Scopes {
        let listed = self.scp.as_ref().map(OneOrMany::as_slice).unwrap_or_default();
        match &self.scope {
            Some(scope) => scope.split_ascii_whitespace().collect(),
            None => listed.iter().flat_map(|scope| scope.split_ascii_whitespace()).collect(),
        }
    }
}

// === impl OneOrMany ===

impl OneOrMany {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// Seconds since the epoch; a fraction is cut off.
fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let date = match Option::<NumericDate>::deserialize(from)? {
        None => return Ok(None),
        Some(NumericDate::Whole(seconds)) => seconds,
        Some(NumericDate::Fraction(seconds)) => {
            Duration::try_from_secs_f64(seconds).map_err(serde::de::Error::custom)?.as_secs()
        }
    };
    Ok(Some(date))
}

fn malformed(detail: &'static str) -> Denial {
    Denial::invalid(AuthResult::Malformed, detail)
}
