//! A Lambda function as a target.
//!
//! Enters: an `Outbound`. Leaves: a `Reply` in the shape of the modern era, or why there is none. Never: a second
//! try of its own; a function that broke taken for a tool that says no.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use serde_json::{Value, json};
use toolgate_call::{
    Answer, Era, Op, Outbound, Permitted, RawJson, Reason, Refusal, Reply, SpanContext,
};
use toolgate_telemetry::{TargetMetrics, Telemetry};
use tower::{Service, service_fn};

use super::answer::{Answered, Told, told};
use super::context::{About, client_context};
use super::{FunctionError, report, tools};
use crate::builtin::{LIST_TTL_MS, discovery, error, listed, raw, wrong};
use crate::http::{Bounds, Failure, Outgoing, Site, add_context, whose};
use crate::{Credentials, UrlError};

/// The largest event and the largest answer of a call that is waited for (Lambda quotas).
const MOST_BYTES: usize = 6 * 1024 * 1024;

const CLIENT_CONTEXT: HeaderName = HeaderName::from_static("x-amz-client-context");
const INVOCATION_TYPE: HeaderName = HeaderName::from_static("x-amz-invocation-type");
const LOG_TYPE: HeaderName = HeaderName::from_static("x-amz-log-type");
const LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const TRACE: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// How a function is reached.
#[derive(Clone, Debug)]
pub struct FunctionConfig {
    /// Its configured name.
    pub target: Arc<str>,
    /// Where Lambda is.
    pub endpoint: Uri,
    /// Its name or ARN.
    pub function: String,
    /// Its version or alias; `None`: the latest.
    pub qualifier: Option<String>,
    /// How long DNS, TCP and TLS may take together.
    pub connect_timeout: Duration,
    /// How long an answer that has begun may stand still.
    pub idle_timeout: Duration,
    /// The largest answer, in bytes.
    pub max_response: usize,
    /// What signs the requests.
    pub credentials: Credentials,
}

/// The tools that a function has.
#[derive(Clone, Debug)]
pub struct FunctionTools(Vec<Value>);

/// A function as a target.
#[derive(Clone)]
pub struct FunctionTarget(Arc<Inner>);

struct Inner {
    config: FunctionConfig,
    site: Site,
    metrics: Arc<TargetMetrics>,
    base: HeaderMap,
    url: Uri,
    names: HashSet<String>,
    list: RawJson,
}

// === impl FunctionTools ===

impl FunctionTools {
    /// Reads definitions as AgentCore Gateway has them, in JSON or YAML.
    ///
    /// # Errors
    /// What is wrong with which.
    pub fn parse(text: &str) -> Result<Self, FunctionError> {
        let list: Value = serde_saphyr::from_str(text).map_err(|error| {
            let said = error.to_string();
            FunctionError(said.lines().next().unwrap_or_default().to_owned())
        })?;
        tools::read(&list).map(Self).map_err(FunctionError)
    }

    /// The definitions, as `tools/list` has them.
    pub fn definitions(&self) -> impl Iterator<Item = &Value> {
        self.0.iter()
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|tool| tool.get("name").and_then(Value::as_str))
    }
}

// === impl FunctionTarget ===

impl FunctionTarget {
    /// A function. Nothing is connected yet.
    ///
    /// # Errors
    /// A URL that cannot be connected to.
    pub fn new(
        config: FunctionConfig,
        tools: &FunctionTools,
        telemetry: &Arc<Telemetry>,
    ) -> Result<Self, UrlError> {
        let metrics = telemetry.target(&config.target);
        let (connect, credentials) = (config.connect_timeout, config.credentials.clone());
        let site = Site::new(&config.endpoint, connect, credentials, Arc::clone(&metrics))?;
        let mut base = site.headers("application/json");
        let fixed = [
            (header::CONTENT_TYPE, "application/json"),
            (INVOCATION_TYPE, "RequestResponse"),
            (LOG_TYPE, "Tail"),
        ];
        base.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
        let list = json!({
            "resultType": "complete",
            "tools": tools.0,
            "ttlMs": LIST_TTL_MS,
            "cacheScope": "public",
        });
        Ok(Self(Arc::new(Inner {
            url: url(&config)?,
            names: tools.names().map(str::to_owned).collect(),
            config,
            site,
            metrics,
            base,
            list: raw(&list),
        })))
    }

    /// The target as a service.
    pub fn service(
        self,
    ) -> impl Service<Outbound, Response = Reply, Error = Refusal, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static {
        service_fn(move |outbound: Outbound| {
            let inner = Arc::clone(&self.0);
            async move {
                let served = inner.serve(&outbound).await;
                let answer = served.map_err(|failure| failure.refuse(&inner.config.target))?;
                Ok(Reply::one(Era::Modern, answer))
            }
        })
    }
}

