//! The APIs of AWS, by signed requests.
//!
//! Enters: an operation and its input. Leaves: its output, within the bounds of every upstream, or a
//! `ToolError` that says what AWS said. Never: a second way of trying again, a credential of a
//! configuration file, or a credential in an error.

mod chain;
mod failure;
mod sign;

use std::sync::Arc;

use http::Request;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::context::Context;
use crate::error::ToolError;
use crate::upstream::{self, Answer, SetupError, Upstream, base, form};
use chain::Chain;

pub(crate) use failure::element;

/// The largest answer that is read.
const MOST_BYTES: usize = 8 << 20;

/// Where AWS is. Credentials come from the environment, a profile, a container or the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The region; `None`: what the environment, the profile or the machine says.
    pub region: Option<String>,
    /// Where every service is asked; `None`: AWS itself, or what `AWS_ENDPOINT_URL` says.
    pub endpoint: Option<String>,
}

/// AWS. Nothing is looked for before the first call.
#[derive(Debug)]
pub(crate) struct Aws {
    chain: Chain,
    endpoint: Option<String>,
}

/// A service of AWS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service {
    /// What people call it.
    pub(crate) name: &'static str,
    /// What the name of its host begins with.
    pub(crate) host: &'static str,
    /// What signatures call it.
    pub(crate) signed: &'static str,
    /// What stands before its operations in `X-Amz-Target`; empty for other protocols.
    pub(crate) target: &'static str,
    /// The version of its JSON protocol.
    pub(crate) json: &'static str,
}

/// One service, ready to be asked.
#[derive(Debug)]
pub(crate) struct Client {
    aws: Arc<Aws>,
    service: Service,
    upstream: Upstream,
}

// === impl Service ===

impl Service {
    /// CloudWatch.
    pub(crate) const CLOUDWATCH: Self = Self {
        name: "CloudWatch",
        host: "monitoring",
        signed: "monitoring",
        target: "GraniteServiceVersion20100801",
        json: "1.0",
    };
    /// CloudWatch Logs.
    pub(crate) const LOGS: Self = Self {
        name: "CloudWatch Logs",
        host: "logs",
        signed: "logs",
        target: "Logs_20140328",
        json: "1.1",
    };
    /// The control plane of Amazon's Prometheus.
    pub(crate) const APS: Self = Self {
        name: "Amazon Managed Service for Prometheus",
        host: "aps",
        signed: "aps",
        target: "",
        json: "",
    };
    /// The control plane of Kubernetes.
    pub(crate) const EKS: Self =
        Self { name: "Amazon EKS", host: "eks", signed: "eks", target: "", json: "" };
    /// Who the caller is.
    pub(crate) const STS: Self =
        Self { name: "AWS STS", host: "sts", signed: "sts", target: "", json: "" };
}

// === impl Aws ===

impl Aws {
    /// # Errors
    /// A region or an endpoint that cannot be used.
    pub(crate) fn new(config: Config) -> Result<Arc<Self>, SetupError> {
        let Config { region, endpoint } = config;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if let Some(odd) =
            region.as_ref().filter(|name| name.is_empty() || !name.bytes().all(plain))
        {
            return Err(SetupError::new(format!("`{odd}` is not a region, such as us-east-1")));
        }
        let endpoint = endpoint.as_deref().map(base).transpose()?;
        Ok(Arc::new(Self { chain: Chain::new(region), endpoint }))
    }

    /// AWS as a test has made it.
    #[cfg(test)]
    pub(crate) fn fixed(
        endpoint: &str,
        credentials: aws_credential_types::Credentials,
    ) -> Arc<Self> {
        let chain = Chain::fixed("eu-test-1", credentials);
        Arc::new(Self { chain, endpoint: Some(endpoint.to_owned()) })
    }

