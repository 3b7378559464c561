//! Kubeconfigs (`client.authentication.k8s.io` and the reference "kubeconfig (v1)").
//!
//! Enters: the text of one, its folder, perhaps the name of a context. Leaves: one cluster and how to
//! log in there. Never: a program that is run, a certificate that is not verified, or a key that would
//! change who is meant and is passed over.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::error::words;
use crate::upstream::SetupError;

/// The largest kubeconfig.
const MOST_BYTES: usize = 1 << 20;

/// One cluster and how to log in.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) server: String,
    pub(super) authority: Option<Blob>,
    pub(super) login: Login,
}

/// Bytes, or the file that has them.
pub(super) enum Blob {
    Data(Vec<u8>),
    File(PathBuf),
}

/// How to log in.
pub(super) enum Login {
    Nothing,
    Token(String),
    TokenFile(PathBuf),
    Certificate {
        certificate: Blob,
        key: Blob,
    },
    /// As AWS's `aws eks get-token` does it.
    #[cfg_attr(
        not(any(feature = "aws", test)),
        expect(dead_code, reason = "without AWS it is refused")
    )]
    Eks {
        cluster: String,
        region: Option<String>,
    },
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    clusters: Vec<Named<ClusterEntry>>,
    #[serde(default)]
    contexts: Vec<Named<ContextEntry>>,
    #[serde(default)]
    users: Vec<Named<UserEntry>>,
    #[serde(rename = "current-context")]
    current: Option<String>,
}

/// An entry; its value stands under the name of its kind.
#[derive(Deserialize)]
struct Named<T> {
    name: String,
    #[serde(alias = "cluster", alias = "context", alias = "user")]
    value: Option<T>,
}

