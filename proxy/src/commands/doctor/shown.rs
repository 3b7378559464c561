//! What targets are shown: tokens, secrets, signatures.
//!
//! Enters: a configuration. Leaves: a probe for each target with credentials. Never: a credential in a
//! finding; a token exchange or a user's grant, since those need the caller.

use http::{HeaderMap, Method, Uri};
use toolgate_fetch::{Ask, Fetcher, Said as Whose};
use toolgate_target::{Credentials, Denied, Unsigned};

use super::Surgery;
use super::finding::{Probe, Said};
use super::issuers::PATIENCE;
use crate::assembly::Showing;
use crate::config::{
    Credentials as InHeader, OAuthClient, TargetCredentials, TargetKind, TokenEndpoint,
};

pub(super) fn probes<'a>(surgery: &Surgery<'a>, showing: &mut Showing<'_>) -> Vec<Probe<'a>> {
    let mut probes = Vec::new();
    for target in &surgery.config.targets {
        let (url, written) = match &target.kind {
            TargetKind::Mcp { url, credentials, .. }
            | TargetKind::OpenApi { url, credentials, .. } => (url, credentials.as_ref()),
            TargetKind::Lambda(lambda) => (&lambda.endpoint, Some(&lambda.credentials)),
            TargetKind::Builtin(_) | TargetKind::Tools(_) | TargetKind::Stdio { .. } => continue,
        };
        let Some(written) = written else { continue };
        let made = showing.of(&target.name, Some(written)).map_err(|error| format!("{error:#}"));
        let fetcher = surgery.fetcher;
        probes.push(Probe::new("credentials", target.name.clone(), async move {
            match written {
                TargetCredentials::Header(shown, _) => in_header(shown, made),
                TargetCredentials::Client(client) => {
                    let fix = format!(
                        "look at `client_id`, `client_secret` and `scopes` of the target's \
                         credentials, and whether {} is the right place",
                        client.endpoint
                    );
                    let sent = "a token request with the client's secret (RFC 6749, 4.4)";
                    tried(made, url, "a token was issued", &fix).await.sent(sent)
                }
                TargetCredentials::Exchange(client) => {
                    exchange(client, "an exchange needs the token of a caller", fetcher).await
                }
                TargetCredentials::User(grant) => {
                    let why = "tokens come when users connect their accounts in a browser";
                    exchange(&grant.client, why, fetcher).await
                }
                TargetCredentials::SigV4 { service, .. } => {
                    let fix = "give the process credentials of AWS: environment, profile, container or \
                               machine; `aws sts get-caller-identity` shows what it has";
                    let found = format!("a request for {service} could be signed");
                    tried(made, url, &found, fix).await
                }
            }
        }));
    }
    probes
}

fn in_header(shown: &InHeader, made: Result<Credentials, String>) -> Said {
    match made {
        Ok(_) => Said::ok(format!(
            "the secret is there and fits into `{}`; whether it is taken, the target's own check says",
            shown.header
        )),
        Err(why) => Said::fail(why, "write the secret without line breaks"),
    }
}

/// Has the credentials made for a request, which is not sent.
async fn tried(made: Result<Credentials, String>, url: &Uri, found: &str, fix: &str) -> Said {
    let live = match made {
        Ok(Credentials::Live(live)) => live,
        Ok(Credentials::Fixed(_)) => return Said::ok(found),
        Err(why) => return Said::fail(why, fix),
    };
    let whose = toolgate_target::Whose::Gateway;
    let (headers, method) = (HeaderMap::new(), Method::GET);
    let request = Unsigned { method: &method, url, headers: &headers, body: b"", whose: &whose };
    match live.show(request).await {
        Ok(_) => Said::ok(found),
        Err(Denied::Unavailable { why, .. }) => Said::fail(why, fix),
        Err(Denied::NoSubject | Denied::NoGrant { .. }) => {
            Said::untried("it needs the token of a caller")
        }
    }
}

/// Only whether somebody answers there.
async fn exchange(client: &OAuthClient, why: &str, fetcher: &Fetcher) -> Said {
    let url = match &client.endpoint {
        TokenEndpoint::Url(url) => Some(url.clone()),
        TokenEndpoint::Issuer(issuer) => {
            let issuer = issuer.trim_end_matches('/');
            format!("{issuer}/.well-known/openid-configuration").parse().ok()
        }
    };
    let Some(url) = url else { return Said::fail("it is no URL", "look at the credentials") };
    let sent = "GET, without any credential";
    match fetcher.ask(Ask::get(url, Whose::Operator), PATIENCE).await {
        Ok(answer) => Said::untried(format!(
            "{} answers HTTP {}; a token was not asked for: {why}",
            client.endpoint,
            answer.status.as_u16()
        ))
        .sent(sent),
        Err(error) => Said::fail(
            error.to_string(),
            format!(
                "look whether {} is the right place, and answers this machine",
                client.endpoint
            ),
        )
        .sent(sent),
    }
}
