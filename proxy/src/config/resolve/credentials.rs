//! What the gateway shows others: defaults in, secrets fetched.
//!
//! In: a `credentials` block. Out: the same complete, and a mistake for a secret that cannot be had or
//! used. It never asks a token endpoint.

use std::path::Path;

use http::HeaderValue;
use http::header::AUTHORIZATION;

use super::{KEY_CHARACTERS, Resolver, scopes};
use crate::config::file;
use crate::config::reference::SecretRef;
use crate::config::resolved::{
    Credentials, Grants, OAuthClient, TargetCredentials, TokenEndpoint, UserGrant,
};

impl Resolver<'_, '_> {
    /// `None` after reporting why the secret cannot be used.
    pub(super) fn credentials(
        &mut self,
        whose: &[&str],
        written: &file::Credentials,
    ) -> Option<Credentials> {
        let path = [whose, &["credentials", "secret"]].concat();
        let secret = self.secret(&written.secret.as_ref()?.0, &path)?;
        let header = written.header.as_ref().map_or(AUTHORIZATION, |header| header.0.0.clone());
        let scheme = match &written.scheme {
            Some(scheme) => Some(scheme.clone()).filter(|scheme| !scheme.is_empty()),
            None => (header == AUTHORIZATION).then(|| "Bearer".to_owned()),
        };
        if HeaderValue::from_str(secret.expose()).is_err() {
            self.unusable(
                &path,
                "holds a character no header can carry",
                "store the secret alone, in one line",
            );
        }
        Some(Credentials { header, scheme, secret })
    }

    /// `None` when it is incomplete or a secret cannot be had, which has been reported.
    pub(super) fn target_credentials(
        &mut self,
        name: &str,
        written: &file::TargetCredentials,
    ) -> Option<TargetCredentials> {
        if let Some(client) = &written.client_credentials {
            let client = self.oauth_client(name, "client_credentials", client)?;
            return Some(TargetCredentials::Client(client));
        }
        if let Some(client) = &written.token_exchange {
            let client = self.oauth_client(name, "token_exchange", client)?;
            return Some(TargetCredentials::Exchange(client));
        }
        if let Some(grant) = &written.user_grant {
            let client = self.oauth_client(name, "user_grant", &grant.client())?;
            let authorize_url = grant.authorize_url.as_ref()?.0.text.clone();
            let own_lists = grant.own_lists.unwrap_or_default();
            let grant = UserGrant { client, authorize_url, own_lists };
            return Some(TargetCredentials::User(Box::new(grant)));
        }
        if let Some(sigv4) = &written.sigv4 {
            let (service, region) = (sigv4.service.clone()?, sigv4.region.clone());
            return Some(TargetCredentials::SigV4 { service, region });
        }
        let credentials = self.credentials(&["targets", name], &written.in_header())?;
        let kept = self.kept(&written.secret.as_ref()?.0);
        Some(TargetCredentials::Header(credentials, kept.may_change().then_some(kept)))
    }

    /// `None` where there is none, or after reporting what is wrong with its key.
    pub(super) fn grants(&mut self, written: Option<&file::Grants>) -> Option<Grants> {
        let (written, path) = (written?, ["grants", "key"]);
        let key = self.secret(&written.key.as_ref()?.0, &path)?;
        if key.expose().chars().count() < KEY_CHARACTERS {
            let help = "make one with `openssl rand -base64 32`";
            self.unusable(&path, "is shorter than 32 characters", help);
        }
        Some(Grants { file: self.path(Path::new(written.file.as_ref()?)), key })
    }

    fn oauth_client(
        &mut self,
        name: &str,
        key: &str,
        written: &file::OAuthClient,
    ) -> Option<OAuthClient> {
        let path = ["targets", name, "credentials", key, "client_secret"];
        let reference = &written.client_secret.as_ref()?.0;
        let client_secret = self.secret(reference, &path)?;
        let by_url = written.token_url.as_ref().map(|url| TokenEndpoint::Url(url.0.uri.clone()));
        let by_issuer = || Some(TokenEndpoint::Issuer(written.issuer.as_ref()?.0.text.clone()));
        Some(OAuthClient {
            endpoint: by_url.or_else(by_issuer)?,
            client_id: written.client_id.clone()?,
            client_secret,
            kept: self.kept(reference),
            auth: written.auth.unwrap_or_default(),
            scopes: scopes(&written.scopes),
            audience: written.audience.clone(),
            resource: written.resource.as_ref().map(|url| url.0.text.clone()),
        })
    }

    /// The same reference, which holds wherever the process is.
    fn kept(&self, reference: &SecretRef) -> SecretRef {
        match reference {
            SecretRef::File(path) => SecretRef::File(self.path(path)),
            SecretRef::Env(_) | SecretRef::Remote(_) => reference.clone(),
        }
    }
}

// === impl UserGrant ===

impl file::UserGrant {
    /// What of it is about the token endpoint.
    fn client(&self) -> file::OAuthClient {
        let Self { token_url, client_id, client_secret, auth, scopes, audience, resource, .. } =
            self.clone();
        let issuer = None;
        file::OAuthClient {
            token_url,
            issuer,
            client_id,
            client_secret,
            auth,
            scopes,
            audience,
            resource,
        }
    }
}

// === impl TargetCredentials ===

impl file::TargetCredentials {
    /// What of it is about a secret in a header.
    fn in_header(&self) -> file::Credentials {
        let Self { header, secret, scheme, .. } = self;
        file::Credentials { header: header.clone(), secret: secret.clone(), scheme: scheme.clone() }
    }
}
