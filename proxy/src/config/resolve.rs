//! The file becomes the configuration: defaults in, secrets fetched.
//!
//! In: the typed file, its tree, ways to reach environment and files. Out: the
//! configuration, and a mistake for every secret that could not be had. It always
//! finishes; with mistakes on the list its result must not be used.

mod audit;
mod builtin;
mod claims;
mod cloudwatch;
mod credentials;
mod keys;
mod kubernetes;
pub(super) mod lambda;
mod openapi;
mod pins;
mod policy;
mod rates;
mod servers;
mod targets;
mod tls;
mod traces;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::choice::Profile;
use super::code;
use super::file;
use super::reference::{RemoteSecret, SecretRef};
use super::report::{Mistake, quote};
use super::resolved::{Auth, Aws, Config, Issuer, Limits, Log, Retry, Sessions, Shutdown};
use super::review::Review;
use super::secret::{Secret, fetch};
use super::text::Text;
use super::units::Size;
use super::words::{AccessLog, Scope};

/// Address for MCP clients when the file names none.
pub(crate) const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8800);
/// Admin address when the file names none.
pub(crate) const DEFAULT_ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);
/// Retry settings when the file names none.
pub(crate) const DEFAULT_RETRY: Retry = Retry {
    attempts: 2,
    multiplier: 1.5,
    base: Duration::from_millis(100),
    max: Duration::from_secs(2),
    budget: 0.2,
};
/// Largest request body when the file names none.
pub(crate) const DEFAULT_BODY: usize = 4 << 20;
/// Fewest characters of a key that seals sessions: base64 of 32 bytes has 44.
const KEY_CHARACTERS: usize = 32;

/// Ways to reach what lies outside the file.
#[derive(Clone, Copy)]
pub struct Outside<'a> {
    /// Answers for environment variables.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Reads a whole file.
    pub read: &'a dyn Fn(&Path) -> io::Result<String>,
    /// Reads a secret that AWS keeps; what is wrong completes "secret `…`".
    pub remote: &'a dyn Fn(&Aws, &RemoteSecret) -> Result<String, String>,
    /// Whether a folder is there.
    pub is_folder: &'a dyn Fn(&Path) -> bool,
    /// Where the file lies: every relative path in it starts here.
    pub folder: &'a Path,
    /// Whether a pins file or a key file that is not there is an empty one, for who is about to write it.
    pub files_may_lack: bool,
}

/// A resolution under way.
struct Resolver<'r, 'a> {
    outside: Outside<'a>,
    /// Where secrets are that AWS keeps.
    aws: Aws,
    review: &'r mut Review<'a>,
}

/// Fills in defaults and fetches secrets.
pub(crate) fn resolve<'a>(
    file: &file::File,
    outside: Outside<'a>,
    review: &mut Review<'a>,
) -> Config {
    let listen = file.listen.as_ref().map_or(DEFAULT_LISTEN, |listen| listen.0.0);
    let public_url = match &file.public_url {
        Some(url) => url.0.text.trim_end_matches('/').to_owned(),
        None if file.tls.is_some() => format!("https://{listen}"),
        None => format!("http://{listen}"),
    };
    let resource = format!("{public_url}/mcp");
    let mut resolver = Resolver { outside, aws: aws(file), review };
    let targets = resolver.targets(file);
    Config {
        listen,
        admin: file.admin.as_ref().map_or(Some(DEFAULT_ADMIN), |admin| admin.0.0),
        tls: resolver.tls(file.tls.as_ref()),
        hosts: file.hosts.iter().map(|host| host.0.0.clone()).collect(),
        origins: file.origins.iter().map(|origin| origin.0.0.clone()).collect(),
        auth: Auth { keys: resolver.keys(file.auth.keys.as_ref()), ..auth(&file.auth, &resource) },
        policy: resolver.policies(file.policy.as_ref()),
        fetch_allow: file.fetch.allow.iter().map(|host| host.0.0.clone()).collect(),
        prefix: file.prefix.unwrap_or_default(),
        search: file.search.unwrap_or_default(),
        warn_tokens: servers::warn_tokens(file),
        limits: Limits {
            shared: resolver.shared(file.limits.shared.as_ref()),
            ..limits(&file.limits)
        },
        sessions: resolver.sessions(&file.sessions),
        tools: targets::tools(file, &targets),
        pins: resolver.pins(file),
        servers: servers::servers(file, &targets),
        targets,
        log: Log {
            access: resolver.access_log(&file.log),
            level: file.log.level.unwrap_or_default(),
            sample: file.log.sample.unwrap_or(1.0),
        },
        audit: resolver.audit(file.audit.as_ref()),
        traces: resolver.traces(&file.traces),
        cloudwatch: resolver.cloudwatch(file.cloudwatch.as_ref()),
        aws: aws(file),
        secrets_every: time(&file.secrets.every, Duration::from_secs(300)),
        grants: resolver.grants(file.grants.as_ref()),
        shutdown: Shutdown { grace: time(&file.shutdown.grace, Duration::from_secs(10)) },
        public_url,
        resource,
    }
}

/// What is written, over what is inherited.
pub(crate) fn merge_retry(inherited: Retry, written: Option<&file::Retry>) -> Retry {
    let Some(written) = written else { return inherited };
    Retry {
        attempts: written.attempts.unwrap_or(inherited.attempts),
        multiplier: written.multiplier.unwrap_or(inherited.multiplier),
        base: time(&written.base, inherited.base),
        max: time(&written.max, inherited.max),
        budget: written.budget.unwrap_or(inherited.budget),
    }
}

