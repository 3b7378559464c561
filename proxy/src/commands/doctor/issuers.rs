//! Issuers: their documents, their keys and their clocks.
//!
//! Enters: a configuration. Leaves: two probes for each issuer. Never: keys by another way than the
//! gateway takes.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Uri;
use http::header::DATE;
use toolgate_fetch::{Ask, Fetcher, Said as Whose};

use super::Surgery;
use super::finding::{Probe, Said};
use crate::assembly::{self, Callers};
use crate::config::{Auth, Config, Issuer};

/// How long one document may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Clocks that differ by more than this are worth a word. A `Date` has whole seconds.
const APART: u64 = 5;

pub(super) fn probes<'a>(surgery: &Surgery<'a>) -> Vec<Probe<'a>> {
    let (config, fetcher) = (surgery.config, surgery.fetcher);
    let mut probes = Vec::new();
    for issuer in &config.auth.issuers {
        let alone = Config {
            auth: Auth { issuers: vec![issuer.clone()], keys: None, ..config.auth.clone() },
            ..config.clone()
        };
        let auth = assembly::authenticator(
            &alone,
            &Callers::Network(config.listen),
            surgery.telemetry,
            fetcher,
        );
        probes.push(Probe::new("issuer", issuer.name.clone(), keys(issuer, auth)));
        probes.push(Probe::new("issuer", format!("{} clock", issuer.name), clock(issuer, fetcher)));
    }
    probes
}

type Checking = anyhow::Result<Arc<toolgate_admit::authn::Authenticator>>;

/// Fetches the keys as the gateway does: discovery, whose `issuer` must be the configured one, then keys,
/// of which one at least must be of use.
async fn keys(issuer: &Issuer, auth: Checking) -> Said {
    let sent = "GET of the discovery document and of the keys, or of the keys alone";
    let auth = match auth {
        Ok(auth) => auth,
        Err(error) => return Said::fail(format!("{error:#}"), "look at `auth.issuers`"),
    };
    auth.start().await;
    let Some((_, is_usable, found)) = auth.keys_ready().into_iter().next() else {
        return Said::untried("the gateway takes no tokens");
    };
    if is_usable {
        return Said::ok(found).sent(sent);
    }
    let at = match (&issuer.jwks_url, &issuer.discovery_url) {
        (Some(_), _) => "`jwks_url`",
        (None, Some(_)) => "`discovery_url`, and `issuer`, which must be what the document says",
        (None, None) => "`issuer`, which must be what the document says character by character",
    };
    let fix = format!("open the URL from this machine; look at {at}, under `auth.issuers`");
    Said::fail(found, fix).sent(sent)
}

/// How far this machine's clock is from the issuer's: tokens are good from and until moments of that.
async fn clock(issuer: &Issuer, fetcher: &Fetcher) -> Said {
    let sent = "GET of the discovery document, or of the keys";
    let below = || {
        let issuer = issuer.issuer.trim_end_matches('/');
        format!("{issuer}/.well-known/openid-configuration").parse().ok()
    };
    let url: Option<Uri> = issuer.jwks_url.clone().or(issuer.discovery_url.clone()).or_else(below);
    let Some(url) = url else { return Said::untried("the issuer is no URL") };
    let answer = match fetcher.ask(Ask::get(url, Whose::Operator), PATIENCE).await {
        Ok(answer) => answer,
        Err(error) => {
            return Said::untried(format!("the issuer does not answer: {error}")).sent(sent);
        }
    };
    let date = answer.headers.get(DATE).and_then(|date| date.to_str().ok());
    match date.and_then(|date| httpdate::parse_http_date(date).ok()) {
        Some(theirs) => compared(theirs, SystemTime::now(), issuer.leeway).sent(sent),
        None => Said::untried("its answers have no `Date` to compare with").sent(sent),
    }
}

pub(super) fn compared(theirs: SystemTime, ours: SystemTime, leeway: Duration) -> Said {
    let (apart, way) = match ours.duration_since(theirs) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    let seconds = apart.as_secs();
    let found = format!(
        "this machine's clock is {seconds} s {way} the issuer's; {} s are forgiven",
        leeway.as_secs()
    );
    let fix = "let NTP set the clock of this machine";
    match seconds {
        _ if apart > leeway + Duration::from_secs(1) => Said::fail(found, fix),
        apart if apart > APART => Said::warn(found, fix),
        _ => Said::ok("the clocks agree"),
    }
}