#[derive(Deserialize)]
struct ContextEntry {
    cluster: String,
    user: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct ClusterEntry {
    server: String,
    certificate_authority: Option<String>,
    certificate_authority_data: Option<String>,
    insecure_skip_tls_verify: bool,
    tls_server_name: Option<String>,
    proxy_url: Option<String>,
    #[serde(rename = "disable-compression")]
    _disable_compression: IgnoredAny,
    #[serde(rename = "extensions")]
    _extensions: IgnoredAny,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct UserEntry {
    client_certificate: Option<String>,
    client_certificate_data: Option<String>,
    client_key: Option<String>,
    client_key_data: Option<String>,
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<String>,
    username: Option<IgnoredAny>,
    password: Option<IgnoredAny>,
    auth_provider: Option<IgnoredAny>,
    r#as: Option<IgnoredAny>,
    as_uid: Option<IgnoredAny>,
    as_groups: Option<IgnoredAny>,
    as_user_extra: Option<IgnoredAny>,
    exec: Option<Exec>,
    #[serde(rename = "extensions")]
    _extensions: IgnoredAny,
}

#[derive(Deserialize)]
struct Exec {
    command: String,
    #[serde(default)]
    args: Option<Vec<String>>,
    #[serde(default)]
    env: Option<Vec<Variable>>,
}

#[derive(Deserialize)]
struct Variable {
    name: String,
    value: String,
}

/// The cluster of a context, or of the current one.
///
/// # Errors
/// What cannot be used, in words of the file.
pub(super) fn read(text: &str, folder: &Path, context: Option<&str>) -> Result<Found, SetupError> {
    if text.len() > MOST_BYTES {
        return Err(wrong("it is larger than 1 MiB"));
    }
    // The reader's own words quote the text, which holds secrets.
    let file: File = serde_saphyr::from_str(text).map_err(|error| match error.location() {
        Some(at) => wrong(&format!("it is no kubeconfig: see line {}", at.line())),
        None => wrong("it is no kubeconfig"),
    })?;
    let current = context.or(file.current.as_deref()).filter(|name| !name.is_empty());
    let name = current.ok_or_else(|| wrong("it has no current context; name one by `context`"))?;
    let chosen = find(file.contexts, "context", name)?;
    let cluster = find(file.clusters, "cluster", &chosen.cluster)?;
    let login = match chosen.user.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => login(find(file.users, "user", name)?, folder)?,
        None => Login::Nothing,
    };
    refuse(&[
        (
            cluster.insecure_skip_tls_verify,
            "`insecure-skip-tls-verify`: certificates are verified here; give `certificate-authority`",
        ),
        (
            cluster.tls_server_name.is_some(),
            "`tls-server-name`: name a `server` that its certificate names",
        ),
        (cluster.proxy_url.is_some(), "`proxy-url`: the cluster is asked directly"),
    ])?;
    let authority = blob(
        cluster.certificate_authority,
        cluster.certificate_authority_data,
        "certificate-authority",
        folder,
    )?;
    Ok(Found { server: cluster.server, authority, login })
}

fn login(user: UserEntry, folder: &Path) -> Result<Login, SetupError> {
    let acts = user.r#as.is_some() || user.as_uid.is_some() || user.as_groups.is_some();
    refuse(&[
        (
            user.username.is_some() || user.password.is_some(),
            "`username` and `password`: no cluster takes them any more",
        ),
        (
            user.auth_provider.is_some(),
            "`auth-provider`: Kubernetes has removed it; use a token or `aws eks get-token`",
        ),
        (
            acts || user.as_user_extra.is_some(),
            "`as`: use a user who may do no more than is wanted",
        ),
    ])?;
    let certificate =
        blob(user.client_certificate, user.client_certificate_data, "client-certificate", folder)?;
    let key = blob(user.client_key, user.client_key_data, "client-key", folder)?;
    // As kubectl: the file is preferred, and a token to an exec plugin.
    if let Some(file) = user.token_file.filter(|file| !file.is_empty()) {
        return Ok(Login::TokenFile(folder.join(file)));
    }
    if let Some(token) = user.token.filter(|token| !token.is_empty()) {
        return Ok(Login::Token(token));
    }
    match (certificate, key, user.exec) {
        (Some(certificate), Some(key), None) => Ok(Login::Certificate { certificate, key }),
        (None, None, Some(exec)) => exec_of_aws(exec),
        (None, None, None) => Ok(Login::Nothing),
        _ => Err(wrong("its user has half a certificate, or several ways to log in")),
    }
}

/// `aws eks get-token`, which is done here; no other program is run.
fn exec_of_aws(exec: Exec) -> Result<Login, SetupError> {
    let program = exec.command.rsplit('/').next().unwrap_or_default();
    let (mut cluster, mut region, mut verbs) = (None, None, Vec::new());
    let mut arguments = exec.args.unwrap_or_default().into_iter();
    if program != "aws" {
        let program = words(program);
        return Err(wrong(&format!(
            "its user is told by the program `{program}`, and none is run here; only `aws eks \
             get-token` is understood. Use a token, `tokenFile` or a certificate instead"
        )));
    }
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--cluster-name" | "--cluster-id" => cluster = arguments.next(),
            "--region" => region = arguments.next(),
            "--output" => drop(arguments.next()),
            other if other.starts_with('-') => return Err(unlike(other)),
            _ => verbs.push(argument),
        }
    }
    for Variable { name, value } in exec.env.unwrap_or_default() {
        match name.as_str() {
            "AWS_REGION" | "AWS_DEFAULT_REGION" => region = region.or(Some(value)),
            "AWS_STS_REGIONAL_ENDPOINTS" => {}
            other => return Err(unlike(other)),
        }
    }
    match cluster.filter(|_| verbs == ["eks", "get-token"]) {
        Some(cluster) => Ok(Login::Eks { cluster, region }),
        None => {
            Err(wrong("its user is told by `aws`, but not by `aws eks get-token --cluster-name …`"))
        }
    }
}

fn unlike(what: &str) -> SetupError {
    wrong(&format!(
        "its user is told by `aws eks get-token` with `{}`, which is not understood here; the gateway \
         uses its own AWS credentials",
        words(what)
    ))
}

fn find<T>(all: Vec<Named<T>>, kind: &str, name: &str) -> Result<T, SetupError> {
    let found = all.into_iter().find(|one| one.name == name).and_then(|one| one.value);
    found.ok_or_else(|| wrong(&format!("it has no {kind} `{}`", words(name))))
}

fn blob(
    file: Option<String>,
    data: Option<String>,
    what: &str,
    folder: &Path,
) -> Result<Option<Blob>, SetupError> {
    // As kubectl: data is preferred.
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        let lines: String = data.split_whitespace().collect();
        let bytes = BASE64_STANDARD.decode(lines);
        let bytes = bytes.map_err(|_| wrong(&format!("`{what}-data` is not base64")))?;
        return Ok(Some(Blob::Data(bytes)));
    }
    Ok(file.filter(|file| !file.is_empty()).map(|file| Blob::File(folder.join(file))))
}

/// What is written and not done.
fn refuse(all: &[(bool, &str)]) -> Result<(), SetupError> {
    let found = all.iter().find(|(is_there, _)| *is_there);
    found.map_or(Ok(()), |(_, what)| Err(wrong(&format!("it says {what}"))))
}

fn wrong(why: &str) -> SetupError {
    SetupError::new(format!("the kubeconfig cannot be used: {why}"))
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blob")
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

#[cfg(test)]
mod tests;
