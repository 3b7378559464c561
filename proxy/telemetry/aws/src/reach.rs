//! How AWS is reached.
//!
//! Enters: region and endpoint as configured. Leaves: what every client of the SDK is made of. Never:
//! a credential of the configuration file: they come from the environment, a profile, a container
//! or the machine (the SDK's default chain).

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// Where AWS is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsConfig {
    /// The region; `None` takes what the environment, the profile or the machine says.
    pub region: Option<String>,
    /// The URL that every service is asked at, for emulators; `None` is AWS, or what
    /// `AWS_ENDPOINT_URL` says.
    pub endpoint: Option<String>,
}

/// AWS, ready to be asked. Nothing has been sent yet.
#[derive(Clone, Debug)]
pub struct Aws {
    sdk: SdkConfig,
}

/// Why AWS cannot be reached at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// Nothing says which region it is.
    #[error("no AWS region is known; write `aws: {{ region: us-east-1 }}` or set AWS_REGION")]
    NoRegion,
}

// === impl Aws ===

impl Aws {
    /// Finds out where AWS is. Credentials are looked for with the first request.
    ///
    /// # Errors
    /// [`Unreachable::NoRegion`] when no region is configured and none is found.
    pub async fn load(config: &AwsConfig) -> Result<Self, Unreachable> {
        let https = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(https);
        if let Some(region) = &config.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(endpoint) = &config.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        let sdk = Box::pin(loader.load()).await;
        if sdk.region().is_none() {
            return Err(Unreachable::NoRegion);
        }
        Ok(Self { sdk })
    }

    /// AWS as a test has made it.
    #[cfg(test)]
    pub(crate) const fn from_sdk(sdk: SdkConfig) -> Self {
        Self { sdk }
    }

    /// What a client of the SDK is made of.
    #[must_use]
    pub const fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        self.sdk.region().map_or("", Region::as_ref)
    }

    /// Where credentials come from, for requests that are signed by hand.
    #[must_use]
    pub fn credentials(&self) -> Option<SharedCredentialsProvider> {
        self.sdk.credentials_provider()
    }
}