    /// Whether what is asked may be asked without TLS: an emulator.
    ///
    /// # Errors
    /// Nothing says where AWS is.
    pub(crate) async fn is_plain(&self, context: &Context) -> Result<bool, ToolError> {
        let set = self.chain.endpoint(context).await?;
        let endpoint = self.endpoint.as_deref().or(set);
        Ok(endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")))
    }

    /// The region.
    ///
    /// # Errors
    /// Nothing says which.
    pub(crate) async fn region(&self, context: &Context) -> Result<&str, ToolError> {
        self.chain.region(context).await
    }

    /// The key that credentials are known by.
    ///
    /// # Errors
    /// No credentials, or such as have ended.
    pub(crate) async fn access_key(&self, context: &Context) -> Result<String, ToolError> {
        Ok(self.chain.credentials(context).await?.access_key_id().to_owned())
    }

    /// A URL at which AWS tells who this is, for the cluster of that name and for nobody else. It is of
    /// AWS itself whatever stands in for it: clusters ask no one else.
    ///
    /// # Errors
    /// No credentials, or such as have ended.
    pub(crate) async fn presigned_identity(
        &self,
        cluster: &str,
        context: &Context,
    ) -> Result<String, ToolError> {
        let credentials = self.chain.credentials(context).await?;
        let region = self.region(context).await?;
        let host = format!("sts.{region}.{}", domain(region));
        let url = format!("https://{host}/?Action=GetCallerIdentity&Version=2011-06-15");
        let request = Request::get(url).header("x-k8s-aws-id", cluster);
        sign::presigned(request, (region, Service::STS.signed), credentials)
    }

    /// Where a service is.
    async fn url(&self, service: Service, context: &Context) -> Result<String, ToolError> {
        let set = self.chain.endpoint(context).await?;
        if let Some(endpoint) = self.endpoint.as_deref().or(set) {
            return Ok(endpoint.trim_end_matches('/').to_owned());
        }
        let region = self.region(context).await?;
        Ok(format!("https://{}.{region}.{}", service.host, domain(region)))
    }

    /// A request with its signature.
    ///
    /// # Errors
    /// No credentials, or such as have ended.
    pub(crate) async fn signed(
        &self,
        request: http::request::Builder,
        body: String,
        signed: &str,
        context: &Context,
    ) -> Result<Request<http_body_util::Full<bytes::Bytes>>, ToolError> {
        let credentials = self.chain.credentials(context).await?;
        let region = self.region(context).await?;
        let request = sign::signed(request, &body, (region, signed), credentials)?;
        upstream::request(request, body)
    }
}

/// Where the hosts of a region are.
fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

// === impl Client ===

impl Client {
    pub(crate) fn new(aws: &Arc<Aws>, service: Service) -> Self {
        let upstream = Upstream::new(service.name, MOST_BYTES);
        Self { aws: Arc::clone(aws), service, upstream }
    }

    /// Carries out an operation of the JSON protocols (Smithy, "AWS JSON 1.0" and "1.1").
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        operation: &str,
        input: &Value,
        context: &Context,
    ) -> Result<T, ToolError> {
        let Service { target, json, .. } = self.service;
        let url = self.aws.url(self.service, context).await?;
        let request = Request::post(format!("{url}/"))
            .header(CONTENT_TYPE, format!("application/x-amz-json-{json}"))
            .header("x-amz-target", format!("{target}.{operation}"));
        self.send(request, input.to_string(), context).await?.json()
    }

    /// The same of the query protocol, whose answers are XML (Smithy, "AWS query").
    pub(crate) async fn query(
        &self,
        fields: &[(&str, &str)],
        context: &Context,
    ) -> Result<Answer, ToolError> {
        let url = self.aws.url(self.service, context).await?;
        let kind = "application/x-www-form-urlencoded";
        let request = Request::post(format!("{url}/")).header(CONTENT_TYPE, kind);
        self.send(request, form(fields), context).await
    }

    /// Reads a resource (Smithy, "AWS restJson1"); `path` needs no escaping.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        context: &Context,
    ) -> Result<T, ToolError> {
        let url = self.aws.url(self.service, context).await?;
        let (query, mark) = (form(fields), if fields.is_empty() { "" } else { "?" });
        let request = Request::get(format!("{url}{path}{mark}{query}"));
        self.send(request, String::new(), context).await?.json()
    }

    async fn send(
        &self,
        request: http::request::Builder,
        body: String,
        context: &Context,
    ) -> Result<Answer, ToolError> {
        let request = self.aws.signed(request, body, self.service.signed, context).await?;
        let answer = self.upstream.send(request, context).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(failure::of(&answer)) }
    }

    /// AWS itself.
    pub(crate) fn aws(&self) -> &Arc<Aws> {
        &self.aws
    }
}

#[cfg(test)]
pub(crate) mod tests;
