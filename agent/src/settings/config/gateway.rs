//! The gateway, and the way to a token for it.
//!
//! In: the values of `gateway/`. Out: a [`Gateway`], or what is missing. Never: half a client; a token
//! or a secret in a debug form.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::Reader;
use crate::settings::problem::Problem;

/// The gateway.
#[derive(Clone)]
pub struct Gateway {
    /// Its MCP endpoint.
    pub url: String,
    /// The authority of its certificate.
    pub ca: Option<PathBuf>,
    /// A token that is given.
    pub token: Option<String>,
    /// How a token is fetched.
    pub client: Option<Client>,
    /// How long the list of tools is good for.
    pub list_ttl: Duration,
}

/// A client of an issuer.
#[derive(Clone)]
pub struct Client {
    /// Where tokens are fetched.
    pub place: Place,
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// What to ask for.
    pub scopes: Vec<String>,
}

/// Where tokens are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The token endpoint.
    Endpoint(String),
    /// The issuer that names it.
    Issuer(String),
}

// === impl Reader ===

impl Reader<'_> {
    pub(super) fn gateway(&mut self) -> Option<Gateway> {
        let client = self.client();
        let token = self.owned("gateway/token");
        let Some(url) = self.owned("gateway/url") else {
            if token.is_some() || client.is_some() {
                self.wrong(
                    "gateway/url",
                    "there is a way to a token, but no gateway to show it to",
                );
            }
            return None;
        };
        if token.is_some() && client.is_some() {
            self.wrong(
                "gateway/token",
                "there is a client to fetch a token as, too: name one of them",
            );
        }
        let ca = self.owned("gateway/ca_file").map(PathBuf::from);
        Some(Gateway { url, ca, token, client, list_ttl: self.time("gateway/list_ttl") })
    }

    /// The client, if anything is said about one. Everything that is missing is told at once.
    fn client(&mut self) -> Option<Client> {
        let (id, secret) = (self.owned("gateway/client_id"), self.owned("gateway/client_secret"));
        let place = match (self.owned("gateway/token_url"), self.owned("gateway/issuer")) {
            (Some(url), _) => Some(Place::Endpoint(url)),
            (None, issuer) => issuer.map(Place::Issuer),
        };
        if id.is_none() && secret.is_none() && place.is_none() {
            return None;
        }
        let missing = [
            ("gateway/client_id", id.is_none()),
            ("gateway/client_secret", secret.is_none()),
            ("gateway/token_url", place.is_none()),
        ];
        for (key, _) in missing.iter().filter(|(_, is_missing)| *is_missing) {
            let or = if *key == "gateway/token_url" { " (or `gateway/issuer`)" } else { "" };
            let says = format!("it is missing{or}: client credentials need it");
            self.problems.push(Problem::missing(key, says));
        }
        let scopes = self.words("gateway/scopes");
        Some(Client { place: place?, id: id?, secret: secret?, scopes })
    }
}

// === impl Gateway ===

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("url", &self.url).finish_non_exhaustive()
    }
}

// === impl Client ===

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("id", &self.id).finish_non_exhaustive()
    }
}
