//! The account that is written to.
//!
//! Enters: region and endpoint. Leaves: a client of CloudWatch with a limit on every request.
//! Never: a request of its own.

use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::Builder;
use aws_sdk_cloudwatch::config::timeout::TimeoutConfig;

use super::Failed;
use crate::{Aws, AwsConfig, Unreachable};

/// How long a request may take, repetitions included.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take to connect.
const CONNECT: Duration = Duration::from_secs(5);

/// CloudWatch of one account in one region.
#[derive(Clone, Debug)]
pub struct Account {
    client: Client,
    region: String,
    endpoint: String,
}

// === impl Account ===

impl Account {
    /// Finds out where it is. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Failed::NoRegion`] when no region is given and none is found.
    pub async fn find(config: &AwsConfig) -> Result<Self, Failed> {
        let aws = Aws::load(config).await.map_err(|Unreachable::NoRegion| Failed::NoRegion)?;
        let region = aws.region().to_owned();
        let usual = || format!("https://monitoring.{region}.amazonaws.com");
        let endpoint = aws.sdk().endpoint_url().map_or_else(usual, str::to_owned);
        let patience =
            TimeoutConfig::builder().operation_timeout(PATIENCE).connect_timeout(CONNECT).build();
        let client = Client::from_conf(Builder::from(aws.sdk()).timeout_config(patience).build());
        Ok(Self { client, region, endpoint })
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }
}
