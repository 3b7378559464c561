//! Who the gateway is at AWS, and whether AWS answers it.
//!
//! Enters: nothing. Leaves: account, identity and region, or how each service answers. Never: either
//! of them for credentials that AWS does not take.

mod aws_context;
mod system_status;

use std::sync::Arc;

use crate::aws::{Aws, Client, Config, Service, element};
use crate::context::Context;
use crate::error::ToolError;
use crate::toolset::Toolset;
use crate::upstream::SetupError;

/// The tools about AWS itself.
///
/// # Errors
/// A region or an endpoint that cannot be used.
pub fn toolset(config: Config) -> Result<Toolset, SetupError> {
    Ok(tools(&Aws::new(config)?))
}

fn tools(aws: &Arc<Aws>) -> Toolset {
    let probes = system_status::Probes::new(aws);
    Toolset::default()
        .with(aws_context::AwsContext(Arc::new(Client::new(aws, Service::STS))))
        .with(system_status::SystemStatus(probes))
}

/// Who the caller is.
struct Identity {
    account: String,
    arn: String,
    user_id: String,
}

/// Asks AWS who the caller is; nobody is needed to allow that.
async fn identity(sts: &Client, context: &Context) -> Result<Identity, ToolError> {
    let fields = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let answer = sts.query(&fields, context).await?;
    let xml = String::from_utf8_lossy(&answer.body);
    let told = |name| element(&xml, name).filter(|text| !text.is_empty());
    match (told("account"), told("arn"), told("userid")) {
        (Some(account), Some(arn), Some(user_id)) => Ok(Identity { account, arn, user_id }),
        _ => Err(answer.garbled("an identity without account, ARN or user id")),
    }
}

#[cfg(test)]
mod tests;