impl fmt::Debug for FunctionTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionTarget").field("config", &self.0.config).finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    async fn serve(&self, outbound: &Outbound) -> Result<Answer, Failure> {
        match &outbound.op {
            Op::Call(permitted) => self.call(permitted, outbound).await,
            Op::List { what, cursor } => Ok(listed(what, cursor.is_none(), &self.list)),
            Op::Describe => Ok(Answer::result(discovery())),
            // To call it costs money, and may do something: whether Lambda is there must do.
            Op::Probe => {
                self.site.touch(&outbound.ledger).await?;
                Ok(Answer::result(discovery()))
            }
        }
    }

    async fn call(&self, permitted: &Permitted, outbound: &Outbound) -> Result<Answer, Failure> {
        let Some(plan) = permitted.plan().filter(|plan| plan.is_tool()) else {
            return Err(Failure::Internal("a call of no tool was sent to a target".to_owned()));
        };
        if !self.names.contains(&*plan.name) {
            let message =
                format!("`{}` has no tool `{}`; ask for its list", plan.target, plan.name);
            return Ok(error(&message));
        }
        let call = permitted.call();
        // The event is the arguments, byte for byte.
        let event = call.frame.arguments().unwrap_or(b"{}");
        if event.first() != Some(&b'{') {
            return Ok(wrong("`arguments` must be a JSON object"));
        }
        if event.len() > MOST_BYTES {
            return Ok(wrong("the arguments have more than 6 MiB, which Lambda does not take"));
        }
        let message =
            call.id.as_ref().map_or("", |id| std::str::from_utf8(id.as_bytes()).unwrap_or(""));
        let about = About {
            request: &outbound.request_id,
            message,
            gateway: "toolgate",
            target: &plan.target,
            tool: &plan.full,
        };
        let Some(context) = client_context(about) else {
            return Err(Failure::Internal("a client context that Lambda does not take".to_owned()));
        };
        let headers = self.headers(&context, outbound)?;
        let body = Bytes::copy_from_slice(event);
        self.invoked(Outgoing { headers, body, whose: whose(outbound) }, outbound).await
    }

    fn headers(&self, context: &str, outbound: &Outbound) -> Result<HeaderMap, Failure> {
        let unfit = |_| Failure::Internal("a header that cannot be written".to_owned());
        let mut headers = self.base.clone();
        headers.insert(CLIENT_CONTEXT, HeaderValue::from_str(context).map_err(unfit)?);
        add_context(&mut headers, outbound);
        if let Some(trace) = outbound.trace.map(amzn) {
            headers.insert(TRACE, HeaderValue::from_str(&trace).map_err(unfit)?);
        }
        Ok(headers)
    }

    async fn invoked(&self, outgoing: Outgoing, outbound: &Outbound) -> Result<Answer, Failure> {
        let bytes = self.config.max_response.min(MOST_BYTES + 64 * 1024);
        let bounds = Bounds { bytes, idle: self.config.idle_timeout };
        let to = (Method::POST, &self.url);
        let whole = self.site.ask(to, outgoing, &outbound.ledger, bounds).await?;
        let text =
            |name: &HeaderName| whole.headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(run) = text(&LOG_RESULT).and_then(report::read) {
            outbound.ledger.note_run(run);
            self.metrics.function_ran(run.duration, run.init);
        }
        let answered = Answered {
            status: whole.status.as_u16(),
            function_error: text(&FUNCTION_ERROR),
            error_type: text(&ERROR_TYPE),
            payload: &whole.body,
        };
        let target = &self.config.target;
        let refused = |reason, what: &str, detail: String| {
            Refusal::target(reason, target, format!("`{target}` {what}")).detail(detail)
        };
        match told(answered) {
            Told::Result(result, is_error) => Ok(Answer::Result { raw: raw(&result), is_error }),
            Told::Crashed(how) => {
                let refusal = refused(Reason::Upstream5xx, "broke while it worked on this", how);
                Err(Failure::Refused(Box::new(refusal.after_send())))
            }
            Told::TimedOut(how) => {
                let refusal = refused(Reason::TimeoutTotal, "took all the time it may take", how);
                Err(Failure::Refused(Box::new(refusal.after_send())))
            }
            // Lambda had no room, and so the function has not seen the call.
            Told::Throttled(how) => {
                let refusal = refused(Reason::Upstream429, "has no room for another call", how);
                let refusal = refusal.before_send();
                let wait = text(&header::RETRY_AFTER).and_then(|text| text.trim().parse().ok());
                Err(Failure::Refused(Box::new(match wait {
                    Some(wait) => refusal.retry_after(Duration::from_secs(wait)),
                    None => refusal,
                })))
            }
            Told::Failed(status, how) => {
                tracing::debug!(%target, status, how, "Lambda says no");
                Err(Failure::Status(status, None))
            }
            Told::Garbled(why) => Err(Failure::Unreadable(why)),
        }
    }
}

/// `POST /2015-03-31/functions/FUNCTION/invocations` (Lambda API, `Invoke`).
fn url(config: &FunctionConfig) -> Result<Uri, UrlError> {
    let scheme = config.endpoint.scheme_str().unwrap_or("https");
    let host = config.endpoint.authority().map_or("", |authority| authority.as_str());
    let function = crate::openapi::encoded(&config.function);
    let qualifier = config
        .qualifier
        .as_ref()
        .map(|qualifier| format!("?Qualifier={}", crate::openapi::encoded(qualifier)));
    let path = format!("/2015-03-31/functions/{function}/invocations");
    let text = format!("{scheme}://{host}{path}{}", qualifier.unwrap_or_default());
    text.parse().map_err(|_| UrlError::new("the function's name makes no URL"))
}

/// `X-Amzn-Trace-Id` (AWS X-Ray, "tracing header").
fn amzn(trace: SpanContext) -> String {
    let parent = trace.traceparent();
    let parent = String::from_utf8_lossy(&parent);
    let mut parts = parent.split('-').skip(1);
    let (root, span) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let (time, rest) = root.split_at_checked(8).unwrap_or(("", ""));
    format!("Root=1-{time}-{rest};Parent={span};Sampled={}", u8::from(trace.sampled))
}
