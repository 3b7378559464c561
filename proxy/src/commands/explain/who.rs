//! The caller that is meant.
//!
//! Enters: the words of the command line, a token, or a certificate. Leaves: a principal, or why a gateway would not
//! know it. Never: a principal that goes anywhere but into an explanation.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use toolgate_accept::read_certificate;
use toolgate_admit::authn::{CERTIFICATES_ISSUER, KEYS_ISSUER};
use toolgate_call::{Certificate, Claim, ClaimKind, Principal, Server};
use toolgate_fetch::{Fetcher, Ground};
use toolgate_telemetry::Telemetry;

use super::{Failed, WhoArgs, arc};
use crate::assembly::{self, Callers};
use crate::commands::call::gateway::Env;
use crate::config::Config;

/// Why a gateway would turn the caller away.
pub(super) type TurnedAway = String;

pub(super) fn principal(
    args: &WhoArgs,
    config: &Config,
    server: Option<&Server>,
    env: Env<'_>,
    telemetry: &Arc<Telemetry>,
) -> Result<Result<Principal, TurnedAway>, Failed> {
    let authenticator = || {
        let fetcher = Arc::new(Fetcher::new(Ground::default()));
        let callers = Callers::Network(config.listen);
        assembly::authenticator(config, &callers, telemetry, &fetcher)
            .map_err(|error| Failed::start(&*error))
    };
    if let Some(name) = &args.token_env {
        let token = env(name).filter(|token| !token.is_empty()).ok_or_else(|| {
            Failed::usage(format!("the environment has no {name}"), "put the token into it")
        })?;
        return Ok(authenticator()?.claimed(token.trim(), server));
    }
    if let Some(file) = &args.certificate {
        let said = certificate(file)?;
        return Ok(authenticator()?.claimed_certificate(&said));
    }
    let Some(subject) = &args.subject else {
        if config.auth.anonymous {
            return Ok(Ok(Principal::anonymous()));
        }
        let help = "say --as SUBJECT, with --scope and --claim, or --token-env NAME, or \
                    --certificate FILE";
        return Err(Failed::usage("who calls is not said", help));
    };
    Ok(Ok(Principal {
        issuer: arc(&issuer(args, config)?),
        subject: arc(subject),
        client: args.client.as_deref().map(arc),
        scopes: args.scopes.iter().map(String::as_str).collect(),
        claims: claims(args, config)?.into_iter().collect(),
        expires: None,
    }))
}

/// What the first certificate of a file says.
fn certificate(file: &Path) -> Result<Certificate, Failed> {
    let cannot = |problem: String| {
        Failed::usage(
            format!("{} {problem}", file.display()),
            "name the caller's certificate, as PEM",
        )
    };
    let pem = std::fs::read(file).map_err(|error| cannot(format!("cannot be read: {error}")))?;
    let der = CertificateDer::from_pem_slice(&pem)
        .map_err(|_| cannot("holds no certificate".to_owned()))?;
    read_certificate(&der).map_err(|problem| cannot(format!("cannot be used: {problem}")))
}

fn issuer(args: &WhoArgs, config: &Config) -> Result<String, Failed> {
    let issuers = config.auth.issuers.iter().map(|issuer| issuer.name.clone());
    let keys = config.auth.keys.iter().map(|_| KEYS_ISSUER.to_owned());
    let shown = config.auth.certificates.iter().map(|_| CERTIFICATES_ISSUER.to_owned());
    let mut all = issuers.chain(keys).chain(shown.take(1));
    match &args.issuer {
        None => Ok(all.next().unwrap_or_else(|| Principal::anonymous().issuer.to_string())),
        Some(named) if all.by_ref().any(|one| one == *named) => Ok(named.clone()),
        Some(named) => {
            let help = "its name is that of one of `auth.issuers`, `keys` for an API key, or \
                        `certificates`";
            Err(Failed::usage(format!("no issuer is called `{named}`"), help))
        }
    }
}

fn claims(args: &WhoArgs, config: &Config) -> Result<Vec<(Box<str>, Claim)>, Failed> {
    let known = config.policy.as_ref().map(|policy| &*policy.claims).unwrap_or_default();
    let claim = |written: &String| {
        let (name, value) = written
            .split_once('=')
            .ok_or_else(|| Failed::usage(format!("`{written}` is no claim"), "write NAME=VALUE"))?;
        let (_, kind) = known.iter().find(|(known, _)| known == name).ok_or_else(|| {
            let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
            let help = format!("`policy.claims` has: {}", names.join(", "));
            Failed::usage(format!("policies know no claim `{name}`"), help)
        })?;
        let value = typed(*kind, value).ok_or_else(|| {
            Failed::usage(
                format!("`{value}` is not of the type of `{name}`"),
                "see `policy.claims`",
            )
        })?;
        Ok((Box::from(name), value))
    };
    args.claims.iter().map(claim).collect()
}

fn typed(kind: ClaimKind, value: &str) -> Option<Claim> {
    Some(match kind {
        ClaimKind::Text => Claim::Text(Box::from(value)),
        ClaimKind::Number => Claim::Number(value.parse().ok()?),
        ClaimKind::Bool => Claim::Bool(value.parse().ok()?),
        ClaimKind::List => Claim::List(value.split(',').map(Box::from).collect()),
    })
}
