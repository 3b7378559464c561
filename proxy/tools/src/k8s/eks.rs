//! A cluster by its name in EKS.
//!
//! Enters: the name. Leaves: where EKS says that it is, remembered for a while, and tokens that say
//! who the gateway is at AWS (aws-iam-authenticator, "API Authorization from Outside a Cluster").
//! Never: a cluster that is not under TLS, a token that is older than clusters take, or one in an error.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::HeaderValue;
use tokio::time::Instant;

use super::seat::{MOST_BYTES, SERVICE, Seat, Shows, bearer};
use crate::aws::Aws;
use crate::context::Context;
use crate::eks::ControlPlane;
use crate::error::{Code, Source, ToolError, words};
use crate::upstream::{Trust, Upstream, base};

/// How long it is believed where a cluster is.
const REMEMBERED: Duration = Duration::from_secs(300);
/// How long a token is used; clusters take it for 15 minutes from its signature on.
const OLDEST: Duration = Duration::from_secs(10 * 60);

/// A cluster by its name.
pub(super) struct Named {
    eks: ControlPlane,
    name: String,
    /// Where it is, and since when that is known. Whoever asks while it is being found waits.
    known: tokio::sync::Mutex<Option<(Arc<Seat>, Instant)>>,
}

/// Who the gateway is at AWS, as a cluster reads it.
pub(super) struct Token {
    aws: Arc<Aws>,
    cluster: String,
    /// The last one, whose signature it bears, and since when.
    last: Mutex<Option<(HeaderValue, String, Instant)>>,
}

// === impl Named ===

impl Named {
    pub(super) fn new(aws: &Arc<Aws>, name: String) -> Self {
        Self { eks: ControlPlane::new(aws), name, known: tokio::sync::Mutex::const_new(None) }
    }

    /// Where it is.
    pub(super) async fn seat(&self, context: &Context) -> Result<Arc<Seat>, ToolError> {
        let mut known = self.known.lock().await;
        if let Some((seat, since)) = &*known
            && since.elapsed() < REMEMBERED
        {
            return Ok(Arc::clone(seat));
        }
        let seat = Arc::new(self.find(context).await?);
        *known = Some((Arc::clone(&seat), Instant::now()));
        Ok(seat)
    }

    async fn find(&self, context: &Context) -> Result<Seat, ToolError> {
        let told = self.eks.cluster(&self.name, context).await?;
        let url = base(told.endpoint.as_deref().unwrap_or_default());
        let Some(url) = url.ok().filter(|url| url.starts_with("https://")) else {
            let status = words(&told.status);
            let message = format!(
                "the cluster {} is {status}, and EKS does not say where its API is",
                self.name
            );
            return Err(of_eks(Code::UpstreamError, message));
        };
        let authority = told.certificate_authority.unwrap_or_default();
        let trust = Trust::of_base64(&authority.data).map_err(|problem| {
            let message = format!("EKS does not say who signs for the cluster: {problem}");
            of_eks(Code::Garbled, message)
        })?;
        let upstream = Upstream::trusting(SERVICE, MOST_BYTES, &trust);
        let token = Token::new(Arc::clone(self.eks.aws()), self.name.clone());
        Ok(Seat::new(url, upstream, Shows::Aws(token)))
    }
}

fn of_eks(code: Code, message: String) -> ToolError {
    let service = "Amazon EKS".to_owned();
    ToolError::new(code, message).caused_by(Source { service, ..Source::default() })
}

// === impl Token ===

impl Token {
    pub(super) fn new(aws: Arc<Aws>, cluster: String) -> Self {
        Self { aws, cluster, last: Mutex::new(None) }
    }

    /// The header that shows it.
    pub(super) async fn header(&self, context: &Context) -> Result<HeaderValue, ToolError> {
        let key = self.aws.access_key(context).await?;
        if let Some((value, of, since)) = &*self.last()
            && *of == key
            && since.elapsed() < OLDEST
        {
            return Ok(value.clone());
        }
        let url = self.aws.presigned_identity(&self.cluster, context).await?;
        let token = format!("k8s-aws-v1.{}", BASE64_URL_SAFE_NO_PAD.encode(url));
        let value = bearer(&token)
            .map_err(|problem| ToolError::new(Code::Internal, problem.to_string()))?;
        *self.last() = Some((value.clone(), key, Instant::now()));
        Ok(value)
    }

    /// Makes a new one next time.
    pub(super) fn forget(&self) {
        *self.last() = None;
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<(HeaderValue, String, Instant)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
