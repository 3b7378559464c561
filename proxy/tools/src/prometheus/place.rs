//! Where a Prometheus is, and what it is shown.
//!
//! Enters: a request. Leaves: where it goes, and the request with what it shows. Never: a secret in
//! `Debug`.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::request::Builder;
use http::{HeaderName, HeaderValue, Request};
use http_body_util::Full;

use super::Config;
#[cfg(feature = "aws")]
use super::amp::Amp;
use super::workspace::Workspace;
use crate::context::Context;
use crate::error::ToolError;
use crate::upstream::{self, SetupError, base};

/// The argument that chooses a workspace.
const WORKSPACE: &str = "workspace";

/// A place.
#[derive(Debug)]
pub(super) enum Place {
    /// One's own Prometheus.
    Plain(Plain),
    /// Amazon Managed Service for Prometheus.
    #[cfg(feature = "aws")]
    Amp(Amp),
}

/// One's own Prometheus.
pub(super) struct Plain {
    base: String,
    credentials: Option<(HeaderName, HeaderValue)>,
}

// === impl Place ===

impl Place {
    /// Arguments that mean nothing there.
    pub(super) fn without(&self) -> &'static [&'static str] {
        match self {
            Self::Plain(_) => &[WORKSPACE],
            #[cfg(feature = "aws")]
            Self::Amp(amp) if amp.is_fixed() => &[WORKSPACE],
            #[cfg(feature = "aws")]
            Self::Amp(_) => &[],
        }
    }

    /// The URL below which its API is.
    #[cfg_attr(
        not(feature = "aws"),
        expect(unused_variables, clippy::unused_async, reason = "Amazon's waits here")
    )]
    pub(super) async fn base(
        &self,
        workspace: Option<&str>,
        context: &Context,
    ) -> Result<Cow<'_, str>, ToolError> {
        match self {
            Self::Plain(plain) => Ok(Cow::Borrowed(&plain.base)),
            #[cfg(feature = "aws")]
            Self::Amp(amp) => Ok(Cow::Owned(amp.workspace(workspace, context).await?.url)),
        }
    }

    /// The workspace as it is now, if it is in one.
    #[cfg_attr(
        not(feature = "aws"),
        expect(unused_variables, clippy::unused_async, reason = "Amazon's waits here")
    )]
    pub(super) async fn workspace(
        &self,
        named: Option<&str>,
        context: &Context,
    ) -> Result<Option<Workspace>, ToolError> {
        match self {
            Self::Plain(_) => Ok(None),
            #[cfg(feature = "aws")]
            Self::Amp(amp) => amp.fresh(named, context).await.map(Some),
        }
    }

    /// The request with what it is shown.
    #[cfg_attr(
        not(feature = "aws"),
        expect(unused_variables, clippy::unused_async, reason = "Amazon's waits here")
    )]
    pub(super) async fn shown(
        &self,
        request: Builder,
        body: String,
        context: &Context,
    ) -> Result<Request<Full<Bytes>>, ToolError> {
        match self {
            Self::Plain(Plain { credentials: Some((name, value)), .. }) => {
                upstream::request(request.header(name, value), body)
            }
            Self::Plain(_) => upstream::request(request, body),
            #[cfg(feature = "aws")]
            Self::Amp(amp) => amp.signed(request, body, context).await,
        }
    }
}

// === impl Plain ===

impl Plain {
    pub(super) fn new(config: Config) -> Result<Self, SetupError> {
        Ok(Self { base: base(&config.url)?, credentials: config.credentials })
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plain({})", self.base)
    }
}
