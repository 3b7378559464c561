//! The API of a cluster.
//!
//! Enters: a path of checked names, a query, perhaps a change. Leaves: what was asked for, or the
//! failure in the words of the cluster. Never: a name or a selector that reaches beyond its place; a
//! request for a second time.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request};
use http_body_util::Full;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::seat::Seat;
use super::{Cluster, Config, failure, kubeconfig};
use crate::context::Context;
use crate::error::ToolError;
use crate::upstream::{self, Answer, Following, SetupError, encoded, form};

/// One cluster.
pub(super) struct Api(Place);

enum Place {
    /// Where a kubeconfig says.
    Fixed(Arc<Seat>),
    /// Where EKS says.
    #[cfg(feature = "aws")]
    Eks(super::eks::Named),
}

/// A method, a path with its query, and a body with its type.
type Asked<'a> = (Method, String, Option<(&'a str, &'a Value)>);

/// How the members of a change are taken (RFC 7396; "strategic merge patch").
#[derive(Clone, Copy)]
pub(super) enum Patch {
    Merge,
    Strategic,
}

// === impl Api ===

impl Api {
    /// # Errors
    /// A kubeconfig that cannot be used, or what this build lacks.
    pub(super) fn new(config: &Config) -> Result<Self, SetupError> {
        match &config.cluster {
            Cluster::Kubeconfig { file, context } => {
                let text = std::fs::read_to_string(file).map_err(|error| {
                    SetupError::new(format!("the kubeconfig {}: {error}", file.display()))
                })?;
                let folder = file.parent().unwrap_or(file);
                let found = kubeconfig::read(&text, folder, context.as_deref())?;
                let seat = Seat::of(found, config)?;
                Ok(Self(Place::Fixed(Arc::new(seat))))
            }
            #[cfg(feature = "aws")]
            Cluster::Eks(name) => {
                let aws = crate::aws::Aws::new(config.aws())?;
                Ok(Self(Place::Eks(super::eks::Named::new(&aws, name.clone()))))
            }
            #[cfg(not(feature = "aws"))]
            Cluster::Eks(_) => Err(SetupError::new("this build has no AWS in it")),
        }
    }

    /// A cluster at a fixture.
    #[cfg(test)]
    pub(super) fn at(url: &str) -> Self {
        let upstream = upstream::Upstream::new(super::seat::SERVICE, super::seat::MOST_BYTES);
        let seat = Seat::new(url.to_owned(), upstream, super::seat::Shows::Nothing);
        Self(Place::Fixed(Arc::new(seat)))
    }

    /// One that EKS has told of.
    #[cfg(all(test, feature = "aws"))]
    pub(super) fn named(aws: &Arc<crate::aws::Aws>, name: &str) -> Self {
        Self(Place::Eks(super::eks::Named::new(aws, name.to_owned())))
    }

    /// Reads.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        context: &Context,
    ) -> Result<T, ToolError> {
        let request = (Method::GET, url(path, query), None);
        self.send(request, context).await?.json()
    }

    /// Reads text.
    pub(super) async fn text(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        context: &Context,
    ) -> Result<String, ToolError> {
        let request = (Method::GET, url(path, query), None);
        plain(&self.send(request, context).await?)
    }

    /// Reads text that goes on being written.
    pub(super) async fn follow(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        following: Following<'_>,
        context: &Context,
    ) -> Result<String, ToolError> {
        let request = (Method::GET, url(path, query), None);
        let (seat, request) = self.prepared(request, context).await?;
        plain(&good(&seat, seat.upstream.follow(request, following).await?)?)
    }

    /// Changes members of an object, or says what would come of it.
    pub(super) async fn patch<T: DeserializeOwned>(
        &self,
        path: &[&str],
        patch: (Patch, &Value),
        dry_run: bool,
        context: &Context,
    ) -> Result<T, ToolError> {
        let kind = match patch.0 {
            Patch::Merge => "application/merge-patch+json",
            Patch::Strategic => "application/strategic-merge-patch+json",
        };
        let mut query = vec![("fieldManager", "toolgate")];
        query.extend(dry_run.then_some(("dryRun", "All")));
        let request = (Method::PATCH, url(path, &query), Some((kind, patch.1)));
        self.send(request, context).await?.json()
    }

    /// Deletes an object; what is in `options` decides whether in earnest (`DeleteOptions`).
    pub(super) async fn delete<T: DeserializeOwned>(
        &self,
        path: &[&str],
        options: &Value,
        context: &Context,
    ) -> Result<T, ToolError> {
        let body = Some(("application/json", options));
        self.send((Method::DELETE, url(path, &[]), body), context).await?.json()
    }

    async fn send(&self, asked: Asked<'_>, context: &Context) -> Result<Answer, ToolError> {
        let (seat, request) = self.prepared(asked, context).await?;
        good(&seat, seat.upstream.send(request, context).await?)
    }

    /// The request, as whoever asks the cluster.
    async fn prepared(
        &self,
        (method, path, body): Asked<'_>,
        context: &Context,
    ) -> Result<(Arc<Seat>, Request<Full<Bytes>>), ToolError> {
        let seat = match &self.0 {
            Place::Fixed(seat) => Arc::clone(seat),
            #[cfg(feature = "aws")]
            Place::Eks(named) => named.seat(context).await?,
        };
        let mut request = Request::builder().method(method).uri(format!("{}{path}", seat.url));
        request = request.header(ACCEPT, "application/json, text/plain;q=0.9, */*;q=0.1");
        let (mut text, mut kind) = (String::new(), None);
        if let Some((written, value)) = body {
            (text, kind) = (value.to_string(), Some(written));
        }
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        let request = upstream::request(seat.shown(request, context).await?, text)?;
        Ok((seat, request))
    }
}

/// The answer, if the cluster has not refused it.
fn good(seat: &Seat, answer: Answer) -> Result<Answer, ToolError> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    if answer.status.as_u16() == 401 {
        seat.refused();
    }
    Err(failure::of(&answer))
}

/// The body, if it is text.
fn plain(answer: &Answer) -> Result<String, ToolError> {
    let kind = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("text/plain")) {
        return Err(answer.garbled("it is not plain text"));
    }
    Ok(String::from_utf8_lossy(&answer.body).into_owned())
}

/// A path, each of whose segments is one, and a query.
fn url(path: &[&str], query: &[(&str, &str)]) -> String {
    let path: String = path.iter().map(|segment| format!("/{}", encoded(segment))).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{path}{mark}{}", form(query))
}
