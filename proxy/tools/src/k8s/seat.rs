//! Where the API of a cluster is, and what it is shown.
//!
//! Enters: what a kubeconfig says. Leaves: requests with credentials, over a TLS that trusts the
//! cluster's authority alone. Never: a credential over plain HTTP, or one in an error.

use std::fmt;
use std::path::PathBuf;

use http::HeaderValue;
use http::header::AUTHORIZATION;
use http::request::Builder;

use super::Config;
use super::kubeconfig::{Blob, Found, Login};
use crate::context::Context;
use crate::error::{Code, ToolError};
use crate::upstream::{SetupError, Shown, Trust, Upstream, base};

/// What errors call it.
pub(super) const SERVICE: &str = "Kubernetes";
/// The largest answer that is read.
pub(super) const MOST_BYTES: usize = 8 << 20;
/// The largest file with a token.
const MOST_TOKEN: usize = 64 << 10;

/// A cluster that can be asked.
pub(super) struct Seat {
    /// Its URL, without a slash at the end.
    pub(super) url: String,
    pub(super) upstream: Upstream,
    shows: Shows,
}

/// What the cluster is shown.
pub(super) enum Shows {
    /// Nothing, or a certificate, which is part of the TLS.
    Nothing,
    /// Always the same.
    Header(HeaderValue),
    /// A token that somebody else renews.
    File(PathBuf),
    /// Who the gateway is at AWS.
    #[cfg(feature = "aws")]
    Aws(super::eks::Token),
}

// === impl Seat ===

impl Seat {
    pub(super) fn new(url: String, upstream: Upstream, shows: Shows) -> Self {
        Self { url, upstream, shows }
    }

    /// As a kubeconfig says.
    ///
    /// # Errors
    /// A file or a key that cannot be used, or a credential that would travel in the clear.
    pub(super) fn of(
        found: Found,
        #[cfg_attr(not(feature = "aws"), expect(unused_variables, reason = "for AWS alone"))]
        config: &Config,
    ) -> Result<Self, SetupError> {
        let Found { server, authority, login } = found;
        let url = base(&server)?;
        if !url.starts_with("https://") && !matches!(login, Login::Nothing) {
            let message = "the cluster is asked over plain http, where its credentials can be read";
            return Err(SetupError::new(message));
        }
        let authority = authority.map(|blob| blob.bytes("certificate-authority")).transpose()?;
        let (shown, shows) = match login {
            Login::Nothing => (None, Shows::Nothing),
            Login::Token(token) => (None, Shows::Header(bearer(&token)?)),
            Login::TokenFile(file) => (None, Shows::File(file)),
            Login::Certificate { certificate, key } => (
                Some((certificate.bytes("client-certificate")?, key.bytes("client-key")?)),
                Shows::Nothing,
            ),
            #[cfg(feature = "aws")]
            Login::Eks { cluster, region } => {
                let aws = config.aws();
                let aws = crate::aws::Config { region: region.or(aws.region), ..aws };
                let aws = crate::aws::Aws::new(aws)?;
                (None, Shows::Aws(super::eks::Token::new(aws, cluster)))
            }
            #[cfg(not(feature = "aws"))]
            Login::Eks { .. } => {
                return Err(SetupError::new("its user is AWS's, and this build has no AWS in it"));
            }
        };
        let upstream = if url.starts_with("https://") {
            let shown = shown.as_ref().map(|(certificates, key)| Shown { certificates, key });
            let trust = Trust::new(authority.as_deref(), shown)?;
            Upstream::trusting(SERVICE, MOST_BYTES, &trust)
        } else {
            Upstream::new(SERVICE, MOST_BYTES)
        };
        Ok(Self::new(url, upstream, shows))
    }

    /// The same request with credentials.
    pub(super) async fn shown(
        &self,
        request: Builder,
        #[cfg_attr(not(feature = "aws"), expect(unused_variables, reason = "for AWS alone"))]
        context: &Context,
    ) -> Result<Builder, ToolError> {
        let value = match &self.shows {
            Shows::Nothing => return Ok(request),
            Shows::Header(value) => value.clone(),
            Shows::File(file) => of_file(file).await?,
            #[cfg(feature = "aws")]
            Shows::Aws(token) => token.header(context).await?,
        };
        Ok(request.header(AUTHORIZATION, value))
    }

    /// The cluster has not taken what it was shown.
    pub(super) fn refused(&self) {
        #[cfg(feature = "aws")]
        if let Shows::Aws(token) = &self.shows {
            token.forget();
        }
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("url", &self.url).finish_non_exhaustive()
    }
}

/// A token that is read anew each time: whoever renews it only writes the file.
async fn of_file(file: &PathBuf) -> Result<HeaderValue, ToolError> {
    let wrong = |why: &str| {
        let message = format!("the token of this gateway {why}; only its operator can change that");
        ToolError::new(Code::Misconfigured, message)
    };
    let text = tokio::fs::read_to_string(file).await.map_err(|_| wrong("cannot be read"))?;
    if text.len() > MOST_TOKEN {
        return Err(wrong("is too long"));
    }
    bearer(text.trim()).map_err(|_| wrong("is none"))
}

/// A header that shows a token.
pub(super) fn bearer(token: &str) -> Result<HeaderValue, SetupError> {
    let value = HeaderValue::try_from(format!("Bearer {token}")).ok().filter(|_| !token.is_empty());
    let mut value = value.ok_or_else(|| SetupError::new("the token cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

// === impl Blob ===

impl Blob {
    /// What it holds.
    fn bytes(self, what: &str) -> Result<Vec<u8>, SetupError> {
        match self {
            Self::Data(bytes) => Ok(bytes),
            Self::File(file) => std::fs::read(&file)
                .map_err(|error| SetupError::new(format!("`{what}` {}: {error}", file.display()))),
        }
    }
}
