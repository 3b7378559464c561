//! Region and credentials, as the SDK of AWS finds them.
//!
//! Enters: perhaps a region. Leaves: a region, and credentials that have not ended. Never: a wait
//! beyond the call, a credential that is asked for anew each time, or one in an error.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use tokio::sync::{Mutex, OnceCell};
use tokio::time::timeout;

use crate::context::Context;
use crate::error::{Code, Source, ToolError};

/// How long before their end credentials are replaced.
const MARGIN: Duration = Duration::from_secs(60);
/// How long credentials without an end are believed.
const OLDEST: Duration = Duration::from_secs(15 * 60);

/// Finds region and credentials when they are first needed.
pub(super) struct Chain {
    written: Option<String>,
    found: OnceCell<SdkConfig>,
    /// The last credentials, and when they were had.
    last: Mutex<Option<(Credentials, Instant)>>,
}

// === impl Chain ===

impl Chain {
    pub(super) fn new(region: Option<String>) -> Self {
        Self { written: region, found: OnceCell::new(), last: Mutex::const_new(None) }
    }

    #[cfg(test)]
    pub(super) fn fixed(region: &str, credentials: Credentials) -> Self {
        use aws_credential_types::provider::SharedCredentialsProvider;

        let found = SdkConfig::builder()
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        let found = OnceCell::new_with(Some(found));
        Self { written: None, found, last: Mutex::const_new(None) }
    }

    /// The region.
    ///
    /// # Errors
    /// Nothing says which.
    pub(super) async fn region(&self, context: &Context) -> Result<&str, ToolError> {
        let region = self.found(context).await?.region().map(Region::as_ref);
        region.ok_or_else(|| {
            let message = "no AWS region is known; the operator has to name one";
            ToolError::new(Code::Misconfigured, message)
        })
    }

    /// Where the environment says that AWS is.
    pub(super) async fn endpoint(&self, context: &Context) -> Result<Option<&str>, ToolError> {
        Ok(self.found(context).await?.endpoint_url())
    }

    /// Credentials that have not ended.
    ///
    /// # Errors
    /// There are none.
    pub(super) async fn credentials(&self, context: &Context) -> Result<Credentials, ToolError> {
        let chain = self.found(context).await?.credentials_provider();
        let chain = chain.ok_or_else(|| none("no source of them is known"))?;
        let asked = async {
            let mut last = self.last.lock().await;
            if let Some((known, had)) = &*last
                && is_good(known, had.elapsed())
            {
                return Ok(known.clone());
            }
            let fresh = chain.provide_credentials().await.map_err(|error| kind(&error))?;
            if fresh.expiry().is_some_and(|end| end <= SystemTime::now()) {
                let message = "the AWS credentials of this gateway have expired; only its operator \
                               can renew them";
                return Err(by_credentials(Code::Denied, message.to_owned()));
            }
            *last = Some((fresh.clone(), Instant::now()));
            Ok(fresh)
        };
        let limit = context.for_upstream();
        timeout(limit, asked).await.unwrap_or_else(|_| Err(late(limit)))
    }

    async fn found(&self, context: &Context) -> Result<&SdkConfig, ToolError> {
        let limit = context.for_upstream();
        let look = async || {
            let https = aws_smithy_http_client::Builder::new()
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .build_https();
            let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(https);
            if let Some(region) = &self.written {
                loader = loader.region(Region::new(region.clone()));
            }
            Box::pin(loader.load()).await
        };
        timeout(limit, self.found.get_or_init(look)).await.map_err(|_| late(limit))
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("written", &self.written).finish_non_exhaustive()
    }
}

/// Only the kind of an error is ours to show: its source may quote a file.
fn kind(error: &CredentialsError) -> ToolError {
    if matches!(error, CredentialsError::ProviderTimedOut(_)) {
        let message = "the AWS credentials did not come in time";
        return by_credentials(Code::Timeout, message.to_owned());
    }
    none(&error.to_string())
}

fn none(why: &str) -> ToolError {
    let message =
        format!("this gateway has no AWS credentials: {why}; only its operator can change that",);
    by_credentials(Code::Misconfigured, message)
}

fn late(limit: Duration) -> ToolError {
    let message = format!("the AWS credentials did not come within {:.1} s", limit.as_secs_f64());
    by_credentials(Code::Timeout, message)
}

fn by_credentials(code: Code, message: String) -> ToolError {
    let service = "AWS credentials".to_owned();
    ToolError::new(code, message).caused_by(Source { service, ..Source::default() })
}

/// Whether credentials of that age can be used.
fn is_good(known: &Credentials, age: Duration) -> bool {
    match known.expiry() {
        Some(end) => end.duration_since(SystemTime::now()).is_ok_and(|left| left > MARGIN),
        None => age < OLDEST,
    }
}
