//! `lambda`: where a function is, and the tools that it has.
//!
//! In: a target with `lambda`. Out: what is called, and the definitions of its tools. It never calls a function,
//! and never guesses a region.

use std::path::Path;

use http::Uri;
use toolgate_target::FunctionTools;

use crate::config::code;
use crate::config::file::Lambda;
use crate::config::reference::RemoteSecret;
use crate::config::report::{Mistake, quote};
use crate::config::resolved::{self, TargetCredentials, TargetKind};

use super::Resolver;

/// Before the name of a parameter.
const SSM: &str = "ssm:";
/// What requests to Lambda are signed for.
const SERVICE: &str = "lambda";

impl Resolver<'_, '_> {
    /// `None` when it is incomplete or cannot be used, which has been reported.
    pub(super) fn lambda(&mut self, name: &str, written: &Lambda) -> Option<TargetKind> {
        let function = written.function.clone()?;
        let region = self.function_region(name, &function, written);
        let tools = self.function_tools(name, written.tools.as_deref()?);
        let region = region?;
        let endpoint = match &written.endpoint {
            Some(endpoint) => endpoint.0.uri.clone(),
            None => self.aws.endpoint.clone().or_else(|| at_home(&region))?,
        };
        Some(TargetKind::Lambda(Box::new(resolved::Lambda {
            endpoint,
            function,
            qualifier: written.qualifier.clone(),
            tools: tools?,
            credentials: TargetCredentials::SigV4 {
                service: SERVICE.to_owned(),
                region: Some(region),
            },
        })))
    }

    fn function_region(&mut self, name: &str, function: &str, written: &Lambda) -> Option<String> {
        let known = written
            .region
            .clone()
            .or_else(|| in_arn(function).map(str::to_owned))
            .or_else(|| self.aws.region.clone())
            .or_else(|| (self.outside.env)("AWS_REGION"))
            .or_else(|| (self.outside.env)("AWS_DEFAULT_REGION"));
        if known.is_none() {
            let at = self.review.at(&["targets", name, "lambda", "function"]);
            let message = format!("nothing says in which region {} is", quote(function));
            self.review.add(
                Mistake::new(code::FUNCTION, at, message)
                    .help("write its ARN, or add `region: us-east-1` to `lambda` or to `aws`"),
            );
        }
        known
    }

    fn function_tools(&mut self, name: &str, written: &str) -> Option<FunctionTools> {
        let text = match written.strip_prefix(SSM) {
            Some(parameter) => {
                let parameter = RemoteSecret::Ssm(parameter.to_owned());
                (self.outside.remote)(&self.aws, &parameter)
            }
            None => (self.outside.read)(&self.path(Path::new(written)))
                .map_err(|error| format!("cannot be read: {error}")),
        };
        let read = text.and_then(|text| {
            FunctionTools::parse(&text).map_err(|error| format!("cannot be used: {error}"))
        });
        read.map_err(|problem| {
            let at = self.review.at(&["targets", name, "lambda", "tools"]);
            let message = format!("{} {problem}", quote(written));
            self.review.add(Mistake::new(code::FUNCTION_TOOLS, at, message).help(
                "put a list there: `[{ \"name\": …, \"description\": …, \"inputSchema\": { \"type\": \"object\" } }]`",
            ));
        })
        .ok()
    }
}

/// The region in an ARN: `arn:aws:lambda:REGION:ACCOUNT:function:NAME`.
pub(in crate::config) fn in_arn(function: &str) -> Option<&str> {
    let mut parts = function.strip_prefix("arn:")?.split(':');
    parts.nth(2).filter(|region| !region.is_empty())
}

/// AWS's own endpoint ("AWS Lambda endpoints and quotas").
fn at_home(region: &str) -> Option<Uri> {
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://lambda.{region}.amazonaws.com{suffix}").parse().ok()
}
