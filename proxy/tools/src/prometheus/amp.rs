//! Amazon Managed Service for Prometheus.
//!
//! Enters: the id or the alias of a workspace. Leaves: where its API is, remembered for a while, and
//! signed requests. Never: a workspace that only nearly has that name; or a signature for a host that
//! AWS has not named over TLS.

mod find;
mod list;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::request::Builder;
use http_body_util::Full;
use serde::Deserialize;
use tokio::time::Instant;

use super::workspace::Workspace;
use crate::aws::{Aws, Client, Service};
use crate::context::Context;
use crate::error::{Code, ToolError, words};
use crate::upstream::base;

pub(super) use find::FindWorkspace;
pub(super) use list::ListWorkspaces;

/// How long it is believed where a workspace is.
const REMEMBERED: Duration = Duration::from_secs(300);
/// Workspaces that are remembered.
const MOST_REMEMBERED: usize = 256;
/// Pages of workspaces that are looked through for an alias.
const MOST_PAGES: usize = 10;
/// Workspaces of a page; the most that AWS gives is 1000.
const PAGE: &str = "500";
/// Workspaces that are named when the one that was asked for is not there.
const MOST_CANDIDATES: usize = 20;

/// Amazon's Prometheus in one region.
pub(super) struct Amp {
    control: Client,
    /// The workspace that every call is about, by id or alias.
    fixed: Option<String>,
    known: Mutex<HashMap<String, (Workspace, Instant)>>,
}

/// What AWS says of a workspace (`WorkspaceSummary`, `WorkspaceDescription`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    workspace_id: String,
    #[serde(default)]
    alias: String,
    status: Status,
    #[serde(default)]
    arn: String,
    prometheus_endpoint: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    status_code: String,
}

#[derive(Deserialize)]
struct One {
    workspace: Told,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    workspaces: Vec<Told>,
    next_token: Option<String>,
}

// === impl Amp ===

impl Amp {
    pub(super) fn new(aws: &Arc<Aws>, fixed: Option<String>) -> Self {
        Self { control: Client::new(aws, Service::APS), fixed, known: Mutex::default() }
    }

    /// Whether every call is about the same workspace.
    pub(super) fn is_fixed(&self) -> bool {
        self.fixed.is_some()
    }

    /// A workspace, as it was a while ago at most.
    pub(super) async fn workspace(
        &self,
        named: Option<&str>,
        context: &Context,
    ) -> Result<Workspace, ToolError> {
        let name = self.named(named)?;
        let remembered = self.known().get(name).cloned();
        if let Some((workspace, had)) = remembered
            && had.elapsed() < REMEMBERED
        {
            return Ok(workspace);
        }
        self.fresh(named, context).await
    }

    /// A workspace, as it is now.
    pub(super) async fn fresh(
        &self,
        named: Option<&str>,
        context: &Context,
    ) -> Result<Workspace, ToolError> {
        let name = self.named(named)?;
        let id = if is_id(name) { name.to_owned() } else { self.by_alias(name, context).await? };
        let path = format!("/workspaces/{id}");
        let One { workspace } = self.control.get(&path, &[], context).await?;
        let workspace = self.usable(workspace, context).await?;
        let mut known = self.known();
        if known.len() >= MOST_REMEMBERED {
            known.clear();
        }
        known.insert(name.to_owned(), (workspace.clone(), Instant::now()));
        Ok(workspace)
    }

    pub(super) async fn signed(
        &self,
        request: Builder,
        body: String,
        context: &Context,
    ) -> Result<Request<Full<Bytes>>, ToolError> {
        self.control.aws().signed(request, body, Service::APS.signed, context).await
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Workspace, Instant)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn named<'a>(&'a self, named: Option<&'a str>) -> Result<&'a str, ToolError> {
        self.fixed.as_deref().or(named).map(str::trim).filter(|name| !name.is_empty()).ok_or_else(
            || {
                ToolError::argument(
                    "workspace",
                    "is missing; list_workspaces tells which there are",
                )
            },
        )
    }

    /// The id of the one workspace with that alias, whatever the case of its letters.
    async fn by_alias(&self, alias: &str, context: &Context) -> Result<String, ToolError> {
        let (mut all, mut token) = (Vec::new(), None::<String>);
        for _ in 0..MOST_PAGES {
            let page = self.page(PAGE, token.as_deref(), context).await?;
            all.extend(page.workspaces);
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        let lower = alias.to_lowercase();
        let exact = all.iter().filter(|one| one.alias == alias);
        let mut fit: Vec<&Told> = exact.collect();
        if fit.is_empty() {
            fit = all.iter().filter(|one| one.alias.to_lowercase() == lower).collect();
        }
        match fit.as_slice() {
            [one] => Ok(one.workspace_id.clone()),
            [] => {
                let there = candidates(all.iter());
                let message = format!("no workspace is called `{}`; {there}", words(alias));
                Err(ToolError::new(Code::NotFound, message))
            }
            several => {
                let there = candidates(several.iter().copied());
                let why = format!("is the alias of several workspaces; {there}");
                Err(ToolError::argument("workspace", &why))
            }
        }
    }

    async fn page(
        &self,
        most: &str,
        token: Option<&str>,
        context: &Context,
    ) -> Result<Page, ToolError> {
        let mut fields = vec![("maxResults", most)];
        fields.extend(token.map(|token| ("nextToken", token)));
        self.control.get("/workspaces", &fields, context).await
    }

    /// What is described, if requests to it may be signed.
    async fn usable(&self, told: Told, context: &Context) -> Result<Workspace, ToolError> {
        let url = base(told.prometheus_endpoint.as_deref().unwrap_or_default());
        let plain = self.control.aws().is_plain(context).await?;
        let is_safe = |url: &String| url.starts_with("https://") || plain;
        let url = url.ok().filter(is_safe).ok_or_else(|| {
            let message = format!(
                "AWS does not say where the workspace {} can be asked; it is {}",
                words(&told.workspace_id),
                words(&told.status.status_code),
            );
            ToolError::new(Code::Garbled, message).caused_by(crate::error::Source {
                service: Service::APS.name.to_owned(),
                ..crate::error::Source::default()
            })
        })?;
        Ok(Workspace { url, ..told.shown() })
    }
}

impl fmt::Debug for Amp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Amp").field("fixed", &self.fixed).finish_non_exhaustive()
    }
}

// === impl Told ===

impl Told {
    fn shown(self) -> Workspace {
        Workspace {
            id: self.workspace_id,
            alias: self.alias,
            status: self.status.status_code,
            arn: self.arn,
            url: String::new(),
        }
    }
}

/// Whether that is an id (`WorkspaceId`) rather than an alias.
fn is_id(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    name.starts_with("ws-") && name.bytes().all(plain)
}

/// The workspaces that there are, in words.
fn candidates<'a>(all: impl Iterator<Item = &'a Told>) -> String {
    let names = all.map(|one| format!("{} ({})", one.workspace_id, words(&one.alias)));
    let mut names: Vec<String> = names.collect();
    let more = names.len().saturating_sub(MOST_CANDIDATES);
    names.truncate(MOST_CANDIDATES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    match names.is_empty() {
        true => "there are none".to_owned(),
        false => format!("there are {}{more}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests;