// === impl Outside ===

impl fmt::Debug for Outside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside").field("folder", &self.folder).finish_non_exhaustive()
    }
}

// === impl Resolver ===

impl Resolver<'_, '_> {
    /// The one rule for paths: a relative one starts beside the configuration file.
    fn path(&self, written: &Path) -> PathBuf {
        self.outside.folder.join(written)
    }

    fn access_log(&mut self, written: &file::Log) -> AccessLog {
        let access = written.access.as_ref().map_or(AccessLog::Stderr, |access| access.0.clone());
        let AccessLog::File(named) = access else { return access };
        let file = self.path(&named);
        if let Some(folder) = file.parent() {
            self.need_folder(folder, &["log", "access"]);
        }
        AccessLog::File(file)
    }

    fn need_folder(&mut self, folder: &Path, path: &[&str]) {
        if (self.outside.is_folder)(folder) {
            return;
        }
        let message = format!("there is no folder {}", quote(&folder.display().to_string()));
        let at = self.review.at(path);
        self.review.add(
            Mistake::new(code::PATH, at, message)
                .help("make it; relative paths start beside the configuration file"),
        );
    }

    fn sessions(&mut self, written: &file::Sessions) -> Sessions {
        let path = ["sessions", "key"];
        let key = written.key.as_ref().and_then(|key| self.secret(&key.0, &path));
        if key.as_ref().is_some_and(|key| key.expose().chars().count() < KEY_CHARACTERS) {
            self.unusable(
                &path,
                "is shorter than 32 characters",
                "make one with `openssl rand -base64 32`",
            );
        }
        Sessions { lifetime: time(&written.lifetime, Duration::from_secs(8 * 3600)), key }
    }

    /// The secret behind `reference`; `None` after reporting why there is none.
    fn secret(&mut self, reference: &SecretRef, path: &[&str]) -> Option<Secret> {
        let read = |named: &Path| (self.outside.read)(&self.path(named));
        let remote = |named: &RemoteSecret| (self.outside.remote)(&self.aws, named);
        match fetch(reference, self.outside.env, (&read, &remote)) {
            Ok(secret) => Some(secret),
            Err(unavailable) => {
                self.unusable(path, &unavailable.problem, &unavailable.help);
                None
            }
        }
    }

    fn unusable(&mut self, path: &[&str], problem: &str, help: &str) {
        let message = format!("secret {} {problem}", quote(self.review.written(path)));
        let at = self.review.at(path);
        self.review.add(Mistake::new(code::SECRET_UNAVAILABLE, at, message).help(help));
    }
}

fn auth(written: &file::Auth, resource: &str) -> Auth {
    let issuer = |issuer: &file::Issuer| {
        let mut audiences = issuer.audiences.clone();
        if issuer.profile == Some(Profile::Oidc) && audiences.is_empty() {
            audiences.push(resource.to_owned());
        }
        Some(Issuer {
            name: issuer.name.clone()?,
            profile: issuer.profile?,
            issuer: issuer.issuer.as_ref()?.0.text.clone(),
            jwks_url: issuer.jwks_url.as_ref().map(|url| url.0.uri.clone()),
            discovery_url: issuer.discovery_url.as_ref().map(|url| url.0.uri.clone()),
            clients: issuer.clients.clone(),
            audiences,
            leeway: time(&issuer.leeway, Duration::from_secs(30)),
            algorithms: issuer.algorithms.clone(),
            claims: claims::claims(issuer.claims.as_ref()),
        })
    };
    Auth {
        anonymous: written.anonymous.unwrap_or(false),
        issuers: written.issuers.iter().filter_map(issuer).collect(),
        keys: None,
        certificates: written.certificates.iter().filter_map(tls::certificate).collect(),
        scopes: scopes(&written.scopes),
    }
}

fn aws(file: &file::File) -> Aws {
    let Some(written) = &file.aws else { return Aws::default() };
    Aws {
        region: written.region.clone(),
        endpoint: written.endpoint.as_ref().map(|endpoint| endpoint.0.uri.clone()),
    }
}

fn limits(written: &file::Limits) -> Limits {
    let body = size(&written.body, DEFAULT_BODY);
    Limits {
        body,
        // What is written has room for the largest one; so has the default.
        bodies: size(&written.bodies, body.max(64 << 20)),
        depth: count(written.depth, 128),
        connections: count(written.connections, 4096),
        concurrency: count(written.concurrency, 1024),
        streams: count(written.streams, 1024),
        token_bytes: size(&written.token_bytes, 8 << 10),
        cached_tokens: count(written.cached_tokens, 10_000),
        rates: written.rates.iter().filter_map(rates::rate).collect(),
        shared: None,
        loops: written.loops.as_ref().and_then(rates::loops),
    }
}

fn time(written: &Option<Text<Duration>>, default: Duration) -> Duration {
    written.as_ref().map_or(default, |time| time.0)
}

fn size(written: &Option<Text<Size>>, default: usize) -> usize {
    written.as_ref().map_or(default, |size| size.0.bytes())
}

fn count(written: Option<u32>, default: usize) -> usize {
    // Counts are below ten million by the schema: they fit any `usize` of 32 bits or more.
    written.and_then(|count| usize::try_from(count).ok()).unwrap_or(default)
}

fn scopes(written: &[Text<Scope>]) -> Vec<String> {
    written.iter().map(|scope| scope.0.0.clone()).collect()
}
