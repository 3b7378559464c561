//! `aws_context`: who the gateway is at AWS.
//!
//! Enters: nothing. Leaves: account, identity and region. Never: an identity that AWS itself has not
//! confirmed in this very call.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Identity, identity};
use crate::aws::Client;
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::{About, Brief, Effect, Tool};

pub(super) struct AwsContext(pub(super) Arc<Client>);

/// There are no arguments.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Input {}

/// The result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Output {
    /// The account, twelve digits.
    account: String,
    /// The identity under which this gateway asks AWS.
    arn: String,
    /// Its unique id.
    user_id: String,
    /// The region that is asked.
    region: String,
}

impl Tool for AwsContext {
    type Input = Input;
    type Output = Output;

    fn about(&self) -> About {
        About {
            name: "aws_context",
            title: "AWS account and region",
            description: "Tells in which AWS account and region the tools of AWS work here, and \
                under which identity.",
            effect: Effect::Reads,
            limit: Duration::from_secs(15),
            aliases: &[],
            without: &[],
        }
    }

    async fn run<'a>(&'a self, _: Input, context: &'a Context) -> Result<Output, ToolError> {
        let Identity { account, arn, user_id } = identity(&self.0, context).await?;
        let region = self.0.aws().region(context).await?.to_owned();
        Ok(Output { account, arn, user_id, region })
    }
}

impl Brief for Output {
    fn brief(&self) -> String {
        let Self { account, arn, region, .. } = self;
        format!("Account {account} in {region}, as {arn}")
    }
}
