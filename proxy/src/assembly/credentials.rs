//! What targets are shown.
//!
//! Enters: the credentials of a target as configured. Leaves: what `target` takes, and the keepers of the
//! secrets in it that may change. Never: a token or a secret fetched here.

use std::sync::Arc;

use toolgate_fetch::Fetcher;
use toolgate_target::grants::{Grants, UserGrant};
use toolgate_target::{
    ClientAuth, ClientCredentials, Credentials, Endpoint, EndpointConfig, HeaderSecret, Place,
    TokenExchange, Vault,
};
use toolgate_telemetry::Telemetry;

use super::target::credential;
use crate::cloud::Cloud;
use crate::config::{self, OAuthClient, SecretRef, TargetCredentials, TokenEndpoint};
use crate::secrets::{self, Keeper, Lasting};

/// Puts credentials together, for one target after the other.
pub(crate) struct Showing<'a> {
    cloud: &'a Cloud,
    fetcher: Arc<Fetcher>,
    telemetry: Arc<Telemetry>,
    grants: Arc<Grants>,
    /// Those that the next target may share.
    clients: Vec<(OAuthClient, Arc<ClientCredentials>)>,
    keepers: Vec<(SecretRef, Arc<Keeper>)>,
}

// === impl Showing ===

impl<'a> Showing<'a> {
    pub(crate) fn new(
        cloud: &'a Cloud,
        fetcher: &Arc<Fetcher>,
        telemetry: &Arc<Telemetry>,
    ) -> Self {
        let grants = Grants::new(None, Vec::new(), telemetry);
        let (fetcher, telemetry) = (Arc::clone(fetcher), Arc::clone(telemetry));
        Self { cloud, fetcher, telemetry, grants, clients: Vec::new(), keepers: Vec::new() }
    }

    /// The same, where users have a door to agree by.
    pub(super) fn with(self, grants: &Arc<Grants>) -> Self {
        Self { grants: Arc::clone(grants), ..self }
    }

    /// Those of that target.
    ///
    /// # Errors
    /// A secret that cannot be a header; AWS where nobody knows of any.
    pub(crate) fn of(
        &mut self,
        target: &str,
        written: Option<&TargetCredentials>,
    ) -> anyhow::Result<Credentials> {
        Ok(match written {
            None => Credentials::none(),
            Some(TargetCredentials::Header(shown, None)) => {
                Credentials::Fixed(vec![credential(shown)?])
            }
            Some(TargetCredentials::Header(shown, Some(kept))) => {
                Credentials::Live(Arc::new(HeaderSecret {
                    header: shown.header.clone(),
                    scheme: shown.scheme.clone(),
                    vault: self.vault(kept, &shown.secret)?,
                }))
            }
            Some(TargetCredentials::Client(client)) => {
                Credentials::Live(self.client(target, client)?)
            }
            Some(TargetCredentials::Exchange(client)) => {
                Credentials::Live(Arc::new(TokenExchange::new(self.endpoint(target, client)?)))
            }
            Some(TargetCredentials::User(grant)) => {
                let endpoint = self.endpoint(target, &grant.client)?;
                let desk = (grant.authorize_url.clone(), endpoint);
                let target = Arc::from(target);
                Credentials::Live(Arc::new(UserGrant::new(
                    &self.grants,
                    &target,
                    desk,
                    grant.own_lists,
                )))
            }
            Some(TargetCredentials::SigV4 { service, region }) => {
                Credentials::Live(self.cloud.signed(service, region.as_deref())?)
            }
        })
    }

    /// Who looks for new secrets.
    pub(super) fn keepers(self) -> Vec<Arc<Keeper>> {
        self.keepers.into_iter().map(|(_, keeper)| keeper).collect()
    }

    /// Targets that are shown the same token share it: it is one request to the issuer, and one metric,
    /// under the name of the first.
    fn client(
        &mut self,
        target: &str,
        client: &OAuthClient,
    ) -> anyhow::Result<Arc<ClientCredentials>> {
        let known = self.clients.iter().find(|(known, _)| known == client);
        if let Some((_, shared)) = known {
            return Ok(Arc::clone(shared));
        }
        let made = Arc::new(ClientCredentials::new(self.endpoint(target, client)?));
        self.clients.push((client.clone(), Arc::clone(&made)));
        Ok(made)
    }

    fn endpoint(&mut self, target: &str, client: &OAuthClient) -> anyhow::Result<Endpoint> {
        let config = EndpointConfig {
            place: match &client.endpoint {
                TokenEndpoint::Url(url) => Place::Url(url.clone()),
                TokenEndpoint::Issuer(issuer) => Place::Issuer(issuer.clone()),
            },
            client_id: client.client_id.clone(),
            client_secret: self.vault(&client.kept, &client.client_secret)?,
            auth: match client.auth {
                config::ClientAuth::Basic => ClientAuth::Basic,
                config::ClientAuth::Post => ClientAuth::Post,
            },
            scopes: client.scopes.clone(),
            audience: client.audience.clone(),
            resource: client.resource.clone(),
        };
        Ok(Endpoint::new(config, Arc::clone(&self.fetcher), self.telemetry.target(target)))
    }

    /// Each secret has one keeper.
    fn vault(
        &mut self,
        kept: &SecretRef,
        secret: &config::Secret,
    ) -> anyhow::Result<Arc<dyn Vault>> {
        if let Some((_, keeper)) = self.keepers.iter().find(|(known, _)| known == kept) {
            return Ok(Arc::<Keeper>::clone(keeper));
        }
        let place = match kept {
            SecretRef::Env(_) => return Ok(Arc::new(Lasting::new(secret.clone()))),
            SecretRef::File(file) => secrets::Place::File(file.clone()),
            SecretRef::Remote(remote) => {
                secrets::Place::Remote(self.cloud.reader()?, remote.clone())
            }
        };
        let keeper = Keeper::new(place, secret.clone(), &self.telemetry);
        self.keepers.push((kept.clone(), Arc::clone(&keeper)));
        Ok(keeper)
    }
}
